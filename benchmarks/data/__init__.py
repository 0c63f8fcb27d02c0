"""What a dataset is: its raw files, its graph on disk and in the cache, its grid of options, and what it is like."""
