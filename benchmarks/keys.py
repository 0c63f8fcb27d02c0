"""Verb `keys`: every key of a config, with its meaning, what is allowed and what it is when it is not there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.planning.config import schema

HEAD = """# Keys of a config

Made of [config/schema.yaml](../config/schema.yaml) by `sgn keys`. A key that is not there has its default; one without
a default may be left out, but for those in bold. `config/mine.yaml` is a small config to begin with.

| key | meaning | allowed | default |
| --- | --- | --- | --- |
"""


def run(output: Path) -> None:
    """Write the page."""
    whole = schema()
    rows = _rows(whole, whole["$defs"], "")
    output.write_text(HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows), encoding="utf-8")


def _rows(part: dict[str, Any], named: dict[str, Any], above: str) -> Iterator[tuple[str, str, str, str]]:
    """A row a key of an object, and of the objects in it."""
    for key, entry in part.get("properties", {}).items():
        whole = named.get(entry.get("$ref", "").rpartition("/")[2], {}) | entry
        name = f"`{above}{key}`"
        default = f"`{json.dumps(whole['default'])}`" if "default" in whole else ""
        allowed = whole.get("description", "").replace("|", "\\|")
        yield f"**{name}**" if key in part.get("required", []) else name, whole.get("title", ""), allowed, default
        yield from _rows(whole, named, f"{above}{key}.")
        below = whole.get("additionalProperties", {})
        if isinstance(below, dict):
            inner = next((kind for kind in below.get("anyOf", []) if "properties" in kind), below)
            yield from _rows(inner, named, f"{above}{key}.<name>.")
