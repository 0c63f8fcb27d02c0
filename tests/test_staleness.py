"""What a plan takes for changed: Snakemake compares the sorted values of a job's params, and forgets their names."""

import hashlib
import itertools
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, planned_flow

from benchmarks.jobs import environment, outcome
from benchmarks.jobs.outcome import Outcome
from benchmarks.planning import workflow

Plan = dict[tuple[str, str], set[Any]]
TRAINED = {"tune", "train", "time_models"}
FINETUNED = {"tune_recipe", "finetune"}
ON_DEVICE = TRAINED | FINETUNED | {"encode"}
KEYS = {  # a key of the config, and the rules that depend on it by themselves
    "epochs": TRAINED,
    "patience": TRAINED,
    "trials": {"tune"},
    "threads": ON_DEVICE | {"time_suite"},
    "timing.rounds": {"time_suite"},
    "datasets.synthetic.students": {"prepare"},
    "datasets.phase.students": {"prepare"},
    "recipes.minilm.tokens": ON_DEVICE - {"tune"},
    "recipes.minilm.texts": FINETUNED | {"train", "time_models"},
    "recipes.minilm.epochs": FINETUNED | {"train", "time_models"},
    "recipes.minilm.patience": FINETUNED | {"train", "time_models"},
    "recipes.minilm.trials": FINETUNED | {"tune", "train", "time_models"},
}
LISTS = {
    "seeds": {"finetune", "train", "oracle", "time_models"},
    "selection_seeds": {"tune", "tune_recipe"},
}


def tier() -> dict[str, Any]:
    """The smoke tier, with something to time, and numbers that all differ."""
    small = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    small["timing"] |= {
        "suites": {"propagate": {"students": 400, "edges": 600, "width": 8}},
        "cost": ["synthetic"],
        "figures": ["growth"],
    }
    small["datasets"]["phase"]["models"].append("mlp")
    del small["datasets"]["phase"]["seeds"]
    for number, key in enumerate(KEYS, start=7):
        put(small, key, number)
    put(small, "trials", 30)
    put(small, "recipes.minilm.trials", 1)  # fewer than all, wherever they stand
    return small


def at(config: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def put(config: dict[str, Any], key: str, value: Any) -> None:
    path, _, last = key.rpartition(".")
    (at(config, path) if path else config)[last] = value


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Plan]:
    """From a config to the values of each job's params, by rule and output, as Snakemake keeps and compares them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # a plan changes these
    monkeypatch.setenv("SGN_MIRROR", "nowhere")
    file = tmp_path / "tier.yaml"

    def planned(config: dict[str, Any]) -> Plan:
        file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        with planned_flow(file, workdir=tmp_path) as flow:
            return {
                (j.rule.name, str(j.output[0]) if j.output else ""): set(flow.persistence._params(j))
                for j in flow.dag.jobs
            }

    return planned


def changed(old: Plan, new: Plan) -> set[str]:
    """Rules with a job whose params changed; those that a job is new to have the same jobs here."""
    assert old.keys() == new.keys()
    return {job[0] for job in old if old[job] != new[job]}


def test_a_number_that_another_key_has_is_a_change(plan: Callable[[dict[str, Any]], Plan]) -> None:
    """Two change places, and whatever depends on either runs again."""
    before = plan(tier())
    assert {rule for rule, _ in before} >= set().union(*KEYS.values())
    for one, other in [*zip(*[iter(KEYS)] * 2, strict=True), tuple(LISTS)]:
        config = tier()
        values = at(config, one), at(config, other)
        put(config, one, values[1])
        put(config, other, values[0])
        expected = (KEYS | LISTS)[one] | (KEYS | LISTS)[other]
        assert changed(before, plan(config)) == expected, f"{one} and {other} changed places"


@pytest.mark.parametrize(("library", "drawn_alone"), [("torch", False), ("seaborn", True)])
def test_a_new_version_makes_all_anew_that_depends_on_it(
    plan: Callable[[dict[str, Any]], Plan], monkeypatch: pytest.MonkeyPatch, library: str, drawn_alone: bool
) -> None:
    before = plan(tier())
    monkeypatch.setattr(environment, "version", lambda name: "99" if name == library else version(name))
    figures = {"figure", "timing_figure"}
    assert changed(before, plan(tier())) == (figures if drawn_alone else {rule for rule, _ in before} - {"all"})


def test_another_gpu_makes_all_anew_that_computes_there(
    plan: Callable[[dict[str, Any]], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_gpus", lambda: ["A100"])
    before = plan(tier() | {"device": "cuda"})
    monkeypatch.setattr(workflow, "_gpus", lambda: ["H200"])
    assert changed(before, plan(tier() | {"device": "cuda"})) == ON_DEVICE | {"time_suite"}


def test_a_corrected_cell_makes_its_dataset_anew(plan: Callable[[dict[str, Any]], Plan], tmp_path: Path) -> None:
    """Of a user's own table, of the same length: in data/, or where an option says."""
    config = tier()
    own, named, module = tmp_path / "data" / "my_course" / "posts.csv", tmp_path / "theirs.csv", tmp_path / "theirs.py"
    module.write_text("def make(raw, splits, table): ...", encoding="utf-8")
    config["datasets"]["mine"] = {"make": "examples/my_dataset.py", "splits": [0]}
    config["datasets"]["theirs"] = {"make": str(module), "splits": [0], "table": "theirs.csv"}
    own.parent.mkdir(parents=True)
    plans = []
    for written, asked in (("a,b,1", "a"), ("a,b,2", "a"), ("a,b,2", "b"), ("a,b,2", "b")):
        own.write_text(written, encoding="utf-8")
        named.write_text(asked, encoding="utf-8")
        plans.append(plan(config))
    again = [[job for job in old if old[job] != new[job]] for old, new in itertools.pairwise(plans)]
    assert again == [[("prepare", "results/smoke/data/mine")], [("prepare", "results/smoke/data/theirs")], []]


def test_other_weights_in_a_folder_of_the_same_name_are_read(
    plan: Callable[[dict[str, Any]], Plan], tmp_path: Path
) -> None:
    config = tier()
    config["recipes"]["minilm"] |= {"weights": "mine"}
    (tmp_path / "mine").mkdir()
    plans = []
    for content in (b"0", b"1"):
        (tmp_path / "mine" / "model.safetensors").write_bytes(content)
        plans.append(plan(config))
    assert changed(*plans) == {"encode"}, "from which all else follows"


@pytest.mark.parametrize(
    ("needs", "again"),
    [
        ({}, False),
        ({"another run": True}, True),
        ({"minutes": 4}, True),
        ({"minutes": 5}, False),
        ({"memory_mb": 3999}, True),
        ({"memory_mb": 4000}, False),
        ({"files": {"toy/a": "", "toy/b": ""}}, False),
        ({"files": {"toy/a": hashlib.sha256(b"a").hexdigest()}}, True),
        ({"files": {"toy/a": hashlib.sha256(b"b").hexdigest()}}, False),
        ({"weights": "nobody/none"}, False),
        ({"weights": "toy"}, True),
    ],
    ids=str,
)
def test_a_step_is_tried_again_with_what_it_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: dict[str, Any], again: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "a").write_bytes(b"a")
    (tmp_path / "toy").mkdir()
    folder = Path("results/smoke/tuning/toy/mlp")
    folder.mkdir(parents=True)
    Outcome("failed", "because", str(folder), needs).write(folder)
    ask = partial(workflow.attempts, Path("results/smoke"), Path("mirror"), tier())
    (tmp_path / "results/smoke/predictions/toy/mlp").mkdir(parents=True)
    outcome.told(folder).write(Path("results/smoke/predictions/toy/mlp"))  # passed on: it needs nothing itself
    assert ask() == ask() == ({str(folder): 1} if again else {}), "a look does not count"
    workflow.remember(Path("results/smoke"), ask())
    assert ask(counting=False) == ({str(folder): 1} if again else {}), "a job reads and does not count"
    assert ask() == ({str(folder): 2} if again else {})
    Outcome("ok").write(folder)
    assert ask() == ({str(folder): 1} if again else {}), "which does not change, and nothing runs, once it went well"
    Path("results/smoke/.attempts.json").write_text('{"', encoding="utf-8")
    assert ask() == {}, "half a file ends no plan"


def test_a_raised_limit_runs_what_passed_it(plan: Callable[[dict[str, Any]], Plan], tmp_path: Path) -> None:
    config = tier()
    folder = tmp_path / "results" / "smoke" / "tuning" / "synthetic" / "mlp"
    folder.mkdir(parents=True)
    Outcome("failed", "", str(folder.relative_to(tmp_path)), {"minutes": config["limits"]["minutes"]}).write(folder)
    before = plan(config)
    config["limits"] = config["limits"] | {"minutes": 60}
    after = plan(config)
    assert [job for job in before if before[job] != after[job]] == [("tune", str(folder.relative_to(tmp_path)))]
