"""Checking a config before any job starts: every error with its key, its value, and what is allowed."""

import copy
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from benchmarks.jobs import source
from benchmarks.jobs.typed import meant
from benchmarks.planning import ablations
from benchmarks.planning.allowed import mismatch, outside, unknown
from benchmarks.planning.configfile import ConfigError as ConfigError
from benchmarks.planning.configfile import unfit, unnamed
from benchmarks.planning.entries import (
    entry_of,
    module_of,
    options_of,
    recipe_of,
    recipes_of,
    settings_of,
    single,
    trials_of,
    tuned,
)
from benchmarks.training.recipes import Recipe

SCHEMA = source.ROOT / "config" / "schema.yaml"
LABELED = "labeled"
"""An option of every dataset: the share of its students whose labels are known, see `benchmarks.training.labeling`."""
LITERALS = ("SPLITS", "RANGES", "TEXT", "ORACLE", "FOLDER", "FILES", "URLS")
"""What is read of a dataset's file, where it is there, without running it."""
CONTROL = ("Config", "build or fit")
MODEL = (*CONTROL, "SPACE")
"""What the file of a control and of a model defines."""


def schema() -> dict[str, Any]:
    """What a config may hold, as JSON Schema."""
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def check(config: dict[str, Any], root: Path = source.ROOT) -> None:
    """Give keys that are not there their defaults; raise ConfigError unless the workflow can run the config."""
    asked = schema()
    _complete(config, asked, asked["$defs"])
    errors = list(unnamed(config)) or [_message(e) for e in Draft202012Validator(asked).iter_errors(config)]
    errors = errors or list(_recipes(config)) or list(_inconsistencies(config, root))
    if errors:
        raise ConfigError("the config is wrong:\n" + "\n".join(f"  {e}" for e in dict.fromkeys(errors)))


def _complete(part: dict[str, Any], entry: dict[str, Any], named: dict[str, Any]) -> None:
    """Put the defaults of an object's keys where they are not there, and so in the objects in it."""
    for key, below in entry.get("properties", {}).items():
        below = named.get(below.get("$ref", "").rpartition("/")[2], {}) | below
        if "default" in below:
            part.setdefault(key, copy.deepcopy(below["default"]))
        if isinstance(part.get(key), dict):
            _complete(part[key], below, named)


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
        return f"{where}: unknown key {unknown[0]!r}{meant(unknown[0], allowed)}; allowed: {', '.join(allowed)}"
    if error.validator == "required":
        return f"{where}: {error.message.replace(' is a required property', '')} is missing"
    if error.validator == "type" and error.validator_value == "object":
        return f"{where} = {instance!r}; expected key: value pairs"
    parent: Any = error.parent.schema if isinstance(error.parent, ValidationError) else {}
    allowed_words = schema.get("description") or parent.get("description") or error.message
    return f"{where} = {instance!r}; expected {allowed_words}"


def _recipes(config: dict[str, Any]) -> Iterator[str]:
    """What a recipe by itself does not allow."""
    for name, entry in config["recipes"].items():
        try:
            Recipe.of(entry)
        except ValueError as error:
            yield from (f"recipes.{name}.{line}" for line in str(error).splitlines())


def _inconsistencies(config: dict[str, Any], root: Path) -> Iterator[str]:
    """What a schema cannot say."""
    recipes = recipes_of(config)
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
        needs = MODEL if model in config["models"] else CONTROL
        yield from _module(key, module_of(config, model), root, needs, may_be_broken=True)
        for dataset in entry_of(config, model).get("datasets", []):
            if dataset not in config["datasets"]:
                yield f"{key}.datasets: {unknown(dataset, config['datasets'])}"
        recipe = recipe_of(config, model)
        if recipe is not None and recipe not in recipes:
            yield f"{key}.recipe = {unknown(recipe, recipes)}"
        elif model in config["models"] and trials_of(config, model) < 1:
            yield f"trials = {config['trials']}; recipe {recipe!r} takes as many, and {model!r} needs one of its own"
        elif recipe and recipes[recipe].tuned_as:
            yield f"{key}.recipe = {recipe!r}: it is tuned as another; expected one with a search of its own"
    for name, own in recipes.items():
        if (other := own.tuned_as or name) not in recipes:
            yield f"recipes.{name}.tuned_as = {unknown(other, recipes)}"
        yield from _settings(f"recipes.{name}.set", "sgn.finetune", own.set, root)
        yield from _weights(f"recipes.{name}.weights", own.weights)
    sound = True  # whether what each dataset's file says can be asked for
    for dataset, entry in config["datasets"].items():
        key = f"datasets.{dataset}"
        missing = list(_maker(f"{key}.make", entry["make"], root))
        sound = sound and not missing
        yield from missing or _dataset(key, config, dataset, root)
    for model in config["models"]:
        yield from _settings(f"models.{model}.set", module_of(config, model), settings_of(config, model), root)
    if sound:
        yield from ablations.check(config, root)
    for dataset in config["text_matters"]:
        if dataset not in single(config):
            yield f"text_matters: {unknown(dataset, single(config))}"
    for kind in ("tables", "figures"):
        for name in [*config[kind], *config["timing"][kind]]:
            yield from _module(kind, f"benchmarks.{kind}.{name}", root, ["make"])
    yield from _timing(config, root)


def _dataset(key: str, config: dict[str, Any], dataset: str, root: Path) -> Iterator[str]:
    """A dataset's options, those of a grid's cells among them, its splits, and the rows that it names."""
    entry = config["datasets"][dataset]
    grid = entry.get("grid", {})
    yield from unfit(f"{key}.grid", grid)
    if twice := sorted(grid.keys() & options_of(config, dataset).keys()):
        yield f"{key}.grid.{twice[0]}: the option stands beside the grid, too; expected it once"
    yield from _options(key, entry["make"], {k: [v] for k, v in options_of(config, dataset).items()} | grid, root)
    yield from _splits(f"{key}.splits", entry["make"], entry["splits"], root)
    if grid and tuned(config, dataset):
        yield f"{key}.trials is missing; expected 0, for the cells of a grid run on default hyper-parameters"
    oracles = config["oracles"] if source.literal(entry["make"], "ORACLE", root) else []
    rows = [*config["controls"], *config["models"], *oracles]
    for model in entry.get("models", []):
        if model not in rows:
            yield f"{key}.models: {unknown(model, rows)}"
    both = set(entry.get("seeds", [])) & set(config["selection_seeds"])
    if both:
        yield f"{key}.seeds, selection_seeds: {sorted(both)} stand in both; a seed that selects may not report"


def _timing(config: dict[str, Any], root: Path) -> Iterator[str]:
    """Suites that are timed, with the sizes that they have, and datasets whose rows' cost is measured."""
    for dataset in config["timing"]["cost"]:
        if dataset not in single(config):
            yield f"timing.cost: {unknown(dataset, single(config))}"
    for suite, sizes in config["timing"]["suites"].items():
        key, module = f"timing.suites.{suite}", f"benchmarks.speed.{suite}"
        missing = list(_module(key, module, root, ["groups", "cases"]))
        yield from missing
        if not missing and sizes.keys() ^ (allowed := source.keywords(module, "groups", root)).keys():
            yield f"{key} = {sizes}; expected values of {', '.join(allowed)}"


def _options(key: str, make: str, given: dict[str, list[Any]], root: Path) -> Iterator[str]:
    """Options, each with the values it takes, against the parameters of a dataset file's `make` and its RANGES."""
    allowed = source.keywords(make, "make", root)
    options = {name: default for name, default in allowed.items() if name not in ("raw", "splits")} | {LABELED: True}
    kinds = source.types(make, "make", root) | {LABELED: "float"}
    ranges = source.literal(make, "RANGES", root) or {}
    assert isinstance(ranges, dict)
    ranges |= {LABELED: (0.0, 1.0)}
    for name, values in given.items():
        if name not in options:
            yield f"{key}: {unknown(name, options, 'option')}"
            continue
        for value in values:
            wrong = mismatch(value, kinds.get(name, "")) or outside(value, *ranges.get(name, (None, None)))
            if wrong:
                yield f"{key}.{name} = {value!r}; expected {wrong}"
    for name, has_default in options.items():
        if not has_default and name not in given:
            yield f"{key}: option {name!r} is missing"


def _splits(key: str, make: str, splits: list[Any], root: Path) -> Iterator[str]:
    """Splits against a dataset file's literal SPLITS: names, a number of folds or both; without it, any number goes."""
    allowed = source.literal(make, "SPLITS", root)
    known = allowed if isinstance(allowed, tuple) else () if allowed is None else (allowed,)
    folds = math.inf if allowed is None else max([n for n in known if isinstance(n, int)], default=0)
    words = [f"0 to {n - 1}" if isinstance(n, int) else n for n in known] or ["whole numbers from 0"]
    for name in map(str, splits):
        if name not in known and not (name.isdecimal() and str(int(name)) == name and int(name) < folds):
            yield f"{key}: {unknown(name, words, 'split')}"
    if len({str(name) for name in splits}) < len(splits):
        yield f"{key}: {splits} name a split twice"


def _weights(key: str, name: str) -> Iterator[str]:
    """What looks like a path is a folder; a hub's name has one slash at most, inside."""
    if (name.startswith((".", "/", "~")) or name.count("/") > 1) and not Path(name).is_dir():
        yield f"{key} = {name!r}: there is no such folder; expected a hub name or a folder"


def _settings(key: str, module: str, settings: dict[str, Any], root: Path) -> Iterator[str]:
    """Knobs that a model's or recipe's entry sets, against its Config; a broken file costs its own cells only."""
    try:
        kinds = source.fields(module, "Config", root) if settings else {}
    except (source.SourceError, FileNotFoundError, ValueError):
        return
    for knob, value in settings.items():
        if knob not in kinds:
            yield f"{key}: {unknown(knob, kinds, 'knob')}"
        elif wrong := mismatch(value, kinds[knob]):
            yield f"{key}.{knob} = {value!r}; expected {wrong}"


def _maker(key: str, name: str, root: Path) -> Iterator[str]:
    """Whether a dataset's file defines `make`, and as literals what is read without running it."""
    missing = list(_module(key, name, root, ["make"]))
    yield from missing
    try:
        for word in () if missing else LITERALS:
            source.literal(name, word, root)
        _ = missing or source.keywords(name, "make", root)
    except source.SourceError as error:
        yield f"{key} = {name!r}: {error}"


def _module(key: str, name: str, root: Path, needs: Iterable[str], may_be_broken: bool = False) -> Iterator[str]:
    """Whether a module is there and defines what is asked of it; "build or fit" asks for one of the two.

    A broken model file is let through: it costs its own cells only.
    """
    try:
        file = source.module_file(name, root)
        defined = source.names(name, root)
    except FileNotFoundError as error:
        yield f"{key} = {name!r}: {error}"
    except source.SourceError as error:
        if not may_be_broken:
            yield f"{key} = {name!r}: {error}"
    else:
        missing = [need for need in needs if not {*need.split(" or "), "*"} & defined]
        if missing:
            yield f"{key} = {name!r}: {file} does not define {', '.join(missing)}; expected {', '.join(needs)}"
