"""Checking a config before any job starts: every error with its key, its value, and what is allowed."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from benchmarks import source
from benchmarks.variants import BASE

SCHEMA = source.ROOT / "config" / "schema.yaml"
NOT_OPTIONS = ("make", "splits", "models")
"""Keys of a dataset entry that are not options of its `make`."""


class ConfigError(ValueError):
    """All that is wrong with a config, one error a line."""


def check(config: dict[str, Any], root: Path = source.ROOT) -> None:
    """Raise ConfigError unless the config is one that the workflow can run."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    errors = [_message(e) for e in Draft202012Validator(schema).iter_errors(config)]
    errors = errors or list(_inconsistencies(config, root))
    if errors:
        raise ConfigError("the config is wrong:\n" + "\n".join(f"  {e}" for e in errors))


def module_of(config: dict[str, Any], model: str) -> str:
    """Import path of a model or control."""
    entry = (config["controls"] | config["models"])[model]
    return entry if isinstance(entry, str) else entry["module"]


def recipe_of(config: dict[str, Any], model: str) -> str | None:
    """Name of a model's recipe; None for a model that reads no text."""
    entry = config["models"].get(model, "")
    return None if isinstance(entry, str) else entry["recipe"]


def trials_of(config: dict[str, Any], model: str) -> int:
    """A row's own trials: the common budget less those of its recipe, so that every row has the same in all."""
    recipe = config["recipes"].get(recipe_of(config, model))
    return config["trials"] - (recipe["trials"] if recipe and recipe["finetune"] != "frozen" else 0)


def models_of(config: dict[str, Any], dataset: str) -> list[str]:
    """Controls, models and oracles that run on a dataset, in the order of the config."""
    everything = [*config["controls"], *config["models"]]
    asked = config["datasets"][dataset].get("models", everything)
    return [model for model in everything if model in asked] + oracles_of(config, dataset)


def oracles_of(config: dict[str, Any], dataset: str) -> list[str]:
    """The oracles' rows, where a dataset knows its truth: its file says `ORACLE = True`."""
    return list(config["oracles"]) if source.literal(config["datasets"][dataset]["make"], "ORACLE") else []


def options_of(config: dict[str, Any], dataset: str) -> dict[str, Any]:
    """What a dataset's `make` is called with, besides raw files and splits."""
    return {k: v for k, v in config["datasets"][dataset].items() if k not in NOT_OPTIONS}


def family_models(config: dict[str, Any], family: str) -> list[str]:
    """Models and oracles that run on a family."""
    entry = config["families"][family]
    return entry["models"] + (list(config["oracles"]) if source.literal(entry["make"], "ORACLE") else [])


def variants_of(config: dict[str, Any], model: str) -> dict[str, dict[str, Any]]:
    """A model's variants over all ablations, by name."""
    groups = (group.get(model, {}) for group in config["ablations"].values())
    return {name: changes for group in groups for name, changes in group.items()}


def _message(error: ValidationError) -> str:
    """One line: key, value, allowed."""
    where = ".".join(map(str, error.absolute_path)) or "the config"
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "anyOf" and isinstance(instance, dict) and error.context:
        inner = best_match(error.context or [])
        return _message(inner) if inner else error.message
    if error.validator == "additionalProperties":
        allowed = list(schema.get("properties", {}))
        unknown = [key for key in instance if key not in allowed]
        return f"{where}: unknown key {unknown[0]!r}{_meant(unknown[0], allowed)}; allowed: {', '.join(allowed)}"
    if error.validator == "required":
        return f"{where}: {error.message.replace(' is a required property', '')} is missing"
    if error.validator == "type" and error.validator_value == "object":
        return f"{where} = {instance!r}; expected key: value pairs"
    parent: Any = error.parent.schema if isinstance(error.parent, ValidationError) else {}
    allowed_words = schema.get("description") or parent.get("description") or error.message
    return f"{where} = {instance!r}; expected {allowed_words}"


def _inconsistencies(config: dict[str, Any], root: Path) -> Iterator[str]:
    """What a schema cannot say."""
    both = set(config["seeds"]) & set(config["selection_seeds"])
    if both:
        yield f"seeds, selection_seeds: {sorted(both)} stand in both; a seed that selects may not report"
    kinds = ("controls", "models", "oracles")
    names = [name for kind in kinds for name in config[kind]]
    if clash := {name for name in names if names.count(name) > 1}:
        yield f"{', '.join(kinds)}: {sorted(clash)} stand in two of them"
    everything = [*config["controls"], *config["models"]]
    for model in everything:
        key = f"{'models' if model in config['models'] else 'controls'}.{model}"
        yield from _module(key, module_of(config, model), root)
        recipe = recipe_of(config, model)
        if recipe is not None and recipe not in config["recipes"]:
            yield f"{key}.recipe = {_unknown(recipe, config['recipes'])}"
        elif model in config["models"] and trials_of(config, model) < 1:
            yield f"trials = {config['trials']}; recipe {recipe!r} takes as many, and {model!r} needs one of its own"
    for dataset, entry in config["datasets"].items():
        missing = list(_module(f"datasets.{dataset}.make", entry["make"], root))
        yield from missing or _options(f"datasets.{dataset}", entry["make"], options_of(config, dataset), root)
        yield from missing or _splits(f"datasets.{dataset}.splits", entry["make"], entry["splits"], root)
        for model in entry.get("models", []):
            if model not in everything:
                yield f"datasets.{dataset}.models: {_unknown(model, everything)}"
    for family, entry in config["families"].items():
        if family in config["datasets"]:
            yield f"families.{family}: there is a dataset of that name"
        key = f"families.{family}"
        missing = list(_module(f"{key}.make", entry["make"], root))
        first = {name: values[0] for name, values in entry["grid"].items()}
        yield from missing or _options(key, entry["make"], entry["options"] | first, root)
        yield from missing or _splits(f"{key}.split", entry["make"], [entry["split"]], root)
        for model in entry["models"]:
            if model not in everything:
                yield f"{key}.models: {_unknown(model, everything)}"
    yield from _ablations(config, root)
    for kind in ("tables", "figures"):
        for name in config[kind]:
            yield from _module(kind, f"benchmarks.{kind}.{name}", root)


def _options(key: str, make: str, given: dict[str, Any], root: Path) -> Iterator[str]:
    """Options against the parameters of a dataset file's `make`."""
    allowed = source.keywords(make, "make", root)
    options = {name: default for name, default in allowed.items() if name not in ("raw", "splits")}
    kinds = source.types(make, "make", root)
    for name, value in given.items():
        if name not in options:
            yield f"{key}: {_unknown(name, options, 'option')}"
        elif not _fits(value, kinds.get(name, "")):
            yield f"{key}.{name} = {value!r}; expected {kinds[name]}"
    for name, has_default in options.items():
        if not has_default and name not in given:
            yield f"{key}: option {name!r} is missing"


def _splits(key: str, make: str, splits: list[Any], root: Path) -> Iterator[str]:
    """Splits have the names in a dataset file's literal SPLITS; without one, they are whole numbers."""
    allowed = source.literal(make, "SPLITS", root)
    for name in map(str, splits):
        if isinstance(allowed, tuple) and name not in allowed and not (name.isdigit() and "0" in allowed):
            yield f"{key}: {_unknown(name, allowed)}"
        elif allowed is None and not name.isdigit():
            yield f"{key}: {name!r} is no whole number"
    if len({str(name) for name in splits}) < len(splits):
        yield f"{key}: {splits} name a split twice"


def _fits(value: Any, kind: str) -> bool:
    """Whether a config's value is of the annotated kind, as far as this can be told."""
    known: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "str": str, "bool": bool}
    return kind not in known or (isinstance(value, known[kind]) and (kind == "bool") == isinstance(value, bool))


def _ablations(config: dict[str, Any], root: Path) -> Iterator[str]:
    """Variants against their models' configs and the changes to a graph that there are."""
    edits = source.functions("benchmarks.edits", root)
    seen: set[tuple[str, str]] = set()
    for table, models in config["ablations"].items():
        for model, variants in models.items():
            if model not in config["models"]:
                yield f"ablations.{table}: {_unknown(model, config['models'])}"
                continue
            kinds = source.fields(module_of(config, model), "Config", root)
            knobs = [*kinds, "graph"]
            for variant, changes in variants.items():
                where = f"ablations.{table}.{model}.{variant}"
                if "/" in variant or variant == BASE or (model, variant) in seen:
                    yield f"{where}: a variant's name has no '/', is not 'base', and stands once a model"
                seen.add((model, variant))
                for key, value in changes.items():
                    if key not in knobs:
                        yield f"{where}: {_unknown(key, knobs, 'key')}"
                    elif key == "graph" and value not in edits:
                        yield f"{where}.graph = {_unknown(value, edits)}"
                    elif key != "graph" and not _fits(value, kinds.get(key, "")):
                        yield f"{where}.{key} = {value!r}; expected {kinds[key]}"


def _module(key: str, name: str, root: Path) -> Iterator[str]:
    try:
        source.module_file(name, root)
    except FileNotFoundError as error:
        yield f"{key} = {name!r}: {error}"


def _unknown(word: str, allowed: Iterable[str], what: str = "") -> str:
    return f"unknown {what + ' ' if what else ''}{word!r}{_meant(word, allowed)}; allowed: {', '.join(allowed)}"


def _meant(word: str, allowed: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(allowed), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
