"""Checking the ablations of a config: what each variant changes, against its model's Config and the edits there are."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.jobs import source
from benchmarks.planning.allowed import mismatch, outside, unknown
from benchmarks.planning.configfile import unfit
from benchmarks.planning.entries import AGAINST, module_of, oracles_of, recipe_of, recipes_of, single, variants_of
from benchmarks.training.recipes import Recipe
from benchmarks.training.variants import BASE, CONTROLS, LABELS, MADE_BY, TEXTS, expanded


def check(config: dict[str, Any], root: Path) -> Iterator[str]:
    """Variants against their models' configs and the changes to a graph that there are."""
    recipes = recipes_of(config)
    edits = source.functions("benchmarks.training.edits", root)
    choices: dict[str, Iterable[str]] = {
        "graph": edits,
        "text": TEXTS,
        "labels": LABELS,
        "recipe": recipes,
    }
    seen: set[tuple[str, str]] = set()
    for table, group in config["ablations"].items():
        for dataset in group.get("datasets", []):
            if dataset not in single(config):
                yield f"ablations.{table}.datasets: {unknown(dataset, single(config))}"
        for model, variants in group.items():
            if model == "datasets":
                continue
            if model not in config["models"]:
                yield f"ablations.{table}: {unknown(model, config['models'])}"
                continue
            yield from unfit(f"ablations.{table}.{model}", variants.get("grid", {}))
            try:
                kinds = source.fields(module_of(config, model), "Config", root) | {"draws": "int"}
            except source.SourceError as error:
                yield f"ablations.{table}.{model}: {error}"
                continue
            known = [variants_of(config, dataset, model) for dataset in group.get("datasets", single(config))]
            for variant, changes in expanded(variants).items():
                where = f"ablations.{table}.{model}.{variant}"
                if "/" in variant or variant == BASE or (model, variant) in seen:
                    yield f"{where}: a variant's name has no '/', is not 'base', and stands once a model"
                seen.add((model, variant))
                yield from _control(where, variant, changes)
                recipe = recipes.get(changes.get("recipe", recipe_of(config, model)) or "")
                if changes.get("labels") == "permuted" and recipe and recipe.per_split:
                    yield f"{where}: its states were fine-tuned on true labels; name a recipe that is frozen"
                if "text" in changes:
                    yield from _told(f"{where}.text", group.get("datasets", single(config)), config)
                if "draws" in changes:
                    yield from _draws(f"{where}.draws", changes["draws"], recipe, config["selection_seeds"])
                alike = {
                    v for v, other in known[0].items() if v != variant and other.get("draws") == changes.get("draws")
                }
                others = [] if variant in CONTROLS else sorted(alike.intersection(*known))
                yield from _changes(where, changes, choices | {AGAINST: others}, kinds)


def _changes(
    where: str, changes: dict[str, Any], choices: dict[str, Iterable[str]], kinds: dict[str, str]
) -> Iterator[str]:
    """What a variant changes: keys with certain `choices`, and knobs of certain `kinds`."""
    allowed = [*kinds, *choices]
    if changes.keys() == {AGAINST}:
        yield f"{where} = {changes}; expected something that it changes, too"
    for key, value in changes.items():
        if key not in allowed:
            yield f"{where}: {unknown(key, allowed, 'key')}"
        elif key in choices:
            if value not in choices[key]:
                yield f"{where}.{key} = {unknown(value, choices[key])}"
        elif wrong := mismatch(value, kinds[key]):
            yield f"{where}.{key} = {value!r}; expected {wrong}"


def _control(where: str, variant: str, changes: dict[str, Any]) -> Iterator[str]:
    """A control has its name and no other, for tables and checks know it by that; so has a model that is told."""
    for name, made_by in MADE_BY.items():
        if all(changes.get(key) == value for key, value in made_by.items()) != (variant == name):
            yield f"{where}: {made_by} makes the variant {name!r}, and nothing else has that name"


def _told(key: str, datasets: Iterable[str], config: dict[str, Any]) -> Iterator[str]:
    """What texts say is known of synthetic networks only."""
    for dataset in datasets:
        if dataset in config["datasets"] and not oracles_of(config, dataset):
            yield f"{key}: what the texts of {dataset!r} say is not known; name `datasets` where it is"


def _draws(key: str, draws: Any, recipe: Recipe | None, selecting: list[int]) -> Iterator[str]:
    """Draws are seeds from 0, which may not select, with states that do not depend on the seed."""
    if wrong := mismatch(draws, "int") or outside(draws, 1, min(selecting)):
        yield f"{key} = {draws!r}; expected {wrong}"
    if recipe and recipe.per_split:
        yield f"{key} = {draws!r}; expected none with a recipe that has states for reporting seeds only"
