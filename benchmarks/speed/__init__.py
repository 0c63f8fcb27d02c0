"""What is timed: one module a suite, with `groups(**sizes)` to be compared and `cases(device, **options)` of each."""
