"""The levels: dependencies point downward only, and light verbs stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

LEVELS = {"sgn": 0, "baselines": 1, "benchmarks": 2}


def imports(file: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = [p for level in LEVELS for p in sorted((ROOT / level).rglob("*.py"))]


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downward(file: Path) -> None:
    mine = file.relative_to(ROOT).parts[0]
    for name in imports(file):
        top = name.split(".")[0]
        assert LEVELS.get(top, -1) <= LEVELS[mine], f"{name} stands above {mine}"
        if mine == "baselines":
            assert top != "baselines", "a baseline imports no other"
    if mine == "sgn":
        assert not {"json", "pathlib", "yaml", "pandas", "os"} & imports(file), "the method knows no files"


ROOMS = ("jobs", "data", "datasets", "training", "speed", "planning", "contract", "analysis", "tables", "figures")
"""Of the instrument, each of which uses those before it."""
IN_ROOMS = [p for p in FILES if len(p.relative_to(ROOT).parts) > 2]


@pytest.mark.parametrize("file", IN_ROOMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_uses_those_before_it_and_no_verb(file: Path) -> None:
    room = file.relative_to(ROOT).parts[1]
    allowed = ROOMS[: ROOMS.index(room) + 1]
    for name in imports(file):
        if name.startswith("benchmarks."):
            assert name.split(".")[1] in allowed, f"{name} is not before {room}"


ON_TOP = [p for p in FILES if p.parent == ROOT / "benchmarks" and p.stem != "__init__"]


@pytest.mark.parametrize("file", ON_TOP, ids=lambda p: p.stem)
def test_no_verb_imports_another(file: Path) -> None:
    if file.stem not in ("cli", "worker"):  # which start them
        assert not {f"benchmarks.{p.stem}" for p in ON_TOP} & imports(file)


def test_every_folder_of_the_instrument_is_a_room() -> None:
    assert {p.relative_to(ROOT).parts[1] for p in IN_ROOMS} == set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_score_opens_the_seal(file: Path) -> None:
    if file.name not in ("score.py", "storage.py"):
        assert "load_test" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_predictions_have_one_owner(file: Path) -> None:
    if file != ROOT / "benchmarks/data/predictions.py":
        assert "predictions.npz" not in file.read_text(encoding="utf-8")


COMPUTES = ("alerts", "comparisons", "controls", "fairness", "metrics", "networks", "scoring", "stats")


@pytest.mark.parametrize("name", COMPUTES)
def test_what_computes_a_score_touches_no_file(name: str) -> None:
    files = {"pathlib", "json", "benchmarks.data.storage", "benchmarks.data.parquet", "benchmarks.analysis.records"}
    assert not files & imports(ROOT / "benchmarks" / "analysis" / f"{name}.py")


def loaded(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`."""
    tail = "\nimport sys; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_light_verbs_load_no_torch() -> None:
    tables = "; ".join(f"import benchmarks.tables.{p.stem}" for p in (ROOT / "benchmarks/tables").glob("[a-z]*.py"))
    figures = "; ".join(f"import benchmarks.figures.{p.stem}" for p in (ROOT / "benchmarks/figures").glob("[a-z]*.py"))
    code = f"import benchmarks.table, benchmarks.figure, benchmarks.summary; {tables}; {figures}"
    assert not {"torch", "transformers", "sklearn"} & loaded(code)


def test_the_command_line_and_the_supervisor_load_next_to_nothing() -> None:
    heavy = {"torch", "transformers", "numpy", "pandas", "sklearn", "optuna"}
    assert not heavy & loaded("import benchmarks.cli, benchmarks.jobs.supervise")


def test_planning_loads_no_torch() -> None:
    assert not {"torch", "torch_geometric", "transformers", "pandas"} & loaded(
        "import benchmarks.planning.config, benchmarks.jobs.source, benchmarks.data.raw, benchmarks.planning.workflow"
    )


def test_training_an_mlp_loads_no_transformers_and_no_pyg() -> None:
    code = "import benchmarks.tune, benchmarks.train, baselines.mlp, sgn.model"
    assert not {"transformers", "torch_geometric", "sklearn", "matplotlib"} & loaded(code)


def test_the_method_loads_neither_pyg_nor_transformers_before_they_are_asked_for() -> None:
    modules = ", ".join(f"sgn.{p.stem}" for p in (ROOT / "sgn").glob("[a-z]*.py"))
    assert not {"transformers", "torch_geometric"} & loaded(f"import sgn, {modules}")
