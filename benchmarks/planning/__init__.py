"""What is known of a run before it starts: its config and what that means, the machine, the time that it takes."""
