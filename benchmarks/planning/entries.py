"""What the entries of a config mean: a model's module, recipe and budget; a dataset's rows, options and variants."""

import re
from collections.abc import Container
from typing import Any

from benchmarks.jobs import source
from benchmarks.training.recipes import Recipe
from benchmarks.training.variants import expanded

NOT_OPTIONS = ("make", "splits", "grid", "models", "seeds", "trials")
"""Keys of a dataset entry that are not options of its `make`."""

AGAINST = "against"
"""Key of a variant's entry that training never sees: it names another variant, with which this one is compared."""


def entry_of(config: dict[str, Any], model: str) -> dict[str, Any]:
    """A model's or control's entry; one that is a word names the module. An oracle has none."""
    entry = (config["controls"] | config["models"]).get(model, {})
    return {"module": entry} if isinstance(entry, str) else entry


def module_of(config: dict[str, Any], model: str) -> str:
    """Import path of a model or control."""
    return entry_of(config, model)["module"]


def recipe_of(config: dict[str, Any], model: str) -> str | None:
    """Name of a model's recipe; None for a model that reads no text."""
    return entry_of(config, model).get("recipe")


def recipes_of(config: dict[str, Any]) -> dict[str, Recipe]:
    """Recipes by name."""
    return {name: Recipe.of(entry) for name, entry in config["recipes"].items()}


def settings_of(config: dict[str, Any], model: str) -> dict[str, Any]:
    """What a model's entry sets in its Config; a knob that is set is not tuned."""
    return entry_of(config, model).get("set", {})


def trials_of(config: dict[str, Any], model: str) -> int:
    """A row's own trials: the common budget less those of its recipe, so that every row has the same in all."""
    recipe = recipes_of(config).get(recipe_of(config, model) or "")
    return config["trials"] - (recipe.charged if recipe else 0)


def families_of(config: dict[str, Any]) -> list[str]:
    """Datasets with a grid: each is a family of cells, which are questions of their own and stand in no main table."""
    return [dataset for dataset, entry in config["datasets"].items() if "grid" in entry]


def single(config: dict[str, Any]) -> list[str]:
    """The other datasets."""
    return [dataset for dataset, entry in config["datasets"].items() if "grid" not in entry]


def tuned(config: dict[str, Any], dataset: str) -> bool:
    """Whether models and recipes are tuned on a dataset; else they run on their defaults."""
    return bool(config["datasets"][dataset].get("trials", config["trials"]))


def seeds_of(config: dict[str, Any], dataset: str) -> list[int]:
    """Seeds that report on a dataset."""
    return config["datasets"][dataset].get("seeds", config["seeds"])


def models_of(config: dict[str, Any], dataset: str) -> list[str]:
    """Controls, models and oracles that run on a dataset, in the order of the config."""
    without = without_text(config, dataset)
    asked = [model for model in [*config["controls"], *config["models"]] if _asked(config, dataset, model)]
    return [model for model in asked if model not in without] + oracles_of(config, dataset)


def without_text(config: dict[str, Any], dataset: str) -> list[str]:
    """Models that read text and find none on a dataset: its file says `TEXT = False`."""
    if source.literal(config["datasets"][dataset]["make"], "TEXT") is not False:
        return []
    return [model for model in config["models"] if recipe_of(config, model) and _asked(config, dataset, model)]


def _asked(config: dict[str, Any], dataset: str, model: str) -> bool:
    """Whether a model's row is asked for: by the dataset's `models`, else by the model's `datasets`."""
    if "models" in config["datasets"][dataset]:
        return model in config["datasets"][dataset]["models"]
    return dataset in entry_of(config, model).get("datasets", [dataset])


def oracles_of(config: dict[str, Any], dataset: str) -> list[str]:
    """The oracles' rows, where a dataset knows its truth: its file says `ORACLE = True`."""
    known = source.literal(config["datasets"][dataset]["make"], "ORACLE")
    return [oracle for oracle in config["oracles"] if known and _asked(config, dataset, oracle)]


def options_of(config: dict[str, Any], dataset: str) -> dict[str, Any]:
    """What a dataset's `make` is called with, besides raw files and splits."""
    return {k: v for k, v in config["datasets"][dataset].items() if k not in NOT_OPTIONS}


def source_of(config: dict[str, Any], dataset: str) -> str:
    """Name of a dataset's file: entries that share it are cut-offs, tasks or parts of one source."""
    return re.split("[./]", config["datasets"][dataset]["make"].removesuffix(".py"))[-1]


def variants_of(config: dict[str, Any], dataset: str, model: str) -> dict[str, dict[str, Any]]:
    """What a model's variants on a dataset change, by name."""
    variants = _variants(config, dataset, model).items()
    return {name: {k: v for k, v in entry.items() if k != AGAINST} for name, entry in variants}


def references_of(config: dict[str, Any], dataset: str) -> dict[str, dict[str, str]]:
    """By model and variant the other variant that it is compared with, of those whose entry names one."""
    named = {
        model: {v: entry[AGAINST] for v, entry in _variants(config, dataset, model).items() if AGAINST in entry}
        for model in models_of(config, dataset)
    }
    return {model: variants for model, variants in named.items() if variants}


def uses_of(config: dict[str, Any], dataset: str, recipes: Container[str]) -> dict[str, dict[str, str]]:
    """By model and variant one of `recipes`, of variants that change nothing but the unchanged model's recipe to it."""
    elsewhere, uses = references_of(config, dataset), dict[str, dict[str, str]]()
    for model in models_of(config, dataset):
        for variant, changes in variants_of(config, dataset, model).items():
            alone = changes.keys() == {"recipe"} and variant not in elsewhere.get(model, {})
            if alone and changes["recipe"] in recipes:
                uses.setdefault(model, {})[variant] = changes["recipe"]
    return uses


def _variants(config: dict[str, Any], dataset: str, model: str) -> dict[str, dict[str, Any]]:
    """Entries of a model's variants; an ablation that names `datasets` has them on these alone. A family has none."""
    groups = [g for g in config["ablations"].values() if dataset in g.get("datasets", single(config))]
    return {name: entry for group in groups for name, entry in expanded(group.get(model, {})).items()}


def variant_recipes(config: dict[str, Any], dataset: str, model: str) -> list[str]:
    """Recipes that variants of a model on a dataset use in place of the model's own."""
    asked = (changes.get("recipe") for changes in variants_of(config, dataset, model).values())
    return sorted({recipe for recipe in asked if recipe})
