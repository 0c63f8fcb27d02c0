"""What a plan takes for changed: Snakemake compares the sorted values of a job's params, and forgets their names."""

import itertools
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from benchmarks import workflow
from benchmarks.jobs import environment

Plan = dict[tuple[str, str], set[Any]]
TRAINED = {"tune", "train", "control", "train_family", "time_models"}
ENCODED = {"encode", "encode_family"}
FINETUNED = {"tune_recipe", "finetune", "finetune_family"}
ON_DEVICE = TRAINED | ENCODED | FINETUNED
KEYS = {  # a key of the config, and the rules that depend on it by themselves
    "epochs": TRAINED,
    "patience": TRAINED,
    "trials": {"tune"},
    "threads": ON_DEVICE | {"time_suite"},
    "timing.rounds": {"time_suite"},
    "datasets.synthetic.students": {"prepare"},
    "families.phase.options.students": {rule for rule in ON_DEVICE if "family" in rule}
    | {"prepare_family", "oracle_family"},
    "recipes.minilm.tokens": ON_DEVICE - {"tune", "control", "train_family"},
    "recipes.minilm.texts": FINETUNED | {"train", "time_models"},
    "recipes.minilm.epochs": FINETUNED | {"train", "time_models"},
    "recipes.minilm.patience": FINETUNED | {"train", "time_models"},
    "recipes.minilm.trials": FINETUNED | {"tune", "train", "time_models"},
}
LISTS = {
    "seeds": {"finetune", "train", "control", "oracle", "time_models"},
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
    small["families"]["phase"]["models"].append("mlp")
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
    monkeypatch.setenv("PATH", "")  # a plan changes these
    monkeypatch.setenv("SGN_MIRROR", "nowhere")
    file = tmp_path / "tier.yaml"

    def planned(config: dict[str, Any]) -> Plan:
        file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            found = api.workflow(
                ResourceSettings(cores=1), ConfigSettings(configfiles=[file]), snakefile=ROOT / "Snakefile"
            )
            found.dag(DAGSettings())
            flow = found._workflow
            flow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True, nolock=True)
            flow._build_dag()
            return {(j.rule.name, str(j.output[:1])): set(flow.persistence._params(j)) for j in flow.dag.jobs}

    return planned


def changed(old: Plan, new: Plan) -> set[str]:
    """Rules with a job whose params changed; those that a job is new to have the same jobs here."""
    assert old.keys() == new.keys()
    return {job[0] for job in old if old[job] != new[job]}


def test_a_number_that_another_key_has_is_a_change(plan: Callable[[dict[str, Any]], Plan]) -> None:
    """Neighbors change places, and whatever depends on either runs again."""
    before = plan(tier())
    assert {rule for rule, _ in before} >= set().union(*KEYS.values())
    for one, other in [*itertools.pairwise(KEYS), tuple(LISTS)]:
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
