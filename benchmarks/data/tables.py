"""Tables as people export them, read as what they say: an id is text, and a number is one or is refused with its row.

Level 2.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def read_table(file: Path, columns: Mapping[str, type]) -> pd.DataFrame:
    """`columns` of a CSV file: `str` as it stands, `float` with NaN where nothing stands, or `int`.

    Raises ValueError for a column that is not there and for a cell that is no number, naming file, row and column; rows
    are counted as a spreadsheet does, the header being the first.
    """
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first cells for names of rows
        raise ValueError(f"{file}: rows have more cells than the header; take the last comma of each away")
    if absent := [name for name in columns if name not in frame]:
        raise ValueError(f"{file}: no column {absent[0]!r}; there are {', '.join(map(repr, frame))}")
    return pd.DataFrame({name: _converted(file, frame[name], kind) for name, kind in columns.items()})


def unique(file: Path, column: pd.Series) -> pd.Index:
    """A column as an index; raises ValueError where two rows have the same value, or one has none."""
    wrong = column.duplicated() | (column == "")
    if wrong.any():
        row = wrong.to_numpy().argmax()
        found = f"is {column.iloc[row]!r} once more" if column.iloc[row] else "is empty"
        raise ValueError(f"{file}, row {row + 2}: {column.name} {found}; expected each once")
    return pd.Index(column)


def _converted(file: Path, column: pd.Series, kind: type) -> pd.Series:
    if kind is str:
        return column
    numbers = pd.to_numeric(column.where(column.str.strip() != ""), errors="coerce")
    wrong = numbers.isna() if kind is int else numbers.isna() & (column.str.strip() != "")
    wrong |= (numbers % 1 != 0) if kind is int else False
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        expected = "a whole number" if kind is int else "a number, or nothing"
        raise ValueError(f"{file}, row {row + 2}: {column.name} is {column.iloc[row]!r}; expected {expected}")
    return numbers.astype("int64" if kind is int else "float64")
