"""Records on disk: a damaged file is never another number."""

import random
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from benchmarks.analysis import records
from benchmarks.data import parquet
from benchmarks.jobs import checksums, outcome

TRIES = 150


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """A kept dataset's records, written by what writes them now."""
    kept = next((ROOT / "results" / "reference").glob("default@*/records/synthetic"))
    folder = tmp_path / "synthetic"
    folder.mkdir()
    for file in kept.iterdir():
        if file.suffix == ".parquet":
            parquet.write(pd.read_parquet(file), folder / file.name)
        elif file.name != checksums.FILE:
            (folder / file.name).write_bytes(file.read_bytes())
    checksums.write(folder)
    return folder


def flips(file: Path, first: int, last: int) -> list[bytes]:
    """The file with one bit changed, at random places from `first` to before `last`."""
    written, drawn = file.read_bytes(), random.Random(0)
    places = drawn.sample(range(first, last), min(TRIES, last - first))
    return [written[:p] + bytes([written[p] ^ 1 << drawn.randrange(8)]) + written[p + 1 :] for p in places]


def test_a_flipped_bit_among_the_numbers_is_refused_by_name(scored: Path) -> None:
    file = scored / "runs.parquet"
    written, sound = file.read_bytes(), parquet.read(file)
    footer = len(written) - 8 - int.from_bytes(written[-8:-4], "little")
    refused = 0
    for damaged in flips(file, 4, footer):
        file.write_bytes(damaged)
        try:
            pd.testing.assert_frame_equal(parquet.read(file), sound, check_exact=True)
        except checksums.DamageError as error:
            refused += str(file) in str(error)
    assert refused > 0.9 * TRIES, "the rest are bits that say nothing"


def test_a_flipped_bit_anywhere_empties_the_cells_of_the_dataset(scored: Path) -> None:
    file = scored / "runs.parquet"
    sound = records.load([scored], [], "snakemake")
    assert len(sound.runs)
    for damaged in flips(file, 0, file.stat().st_size):
        file.write_bytes(damaged)
        ended = outcome.read(scored)
        assert ended.status == outcome.FAILED
        assert str(file) in ended.reason
    found = records.load([scored], [], "snakemake")
    assert found.runs.empty
    (cause,) = found.empty()
    assert str(file) in cause.reason
    assert cause.retry == f"snakemake -R {scored}"


def test_records_are_the_same_bytes_and_any_pandas_reads_them(scored: Path, tmp_path: Path) -> None:
    file = scored / "runs.parquet"
    frame = parquet.read(file)
    parquet.write(frame, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == file.read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(file), frame, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet(file, engine="pyarrow"), frame, check_exact=True)


def test_records_have_one_reader_and_one_writer() -> None:
    for source in (ROOT / "benchmarks").rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        assert source.name == "parquet.py" or ".to_parquet(" not in text, source
        assert source.name == "parquet.py" or "read_parquet(" not in text, source
