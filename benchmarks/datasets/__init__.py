"""One file a dataset: `make(raw, splits, **options) -> Dataset`."""
