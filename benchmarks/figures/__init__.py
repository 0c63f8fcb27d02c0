"""One file a figure: `make(records) -> Figure`."""
