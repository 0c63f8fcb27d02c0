"""The tiers that the repository ships, as their dry runs plan them: how many jobs, and who takes sealed labels."""

import re

import numpy as np
import pytest
import yaml
from conftest import ROOT, copy_workflow, run

from benchmarks.data.grid import cells
from benchmarks.jobs.modules import load
from benchmarks.planning.entries import (
    NOT_OPTIONS,
    families_of,
    models_of,
    recipe_of,
    recipes_of,
    single,
    uses_of,
    variant_recipes,
    without_text,
)
from benchmarks.tables.efficiency import READINGS
from benchmarks.training.recipes import Recipe
from benchmarks.training.variants import BASE


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The dry run of each tier that the repository ships, in a folder without results.

    Without the rules' messages, in whose place Snakemake then prints each job's inputs and outputs.
    """
    folder = copy_workflow(tmp_path_factory.mktemp("plans"))
    for file in (folder / "rules").glob("*.smk"):
        rules = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"    message:\n        .*\n", "", rules), encoding="utf-8")
    tiers = {}
    for tier in ("smoke", "default", "paper", "text", "efficiency"):
        done = run(["snakemake", "-n", "--configfile", f"config/{tier}.yaml"], folder)
        assert done.returncode == 0, done.stdout + done.stderr
        tiers[tier] = done.stdout + done.stderr
    return tiers


@pytest.mark.parametrize(("tier", "limit"), [("smoke", 30), ("default", 256)])
def test_number_of_jobs(plans: dict[str, str], tier: str, limit: int) -> None:
    total = re.search(r"^total +(\d+)", plans[tier], re.M)
    assert total
    assert int(total[1]) - 1 <= limit  # `all` runs nothing


def test_texts_are_read_once_for_all_recipes_that_read_alike(plans: dict[str, str]) -> None:
    asked = yaml.safe_load((ROOT / "config" / "default.yaml").read_text(encoding="utf-8"))
    assert len({(recipe["weights"], recipe["tokens"]) for recipe in asked["recipes"].values()}) == 1
    readings = re.findall(
        r"^rule encode:\n    input: .*\n    output: results/default/states/(\S+)", plans["default"], re.M
    )
    texts = [name for name in asked["datasets"] if not without_text(asked, name)]
    assert sorted(readings) == sorted(f"{name}/minilm/frozen" for name in texts)


@pytest.mark.parametrize("tier", ["default", "efficiency", "paper"])
def test_readings_of_the_efficiency_table_are_variants_of_the_config(tier: str) -> None:
    asked = yaml.safe_load((ROOT / "config" / f"{tier}.yaml").read_text(encoding="utf-8"))
    named = {BASE} | {variant for ablation in asked["ablations"].values() for variant in ablation["bert-gcn"]}
    assert set(READINGS) <= named
    (synthetic,) = (name for name in asked["datasets"] if name.startswith("synthetic"))
    holding = [a for a in asked["ablations"].values() if set(READINGS) & set(a["bert-gcn"])]
    assert all(synthetic in ablation.get("datasets", asked["datasets"]) for ablation in holding)


def test_a_pretrained_recipe_counts_as_a_gain_over_the_unchanged_model_only() -> None:
    asked = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))
    pretrained = [recipe for recipe, entry in asked["recipes"].items() if "pretrain" in entry]
    uses = uses_of(asked, "webkb", pretrained)
    assert "gpt2-clm-train" in pretrained
    assert sorted(uses["transformer"].values()) == ["bert-base-graph", "bert-base-mlm-all", "bert-base-mlm-train"]
    assert uses["transformer"]["interactions"] == "bert-base-graph"
    assert uses_of(asked, "glasgow-cannabis", pretrained) == {}


@pytest.mark.parametrize("tier", ["smoke", "default", "efficiency", "text", "paper"])
def test_each_recipe_is_of_use(tier: str) -> None:
    asked = yaml.safe_load((ROOT / "config" / f"{tier}.yaml").read_text(encoding="utf-8"))
    used = {recipe_of(asked, model) for model in asked["models"]}
    used |= {r for data in asked["datasets"] for m in asked["models"] for r in variant_recipes(asked, data, m)}
    assert asked["recipes"].keys() <= used | {entry.get("tuned_as") for entry in asked["recipes"].values()}


def finetuned_recipes(asked: dict, models: list[str]) -> list[Recipe]:
    """The recipes of these models that are fine-tuned, each once."""
    named = dict.fromkeys(name for model in models if (name := recipe_of(asked, model)))
    return [recipe for name, recipe in recipes_of(asked).items() if name in named and recipe.finetuned]


def different_texts(family: dict) -> int:
    """Cells of a family that differ in what is fine-tuned on; those that do not share one in the cache."""
    make, seen = load(family["make"]).make, set()
    for own in cells(family["grid"]).values():
        (split,) = map(str, family["splits"])
        made = make(None, splits=[split], **{k: v for k, v in family.items() if k not in NOT_OPTIONS} | own)
        known = np.concatenate([made.splits[split].train, made.splits[split].validation])
        seen.add((made.graph.texts, known.tobytes(), made.labels[known].tobytes()))
    return len(seen)


def test_what_reads_text_has_no_job_where_there_is_none(plans: dict[str, str]) -> None:
    asked = yaml.safe_load((ROOT / "config" / "default.yaml").read_text(encoding="utf-8"))
    assert without_text(asked, "webkb") == []
    assert without_text(asked, "glasgow-cannabis") == ["transformer", "bert-gcn"]
    outputs = re.findall(r"^    output: (.*)$", plans["default"], re.M)
    of = [path.removeprefix("results/default/") for path in outputs if "/glasgow-cannabis" in path]
    rows = [path.split("/")[2] for path in of if path.startswith("predictions/")]
    assert sorted(rows) == ["gcn", "majority", "mlp"]
    assert not [path for path in of if path.startswith("states/")]
    score = re.findall(r"^rule score:\n    input: .*glasgow-cannabis.*$", plans["default"], re.M)
    assert len(score) == 1
    assert "tuning/glasgow-cannabis/bert-gcn" not in score[0]


def test_number_of_finetunings() -> None:
    """At most 40 on more than 300 texts; only the dataset files named here have fewer or none to train on."""
    asked = yaml.safe_load((ROOT / "config" / "default.yaml").read_text(encoding="utf-8"))
    few_texts = {f"benchmarks.datasets.{name}" for name in ("mooc_ed", "glasgow_teenage", "physics_passfail")}
    reported, selected, count = len(asked["seeds"]), len(asked["selection_seeds"]), 0
    for name in single(asked):
        entry = asked["datasets"][name]
        for recipe in finetuned_recipes(asked, models_of(asked, name)) if entry["make"] not in few_texts else []:
            each = recipe.trials * selected + reported + recipe.folds * (selected + reported)
            count += each * len(entry["splits"])
    families = [asked["datasets"][name] for name in families_of(asked)]
    others = [entry for entry in families if entry["make"] not in few_texts]
    for entry in [e for e in others if e["students"] * e["train"] > 300]:
        for recipe in finetuned_recipes(asked, entry["models"]):
            count += different_texts(entry) * len(entry["seeds"]) * (1 + recipe.folds)
    assert count <= 40, f"{count} fine-tunings"


@pytest.mark.parametrize("tier", ["smoke", "default", "paper"])
def test_only_score_takes_sealed_labels(plans: dict[str, str], tier: str) -> None:
    jobs = re.findall(r"^(?:local)?rule (\w+):\n    (?:input: (.*)\n    )?output: (.*)$", plans[tier], re.M)
    assert len(jobs) > 20
    takers = {rule for rule, inputs, _ in jobs if "/sealed/" in inputs}
    makers = {rule for rule, _, outputs in jobs if "/sealed/" in outputs}
    assert (takers, makers) == ({"score"}, {"prepare"})


def test_raw_files_are_inputs_of_no_rule(plans: dict[str, str]) -> None:
    for rule, inputs in re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)$", plans["default"], re.M):
        assert all(path.startswith("results/") for path in inputs.split(", ")), rule


def test_the_text_tier_has_what_the_default_one_has_in_the_same_way() -> None:
    """So that it takes what both have from the cache, and its rows are those of the default tier."""
    text, default = (
        yaml.safe_load((ROOT / "config" / f"{tier}.yaml").read_text(encoding="utf-8")) for tier in ("text", "default")
    )
    for key in ("seeds", "selection_seeds", "trials", "epochs", "patience", "threads"):
        assert text[key] == default[key]
    more = text["recipes"].keys() - default["recipes"].keys()
    assert {text["recipes"][recipe]["tuned_as"] for recipe in more} == {"minilm"}
    for recipe in text["recipes"].keys() - more:
        assert text["recipes"][recipe] == default["recipes"][recipe]
    for model in text["models"]:
        assert recipe_of(text, model) == recipe_of(default, model)
    for dataset, entry in text["datasets"].items():
        assert entry | {"splits": []} == default["datasets"][dataset] | {"splits": []}
    both = text["ablations"].keys() & default["ablations"].keys()
    assert both == {"fusion", "training", "self-supervision"}
    for name in both:
        assert text["ablations"][name] | {"datasets": []} == default["ablations"][name] | {"datasets": []}
