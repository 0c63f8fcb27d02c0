"""One file a table: `make(records) -> DataFrame`."""
