"""What holds for every dataset file; what each of them means is tested in tests/datasets/."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from benchmarks import prepare
from benchmarks.data.storage import load_graph
from benchmarks.jobs.source import literal

MODULES = [f"benchmarks.datasets.{file.stem}" for file in sorted((ROOT / "benchmarks/datasets").glob("[!_]*.py"))]
RAW = [name for name in MODULES if literal(name, "FOLDER") is not None]


@pytest.mark.parametrize("name", RAW)
def test_what_planning_reads_is_literal(name: str) -> None:
    module = import_module(name)
    for what in ("FOLDER", "FILES", "URLS", "SOURCE"):
        assert literal(name, what) == getattr(module, what, None)
    assert literal(name, "TEXT") == (False if getattr(module, "TEXT", None) is False else None)
    assert all(re.fullmatch("[0-9a-f]{64}|", sha256) for sha256 in module.FILES.values()), "nothing where none is known"
    assert set(getattr(module, "URLS", {})) <= set(module.FILES)


def test_a_dataset_that_denies_its_texts_is_refused(tmp_path: Path) -> None:
    code = "from conftest import learnable\nTEXT = False\ndef make(raw, splits): return learnable(students=60)\n"
    (tmp_path / "made_up.py").write_text(code, encoding="utf-8")
    with pytest.raises(ValueError, match="says TEXT = False, and 60 students have one"):
        prepare.run(str(tmp_path / "made_up.py"), ["0"], {}, tmp_path, tmp_path, tmp_path)


def test_the_example_builds_its_graph_at_the_cutoff(tmp_path: Path) -> None:
    course, rng = tmp_path / "mirror" / "my_course", np.random.default_rng(0)
    course.mkdir(parents=True)
    names = [f"s{i}" for i in range(40)]
    left = [3.0 if i < 2 else 35.0 if i % 3 == 0 else np.nan for i in range(40)]  # two before anything is predicted
    pd.DataFrame({"student": names, "dropped_on": left}).to_csv(course / "students.csv", index=False)
    posts = pd.DataFrame({"student": rng.choice(names, 300), "answers": rng.choice([*names, ""], 300)})
    posts = posts.assign(day=rng.integers(1, 60, 300), text=[f"post {i}" for i in range(300)])
    for kind in ("data", "sealed", "other", "unsealed"):
        (tmp_path / kind).mkdir()
    posts.to_csv(course / "posts.csv", index=False)
    asked = ("examples/my_dataset.py", ["0", "1"], {"cutoff": 28}, tmp_path / "mirror")
    prepare.run(*asked, tmp_path / "data", tmp_path / "sealed")
    graph = load_graph(tmp_path / "data")
    assert len(graph) == 38
    kept = posts[(posts["day"] <= 28) & posts["student"].isin(names[2:])]
    assert graph.x[:, 0].sum() == len(kept)
    assert graph.weights.sum() == (kept["answers"].isin(names[2:]) & (kept["answers"] != kept["student"])).sum()
    assert kept.sort_values("day").groupby("student")["text"].last()["s5"] == " ".join(graph.texts[3].split()[:2])

    posts.assign(text=posts["text"].where(posts["day"] <= 28, "later")).to_csv(course / "posts.csv", index=False)
    prepare.run(*asked, tmp_path / "other", tmp_path / "unsealed")
    assert load_graph(tmp_path / "other").texts == graph.texts, "nothing that comes later changes it"
