"""Tables and arrays are read as declared; what is not so is refused by file, place, value and what is expected."""

import gzip
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.data.arrays import read_arrays
from benchmarks.data.raw import RawFileError, made
from benchmarks.data.tables import Column, Columns, read_table, refuse


def table(folder: Path, content: str | bytes) -> Path:
    (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "t.csv"


def test_ids_are_text_and_numbers_are_numbers(tmp_path: Path) -> None:
    file = table(tmp_path, '\ufeffid,n,x,said,more\n01,2, 2.5 ,"NA, or\n\nnone",1\n\n02,3.0,,,\n')
    frame = read_table(file, {"id": str, "n": int, "x": float, "said": str})
    assert frame.index.tolist() == [2, 3], "as a spreadsheet counts"
    assert frame["id"].tolist() == ["01", "02"]
    assert (frame["n"].dtype, frame["n"].tolist()) == (np.int64, [2, 3])
    assert (frame["x"].dtype, frame["x"].fillna(-1).tolist()) == (np.float64, [2.5, -1])
    assert frame["said"].tolist() == ["NA, or\n\nnone", ""]
    whole = read_table(file, {"n": Column(int, empty=True), "more": Column(int, empty=True)})
    assert set(whole.dtypes) == {np.dtype(np.float64)}, "whether or not a cell is empty"
    assert read_table(table(tmp_path, "n\n900719925474099301\n"), {"n": int})["n"].tolist() == [900719925474099301]


def test_a_table_may_be_compressed_have_other_line_ends_and_separators_and_no_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\r1,2\r"))
    assert read_table(tmp_path / "t.csv.gz", {"b": int})["b"].tolist() == [2]
    lines = read_table(table(tmp_path, 'a "b", c\n\nd\n'), {"line": str}, separator="\t", header=False)
    assert lines["line"].to_dict() == {1: 'a "b", c', 2: "", 3: "d"}


@pytest.mark.parametrize(
    ("cell", "column", "expected"),
    [
        ("2.5", int, "a whole number"),
        ("", int, "a whole number"),
        ("nan", float, "a number, or nothing"),
        ("inf", float, "a number, or nothing"),
        ("", Column(float), "a number"),
        (" ", Column(), "a text"),
        ("7", Column(int, range(1, 7)), "a whole number from 1 to 6"),
        ("20.5", Column(float, range(10, 21), empty=True), "a number from 10 to 20, or nothing"),
        ("c", Column(str, ("a", "b")), "one of a, b"),
        ("c", Column(str, pd.Index(["a", "b"]), "somebody of a.csv", empty=True), "somebody of a.csv, or nothing"),
    ],
)
def test_a_cell_is_refused_by_row_column_value_and_what_is_expected(
    tmp_path: Path, cell: str, column: Column | type, expected: str
) -> None:
    good = {"c": "a", "20.5": "20", "7": "6", " ": "x"}.get(cell, "1")
    with pytest.raises(RawFileError) as error:
        read_table(table(tmp_path, f"id,v\n1,{good}\n2,{cell}\n"), {"v": column})
    assert str(error.value) == f"{tmp_path / 't.csv'}, row 3: v is {cell!r}; expected {expected}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,m\n1,2\n", "t.csv: expected one column 'n'; there are id, m"),
        ("n,id,n\n1,2,3\n", "t.csv: expected one column 'n'; there are n, id, n"),
        ("id,n\n1,2\n3,4,5\n", "t.csv is not a whole table .*Row #3: Expected 2 columns, got 3"),
        ("id,n\n1,2\n3\n", "t.csv is not a whole table .*Row #3"),
        (b"id,n\n\xff,2\n", "t.csv is not a whole table in UTF-8 .*Row #2"),
        (b"id,\xff,n\n1,2,3\n", "t.csv is not a whole table in UTF-8"),
        ("", "t.csv is not a whole table .*Empty"),
        ("id,n\n1,2\n1,3\n1,2\n", "t.csv, row 4: id is '1', n is 2; expected each once"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(RawFileError, match=message):
        read_table(table(tmp_path, content), {"id": str, "n": int}, key=["id", "n"])


def test_rows_are_refused_by_other_rules_after_others_are_left_out(tmp_path: Path) -> None:
    file, columns = table(tmp_path, "a,b\n1,1\n2,3\n4,4\n"), {"a": Column(int), "b": Column(int)}
    frame = read_table(file, columns)
    refuse(file, frame, frame["a"] > 4, "nothing of this")
    later = frame[frame["a"] > 1]
    with pytest.raises(RawFileError, match=r"t\.csv, row 4: a is 4, b is 4; expected two students"):
        refuse(file, later, later["a"] == later["b"], "two students")


def test_where_to_get_a_file_again_is_said_once_for_all(tmp_path: Path) -> None:
    module, columns = ModuleType("module"), Columns(n=int)

    def make(raw: Path, splits: list[str]) -> Any:
        return read_table(table(tmp_path, "n\nx\n"), columns)

    module.__dict__.update(make=make, SOURCE="https://example.org")
    message = "row 2: n is 'x'; expected a whole number. Correct the file, or get it again: https://example.org"
    with pytest.raises(RawFileError, match=message) as error:
        made(module, [], {}, tmp_path)
    assert [entry.name for entry in error.traceback][-1] == "refuse", "and where it was found"


def test_arrays_have_the_declared_types_and_shapes(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, x=np.zeros((3, 2), np.float32), y=np.zeros(4, np.int64), z=np.array([{}]))
    assert read_arrays(file, {"x": (np.float32, ("N", 2))})["x"].shape == (3, 2)
    for kinds, message in (
        ({"x": (np.float64, ("N", 2))}, r"a.npz: x is float32 \(3, 2\); expected float64 \('N', 2\)"),
        ({"x": (np.float32, ("N", 3))}, r"x is float32 \(3, 2\); expected float32 \('N', 3\)"),
        ({"x": (np.float32, ("N",))}, "expected float32"),
        ({"x": (np.float32, ("N", 2)), "y": (np.int64, ("N",))}, r"y is int64 \(4,\); expected int64 \(3,\)"),
        ({"w": (np.int64, ("N",))}, "expected the plain arrays w, and reading them failed"),
        ({"z": (object, (1,))}, "reading them failed .*allow_pickle=False"),
    ):
        with pytest.raises(RawFileError, match=message):
            read_arrays(file, kinds)
