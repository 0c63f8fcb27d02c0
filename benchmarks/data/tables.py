"""Tables as people export them, read as what they say: an id is text, and what a column may not hold is refused by row.

Level 2. A table is text in UTF-8, compressed if its name says so (`.zst`, `.gz`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from benchmarks.data.raw import RawFileError

WRITTEN = {int: r"^-?\d{1,18}(\.0*)?$", float: r"^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"}
STORED = {int: pa.int64(), float: pa.float64()}
NAMES = {str: "a text", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Column:
    """What the cells of a column hold: a `str` as it stands, an `int` or a `float`.

    `allowed` are values, or a range, between whose first and last number any number of that kind may lie; `called` is
    what a message says of them where they are too many to be listed. Only where `empty` may a cell hold nothing: then
    numbers are floats, and NaN is none.
    """

    kind: type = str
    allowed: Collection[Any] | None = None
    called: str = ""
    empty: bool = False

    @property
    def words(self) -> str:
        """What is expected of a cell."""
        kind = NAMES[self.kind]
        if isinstance(self.allowed, range):
            kind += f" from {self.allowed[0]} to {self.allowed[-1]}"
        elif self.allowed is not None and not self.called:
            kind = f"one of {', '.join(map(str, self.allowed))}"
        return (self.called or kind) + ", or nothing" * self.empty

    def allows(self, values: pd.Series) -> pd.Series:
        """Whether each value is one."""
        if isinstance(self.allowed, range):
            return values.between(self.allowed[0], self.allowed[-1])
        return values.notna() if self.allowed is None else values.isin(self.allowed)


Columns = dict[str, Column | type]
PLAIN = {str: Column(str, empty=True), int: Column(int), float: Column(float, empty=True)}


def read_table(
    file: Path,
    columns: Mapping[str, Column | type],
    key: Sequence[str] = (),
    separator: str = ",",
    header: bool = True,
) -> pd.DataFrame:
    """`columns` of a table, whose index is the number of the row as a spreadsheet counts, the header being the first.

    A type stands for a column of anything of its kind: `str` and `float` may be empty. No two rows have the same
    `key`. Without a header the columns are these, an empty line counts as a row, and a quote is a letter. Raises
    RawFileError for what is no table, for a column that is not there once, and for the first cell that a column does
    not allow, with file, row, column, value, and what is expected.
    """
    asked = {name: PLAIN[column] if isinstance(column, type) else column for name, column in columns.items()}
    try:
        table = pa.csv.read_csv(
            file,
            # one thread, so that an error names the row
            pa.csv.ReadOptions(use_threads=False, column_names=None if header else list(asked)),
            pa.csv.ParseOptions(
                delimiter=separator,
                quote_char='"' if header else False,
                newlines_in_values=True,
                ignore_empty_lines=header,
            ),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(asked, pa.string())),
        )
        names = table.column_names
    except (OSError, ValueError) as error:  # broken compression; bytes that are not UTF-8, or too many cells
        raise RawFileError(f"{file} is not a whole table in UTF-8 ({error})") from error
    if wrong := [name for name in asked if names.count(name) != 1]:
        raise RawFileError(f"{file}: expected one column {wrong[0]!r}; there are {', '.join(names)}")
    rows = pd.RangeIndex(len(table)) + (2 if header else 1)
    frame = pd.DataFrame({name: _values(file, name, table[name], c, rows) for name, c in asked.items()}, rows)
    if key:
        refuse(file, frame[list(key)], frame.duplicated(list(key)), "each once")
    return frame


def refuse(file: Path, values: pd.Series | pd.DataFrame, wrong: pd.Series | np.ndarray, expected: str) -> None:
    """Raise RawFileError about the first of the marked rows, if there is one; the index of `values` is the row."""
    marked = np.asarray(wrong)
    if marked.any():
        first = pd.DataFrame(values).iloc[[int(marked.argmax())]]
        found = ", ".join(f"{name} is {value!r}" for name, value in first.to_dict("records")[0].items())
        raise RawFileError(f"{file}, row {first.index[0]}: {found}; expected {expected}")


def _values(file: Path, name: str, cells: pa.ChunkedArray, column: Column, rows: pd.Index) -> pd.Series:
    """Cells converted, or refused."""
    text = pc.utf8_trim_whitespace(cells)
    values, empty = cells, pc.equal(text, "").to_numpy()
    if column.kind is not str:
        text = pc.if_else(pc.match_substring_regex(text, WRITTEN[column.kind]), text, None)
        if column.kind is int:
            text = pc.replace_substring_regex(text, r"\.0*$", "")
        values = pc.cast(text, STORED[column.kind])
    found = values.to_pandas().set_axis(rows)
    good = np.where(empty, column.empty, column.allows(found))
    refuse(file, cells.to_pandas().set_axis(rows).rename(name), ~good, column.words)
    return found.astype(float) if column.empty and column.kind is not str else found
