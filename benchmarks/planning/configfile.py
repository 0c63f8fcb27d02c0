"""Reading a config file, and what its words and values must be to become names: of keys, cells and folders."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.data.grid import cells

LONGEST = 200
"""Characters of a cell's name, which is a folder's: file systems take 255 bytes, and a job adds some."""


class ConfigError(ValueError):
    """All that is wrong with a config, one error a line."""


def read(file: Path) -> dict[str, Any]:
    """A config file as it stands, not checked yet.

    Raises ConfigError, with file and line, for what is no YAML and for a key that stands twice, of which YAML would
    take the last and say nothing.
    """
    try:
        text = file.read_text(encoding="utf-8")
        found, repeated = yaml.safe_load(text), list(_repeated(yaml.compose(text, yaml.SafeLoader)))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {str(error).replace('<unicode string>', str(file))}") from error
    if repeated:
        raise ConfigError("\n".join(f"{file}, {line}" for line in repeated))
    if not isinstance(found, dict):
        raise ConfigError(f"{file} holds {found!r}; expected key: value pairs")
    return found


def _repeated(node: yaml.Node | None, above: str = "") -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            where, line = f"{above}{key.value}", key.start_mark.line + 1
            if where in lines:
                yield f"line {line}: {where} stands in line {lines[where]} already; put both together, or delete one"
            lines[where] = line
            yield from _repeated(value, f"{where}.")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item, above)


def unnamed(value: Any, above: str = "") -> Iterator[str]:
    """Keys that are no words: 32 and no are a number and a truth value to YAML, and a NUL can be in no path."""
    for key, below in value.items() if isinstance(value, dict) else ():
        if not isinstance(key, str):
            yield f"{above or 'the config'}: the key {key!r} is no word (YAML); put it in quotes"
        elif not key or not key.isprintable():
            yield f"{above or 'the config'}: the key {key!r} cannot be a name; expected characters that can be printed"
        yield from unnamed(below, f"{above}.{key}" if above else str(key))


def unfit(key: str, grid: dict[str, list[Any]]) -> Iterator[str]:
    """Values of a grid that cannot stand in the name of a cell, which is a folder's or a variant's."""
    for name, values in grid.items():
        for value in values:
            if not re.fullmatch(r"[A-Za-z0-9._+-]+", str(value)):
                yield f"{key}.{name} = {value!r}; expected letters, digits and . _ + - alone: a cell is named after it"
        if len({str(value) for value in values}) < len(values):
            yield f"{key}.{name} = {values}; expected values that are written differently: a cell is named after each"
    if (longest := max(map(len, cells(grid)))) > LONGEST:
        yield f"{key}: a cell's name would have {longest} characters; expected {LONGEST} at most"
