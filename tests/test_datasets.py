"""What holds for every dataset file; what each of them means is tested in tests/datasets/."""

import re
from importlib import import_module

import pytest
from conftest import ROOT

from benchmarks.jobs.source import literal

MODULES = [f"benchmarks.datasets.{file.stem}" for file in sorted((ROOT / "benchmarks/datasets").glob("[!_]*.py"))]
RAW = [name for name in MODULES if literal(name, "FOLDER") is not None]


@pytest.mark.parametrize("name", RAW)
def test_what_planning_reads_is_literal(name: str) -> None:
    module = import_module(name)
    for what in ("FOLDER", "FILES", "URLS", "SOURCE"):
        assert literal(name, what) == getattr(module, what, None)
    assert all(re.fullmatch("[0-9a-f]{64}|", sha256) for sha256 in module.FILES.values()), "nothing where none is known"
    assert set(getattr(module, "URLS", {})) <= set(module.FILES)
