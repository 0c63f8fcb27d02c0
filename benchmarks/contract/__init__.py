"""What a model must keep to, as checks on small made-up student graphs."""
