"""The workflow as a user meets it: plans, reruns, kills, and the same bytes whatever the cores."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, copy_workflow, run

from benchmarks.analysis.rows import DASH

pytestmark = pytest.mark.slow

NOBODY = "http://127.0.0.1:9"
NEW_MODEL = '''"""A new model: logistic regression on the features."""
from dataclasses import dataclass
from optuna.distributions import FloatDistribution
from torch import nn

@dataclass(frozen=True)
class Config:
    """Knobs."""
    lr: float = 1e-2
    weight_decay: float = 1e-3

SPACE = {"lr": FloatDistribution(1e-3, 1e-1, log=True)}

class Logistic(nn.Module):
    """One linear map."""
    def __init__(self, config, view):
        super().__init__()
        self.linear = nn.Linear(view.graph.num_features, view.num_outputs)

    def forward(self, graph):
        """Logits."""
        return self.linear(graph.x)

build = Logistic
'''


def plan(folder: Path) -> Counter[str]:
    """Jobs a rule that Snakemake would run, `all` left out."""
    done = run(["snakemake", "-n"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    if "Nothing to be done" in done.stdout + done.stderr:
        return Counter()
    stats = (done.stdout + done.stderr).rsplit("Job stats:", 1)[1]
    return Counter(
        {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if rule not in ("all", "total")}
    )


def config(bert: Path) -> dict:
    """A tier so small that it runs in seconds: one split, three models, a Transformer of random weights.

    Of its two datasets one is not available.
    """
    small = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    small["datasets"] = {
        "reed": {"make": "benchmarks.datasets.facebook100", "splits": [0], "school": "Reed98"},
        "synthetic": {"make": "benchmarks.datasets.synthetic", "splits": [0], "students": 120},
        "phase": {
            "make": "benchmarks.datasets.synthetic", "splits": [0], "students": 60, "trials": 0, "seeds": [0],
            "grid": {"text_signal": [0.0, 0.5], "graph_signal": [0.0, 0.4]}, "models": ["mlp", "bert-gcn", "oracle"],
        },
    }  # fmt: skip
    recipe = {"weights": str(bert), "tokens": 8, "finetune": "top-1", "texts": 20, "epochs": 1, "patience": 1}
    small["recipes"] = {"minilm": recipe | {"trials": 1}}
    small["controls"] = {"majority": "baselines.majority"}
    there = {"datasets": ["synthetic"]}
    small["models"] = {
        "mlp": "baselines.mlp",
        "gcn": {"module": "baselines.gcn"} | there,
        "bert-gcn": {"module": "sgn.model", "recipe": "minilm"} | there,
    }
    small |= {"seeds": [0], "epochs": 3, "patience": 2}
    small["ablations"] = {"structure": {"gcn": {"no edges": {"graph": "no_edges"}}}}
    small["tables"] = ["main", "classes"]
    return small


def workflow(folder: Path, bert: Path) -> Path:
    copy_workflow(folder)
    (folder / "config" / "default.yaml").write_text(yaml.safe_dump(config(bert), sort_keys=False), encoding="utf-8")
    me = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for call in (["init", "-q"], ["add", "."], [*me, "commit", "-qm", "All of it"]):
        subprocess.run(["git", *call], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def away() -> Iterator[None]:
    """No mirror, and a network that leads to the discard port, where nobody listens."""
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in {"SGN_MIRROR": "nowhere", "https_proxy": NOBODY, "HTTPS_PROXY": NOBODY}.items():
            environment.setenv(variable, value)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_bert: Path) -> Path:
    """A workflow that has run to its end on two cores."""
    folder = workflow(tmp_path_factory.mktemp("finished"), small_bert)
    done = run(["snakemake", "--cores", "2"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 of 10 cells are filled." in done.stdout + done.stderr
    return folder


def held_to_bytes(folder: Path) -> dict[str, str]:
    """Hash of each file that must not depend on cores, kills or the time of day."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for kind in ("data", "sealed", "states", "tuning", "predictions", "records", "tables", "figures")
        for file in sorted((folder / "results" / "smoke" / kind).rglob("*"))
        if file.is_file() and file.name not in ("provenance.json", ".snakemake_timestamp")
    }


def test_a_rerun_does_nothing(finished: Path) -> None:
    began = time.monotonic()
    done = run(["snakemake", "--cores", "2"], finished)
    assert "Nothing to be done" in done.stdout + done.stderr
    assert time.monotonic() - began < 60, "the README promises ten seconds; a busy machine may take longer"


@contextmanager
def changed(file: Path, old: str, new: str) -> Iterator[None]:
    """A file with `old` replaced, put back afterwards; a file that is not there comes and goes."""
    before = file.read_text(encoding="utf-8") if file.exists() else None
    assert before is None or old in before
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(new if before is None else before.replace(old, new, 1), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink() if before is None else file.write_text(before, encoding="utf-8")


OUTPUTS = {"score": 1, "table": 2, "figure": 1, "check": 1}
MLP, GCN, CONFIG = "baselines/mlp.py", "baselines/gcn.py", "config/default.yaml"
NEW_LINE = ("def make(", "CHANGED = True\n\n\ndef make(")
CHANGES = {  # what is changed, and the jobs that this asks for: where two changes share a dry run, their sum
    "a comment and a docstring": (
        [
            (MLP, "build = MLP", "build = MLP  # with the shared loop"),
            ("sgn/blocks.py", '"""The blocks', '"""The very blocks'),
        ],
        {},
    ),
    "a model, and another that is broken": (
        [(GCN, "return self.stack(", "return 2 * self.stack("), (MLP, "class MLP", "class class MLP")],
        {"tune": 1 + 2, "train": 1 + 2 + 1, **OUTPUTS, "score": 3},
    ),
    "blocks": (
        [("sgn/blocks.py", "functional.gelu", "functional.relu")],
        {"tune": 4, "train": 4 + 2, **OUTPUTS, "score": 3},
    ),
    "a figure, a table and a new table": (
        [
            ("benchmarks/figures/main.py", *NEW_LINE),
            ("benchmarks/tables/classes.py", *NEW_LINE),
            (CONFIG, "- main\n- classes", "- main\n- ablations\n- classes"),
        ],
        {"figure": 1, "table": 1 + 1, "check": 1},  # the check waits for each output that there is
    ),
    "a new seed": (
        [(CONFIG, "seeds:\n- 0\n", "seeds:\n- 0\n- 1\n")],
        {"finetune": 1, "train": 4 + 2, "oracle": 1, **OUTPUTS, "score": 2},
    ),
    "numbers that change places": (
        [(CONFIG, "\nepochs: 3", "\nepochs: 2"), (CONFIG, "\npatience: 2", "\npatience: 3")],
        {"tune": 4, "train": 4 + 2 + 2, **OUTPUTS, "score": 3},
    ),
    "a variant": (
        [(CONFIG, "      no edges:", "      wide:\n        width: 128\n      no edges:")],
        {"train": 1, **OUTPUTS},
    ),
    "a new dataset": (
        [
            (
                CONFIG,
                "  synthetic:\n",
                "  other:\n    make: benchmarks.datasets.synthetic\n    splits: [0]\n    draw: 5\n  synthetic:\n",
            ),
            (CONFIG, "datasets: &id001\n    - synthetic\n", "datasets: &id001\n    - synthetic\n    - other\n"),
        ],
        {"prepare": 1, "encode": 1, "tune_recipe": 1, "finetune": 1, "tune": 3, "train": 4, "oracle": 1} | OUTPUTS,
    ),
}


@pytest.mark.parametrize(("edits", "jobs"), CHANGES.values(), ids=CHANGES)
def test_a_change_runs_what_it_must(finished: Path, edits: list[tuple[str, str, str]], jobs: dict[str, int]) -> None:
    with ExitStack() as stack:
        for file, old, new in edits:
            stack.enter_context(changed(finished / file, old, new))
        assert plan(finished) == Counter(jobs)


LEAK = {"dataset": "synthetic", "control": "permuted labels", "model": "bert-gcn", "variant": "permuted labels"}
LEAK |= {"runs": 5, "value": 0.3, "error": 0.01, "freedom": 4.0}
LOST = {"dataset": "synthetic", "model": "gcn", "variant": "base", "status": "failed", "reason": "no luck"}
LOST |= {"origin": "results/smoke/tuning/synthetic/gcn"}
BAD_ENDS = {  # the file that is spoilt, by what, and what is said
    "a control": ("controls", LEAK, "FAILS: synthetic: BERT+GCN, permuted labels ranks at chance: off by +0.300"),
    "a cell": (
        "cells",
        LOST,
        "failed: synthetic/gcn\n  why: no luck\n  again: snakemake --cores all -R results/smoke/tuning",
    ),
}


@pytest.mark.parametrize(("kind", "row", "said"), BAD_ENDS.values(), ids=BAD_ENDS)
def test_what_fails_ends_the_workflow_after_all_outputs_are_there(
    finished: Path, kind: str, row: dict, said: str
) -> None:
    """And is asked for again, until it holds; nothing else is made anew or lost by it; the summary is printed."""
    name = "controls" if kind == "controls" else "outcomes"
    file, verdict = finished / f"results/smoke/records/synthetic/{name}.parquet", finished / f"results/smoke/{kind}.txt"
    sums, check = file.with_name("checksums.json"), Counter({"check": 1})
    sound, listed, outputs = file.read_bytes(), sums.read_bytes(), held_to_bytes(finished)
    verdict.unlink()
    try:
        rows = pd.read_parquet(file) if kind == "cells" else pd.DataFrame()
        kept = rows[rows["model"] != row["model"]].to_dict("records") if kind == "cells" else []
        pd.DataFrame([*kept, row]).to_parquet(file)
        sums.unlink()  # a leak or a loss, not damage
        for _ in range(2):
            assert plan(finished) == check
            done = run(["snakemake", "--cores", "2"], finished)
            assert done.returncode == 1
            assert said in done.stdout + done.stderr
            assert " of 10 cells are filled." in done.stdout + done.stderr
            assert not verdict.exists()
    finally:
        file.write_bytes(sound)
        sums.write_bytes(listed)
    assert plan(finished) == check
    done = run(["snakemake", "--cores", "2"], finished)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict.read_text(encoding="utf-8").startswith({"controls": "0 of ", "cells": "8 of 10"}[kind])
    assert held_to_bytes(finished) == outputs


def test_a_new_model_is_one_file_and_one_line(finished: Path) -> None:
    with (
        changed(finished / "my_model.py", "", NEW_MODEL),
        changed(
            finished / "config" / "default.yaml", "  mlp: baselines.mlp", "  mlp: baselines.mlp\n  mine: my_model.py"
        ),
    ):
        assert plan(finished) == Counter({"tune": 2, "train": 2, **OUTPUTS, "score": 2})


def test_cells_with_the_same_texts_share_a_finetuning(finished: Path) -> None:
    """Two on the dataset (a trial, and the reporting seed), two for the family's four cells, which have two texts."""
    assert len(list((finished / "cache" / "finetuned").glob("*/arrays.npz"))) == 2 + 2


def test_a_failing_model_loses_its_own_cells(finished: Path, tmp_path: Path) -> None:
    """And when it is mended and retried, on one core for a change, everything is as if it had never failed."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder, copy_function=shutil.copy2)
    gcn, old = folder / "baselines/gcn.py", "        return self.stack(tabular(graph, self.config), graph)"
    broken = "        if __import__('pathlib').Path('broken').exists():\n            raise RuntimeError('no luck')\n"
    good = (folder / "results/smoke/tables/main.csv").read_text(encoding="utf-8").splitlines()
    (folder / "broken").touch()
    table = "results/smoke/tables/main.md"
    with changed(gcn, old, broken + old):
        done = run(["snakemake", "--cores", "2", table], folder)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = (folder / table).read_text(encoding="utf-8")
        assert re.search(rf"\| GCN \[b\] +\| {DASH} ", shown)
        assert "[b] failed: AllLostError: all 2 trials failed; the first: RuntimeError: no luck" in shown
        bad = (folder / "results/smoke/tables/main.csv").read_text(encoding="utf-8").splitlines()
        assert [a == b for a, b in zip(good, bad, strict=True)].count(False) == 1, "all other rows stay as they are"

        retry = re.search(r"again: snakemake --cores all (-R \S+tuning\S+)", done.stdout)
        assert retry
        (folder / "broken").unlink()
        done = run(["snakemake", "--cores", "1", table, *retry[1].split()], folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert held_to_bytes(folder) == held_to_bytes(finished)


def test_same_bytes_on_one_core_after_a_kill(finished: Path, tmp_path: Path, small_bert: Path) -> None:
    folder = workflow(tmp_path, small_bert)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["snakemake", "--cores", "1", "results/smoke/predictions/synthetic/bert-gcn"]
    env = os.environ | {"PYTHONPATH": str(folder), "PATH": path}
    first = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while not list((folder / "results/smoke/tuning").glob("*/*.part-*")):  # in the middle of a study
        assert time.monotonic() < deadline, "no study has begun"
        assert first.poll() is None, "the workflow ended early"
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)  # the workflow alone: its jobs have to notice by themselves
    first.wait()
    done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    made, expected = held_to_bytes(folder), held_to_bytes(finished)
    assert made == {file: expected[file] for file in made}
    kinds = {file.split("/")[2] for file in made}
    assert kinds == {"data", "sealed", "states", "tuning", "predictions"}, "for what follows see the failing model"


def test_a_reference_holds_all_that_tables_need(finished: Path, small_bert: Path, tmp_path: Path) -> None:
    reference = tmp_path / "smoke@here"
    stale = finished / "results" / "smoke" / "records" / "stale"  # of an earlier config, by code that was not committed
    stale.mkdir()
    (stale / "provenance.json").write_text('{"command": "sgn score", "commit": "0+"}', encoding="utf-8")
    keep = ["sgn", "keep", "--results", "results/smoke", "--config", "config/default.yaml", "--output", str(reference)]
    done = run(keep, finished)
    shutil.rmtree(stale)
    assert done.returncode == 0, done.stderr
    with changed(finished / CONFIG, "trials: 2", "trials: 3"):
        refused = run(keep, finished)
    assert refused.returncode != 0
    assert "tune --trials: 2, and the config asks for 3 (2 steps)" in refused.stderr, (
        "the third leaves one to its recipe"
    )
    assert sorted(folder.name for folder in (reference / "records").iterdir()) == ["phase", "reed", "synthetic"]
    provenance = json.loads((reference / "provenance.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((small_bert / "model.safetensors").read_bytes()).hexdigest()
    assert provenance["weights"] == {str(small_bert): digest}
    assert {verb: v["jobs"] for verb, v in provenance["verbs"].items()} == {
        "prepare": 3, "encode": 2, "tune-recipe": 1, "finetune": 2, "tune": 3, "train": 6, "oracle": 2, "score": 3,
    }  # fmt: skip
    again = ["sgn", "table", "--name", "benchmarks.tables.main", "--output", str(tmp_path / "main")]
    again += ["--records-of", *(str(reference / "records" / name) for name in ("reed", "synthetic"))]
    again += ["--workflow", "snakemake --cores all"]
    again += ["--models", "majority", "mlp", "gcn", "bert-gcn", "oracle"]
    assert run(again, finished).returncode == 0
    assert (tmp_path / "main.csv").read_bytes() == (finished / "results/smoke/tables/main.csv").read_bytes()


def test_a_second_workflow_waits_its_turn(finished: Path) -> None:
    script = "from pathlib import Path; from benchmarks.planning.workflow import hold_lock\n"
    script += "hold_lock(Path('results/smoke')); print('held', flush=True); input()"
    holding = [sys.executable, "-c", script]
    with (
        changed(finished / "benchmarks/figures/main.py", *NEW_LINE),
        subprocess.Popen(holding, cwd=finished, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = run(["snakemake", "--cores", "1"], finished)
        holder.communicate("\n")
    assert refused.returncode != 0
    assert "another snakemake is writing results/smoke" in refused.stdout + refused.stderr


def test_a_wrong_config_stops_before_any_job(finished: Path) -> None:
    with changed(finished / "config" / "default.yaml", "trials: 2", "trails: 2"):
        done = run(["snakemake", "--cores", "1"], finished)
    assert done.returncode != 0
    assert "unknown key 'trails' (did you mean 'trials'?)" in done.stdout + done.stderr


def test_without_mirror_and_network_the_rest_is_there(finished: Path) -> None:
    table = (finished / "results/smoke/tables/main.md").read_text(encoding="utf-8")
    assert re.search(r"synthetic.*\| Majority +\| 0\.\d{3}", table)
    assert "[a] not available: facebook100/Reed98.mat is not available" in table
    assert "d12ec74dc8c6e237385975b976c3709555a83629a1260be693fb688e3446070e" in table
    assert "put it at data/facebook100/Reed98.mat, and give the same command again" in table
    try:
        with changed(
            finished / "data/facebook100/Reed98.mat", "", "not the real one, which would have to be made anew"
        ):
            again = {"prepare": 1, "tune": 1, "train": 2}
            assert plan(finished) == Counter({**again, **OUTPUTS}), "by the same command"
    finally:
        shutil.rmtree(finished / "data")
    assert plan(finished) == Counter()
