# Helpers: from a rule's wildcards to its inputs and params. No rule stands here.

import json
import shlex

from snakemake.resources import Resource

from benchmarks.data import raw
from benchmarks.planning.entries import (
    entry_of,
    families_of,
    models_of,
    module_of,
    options_of,
    recipe_of,
    recipes_of,
    references_of,
    seeds_of,
    settings_of,
    single,
    source_of,
    trials_of,
    tuned,
    uses_of,
    variant_recipes,
    variants_of,
    without_text,
)
from benchmarks.training import places
from benchmarks.jobs.environment import COMPUTING, DRAWING, environment
from benchmarks.jobs.source import code_hash
from benchmarks.planning.workflow import (
    attempts,
    command,
    device_for,
    environment_of_jobs,
    gpu_shares,
    in_words,
    known_memory,
    machine_memory,
    name_of,
)

TIER = config["tier"]
COMMAND = command(workflow.configfiles, workflow.config_settings.config)
MIRROR = environment_of_jobs(config["mirror"])
DATASETS = list(config["datasets"])
ATTEMPTS = attempts(Path(f"results/{TIER}"), MIRROR, config, counting=workflow.is_main_process)
CONTROLS = list(config["controls"])
MODELS = list(config["models"])
RECIPES = recipes_of(config)
ORACLES = list(config["oracles"])
ALL_RECORDS = [f"results/{TIER}/records/{dataset}" for dataset in single(config)]
FAMILY_RECORDS = [f"results/{TIER}/records/{family}" for family in families_of(config)]
TIMING = f"results/{TIER}/{config['timing']['folder']}"
TIMINGS = [f"{TIMING}/records/{suite}" for suite in config["timing"]["suites"]]
TIMINGS += [f"{TIMING}/records/cost-{dataset}" for dataset in config["timing"]["cost"]]
SUMMARY = (
    "sgn summary --workflow {COMMAND:q} --records-of {ALL_RECORDS} {FAMILY_RECORDS} --timings-of {TIMINGS} || true"
)
DEVICE = device_for(config["device"])
ON_CPU = in_words(environment())
ON_DEVICE = in_words(environment(name_of(DEVICE)))
DRAWN_WITH = in_words(environment(libraries=(*COMPUTING, *DRAWING)))
KNOWN_MEMORY = known_memory(Path(f"results/{TIER}"))
SHARES = config["limits"]["jobs_on_a_gpu"]
TOTAL = {"mem": Resource("mem_mb", machine_memory()).standardize_size(), "gpu": gpu_shares(DEVICE, SHARES)}
for name, total in TOTAL.items():  # of this machine, where --resources says nothing else
    if name not in workflow.global_resources:
        workflow.register_resource(name, total)


def resources_of(verb, gpu=0, limits=config["limits"]):
    """What a verb's job is known to take; `limits` end it, and lie above. `gpu` is in shares, of which one has SHARES."""
    known = min(KNOWN_MEMORY.get(verb, limits["memory_mb"]), limits["memory_mb"])
    taken = {"mem_mb": known, "gpu": gpu if DEVICE != "cpu" else 0}
    return taken | {"runtime": limits["minutes"], "limit_mb": limits["memory_mb"]}


def drawn(folder, asked):
    """Files of the tables and figures that a part of the config asks for."""
    suffixes = {"tables": ["csv", "md", "tex"], "figures": ["svg", "pdf", "png"]}
    return [f"{folder}/{kind}/{name}.{end}" for kind, ends in suffixes.items() for name in asked[kind] for end in ends]


TIMING_OUTPUTS = drawn(TIMING, config["timing"])
OUTPUTS = drawn(f"results/{TIER}", config) + TIMING_OUTPUTS


wildcard_constraints:
    tier=TIER,
    timing=config["timing"]["folder"],
    dataset="|".join(DATASETS),
    model="|".join([*CONTROLS, *MODELS, *ORACLES]),
    recipe="|".join(RECIPES) or "none",
    split=r"[A-Za-z0-9-]+",
    name=r"[a-z][a-z0-9_]*",
    suite="|".join(config["timing"]["suites"]) or "none",


def code_of(*modules):
    """A param: the hash of the code that a rule runs. "{model}" stands for the model's module, and so on."""

    def hashed(wildcards):
        named = {
            "{model}": lambda: module_of(config, wildcards.model),
            "{dataset}": lambda: config["datasets"][wildcards.dataset]["make"],
        }
        names = [named[m]() if m in named else m.format(**wildcards) for m in modules]
        return code_hash(*names)

    return hashed


def flag(name, value):
    """A param: a flag with its value, which may be a function of wildcards. False and what is empty are no flag.

    Snakemake compares a job's params by their values alone, whatever their names, so each value says what it is of.
    """

    def words(wildcards):
        given = value(wildcards) if callable(value) else value
        if isinstance(given, bool) or given in ([], {}):
            return name if given else ""
        if isinstance(given, dict):
            given = json.dumps(given, sort_keys=True)
        return shlex.join([name, *map(str, given if isinstance(given, list) else [given])])

    return words


def suite_code(wildcards):
    """A param: the hash of a suite's code, and of the models that it times."""
    models = config["timing"]["suites"][wildcards.suite].get("models", [])
    return code_hash("benchmarks.timing", f"benchmarks.speed.{wildcards.suite}", *models)


def splits_of(wildcards):
    """Names of a dataset's splits."""
    return [str(split) for split in config["datasets"][wildcards.dataset]["splits"]]


def grid_of(wildcards):
    """The grid of a dataset's cells; none for a dataset of one."""
    return config["datasets"][wildcards.dataset].get("grid", {})


def attempt(artifact):
    """A param: how often something has come that an artifact of the tier needed for a new attempt."""
    return lambda wildcards: f"attempt {ATTEMPTS.get(artifact.format(**wildcards), 0)}"


def raw_files(wildcards):
    """A param: what a dataset's raw files hold. Where they lie does not matter."""
    make, options = config["datasets"][wildcards.dataset]["make"], options_of(config, wildcards.dataset)
    return f"raw files {json.dumps(raw.contents(make, options | grid_of(wildcards), MIRROR), sort_keys=True)}"


def recipe_named(wildcards):
    """The recipe that a rule is about, be it itself or a model's; None for a model that reads no text."""
    return wildcards.get("recipe") or recipe_of(config, wildcards.model)


def recipe_asked(wildcards):
    """Its entry in the config; none for a model that reads no text."""
    return config["recipes"].get(recipe_named(wildcards), [])


def weights(wildcards):
    """A param: what the files of a recipe's weights hold, where they are those of a folder or a package."""
    return f"weights {json.dumps(places.contents(RECIPES[wildcards.recipe].weights), sort_keys=True)}"


def states_of(purpose):
    """The folder with states of a rule's recipe, for "selection" or "reporting", or "frozen" with its tokens, if any."""

    def folder(wildcards):
        recipe = recipe_named(wildcards)
        return recipe_states(wildcards, recipe, purpose) if recipe else []

    return folder


def recipe_states(wildcards, recipe, purpose):
    """Those of a recipe. Where labels or splits do not matter, recipes that read alike share those of the first."""
    own = RECIPES[recipe]
    if purpose == "frozen" or not own.per_split:
        recipe, purpose = next(name for name, other in RECIPES.items() if other.reading == own.reading), "frozen"
    return f"results/{wildcards.tier}/states/{wildcards.dataset}/{recipe}/{purpose}"


def other_states(wildcards):
    """Folders with states of the recipes that a model's variants name, by recipe."""
    asked = variant_recipes(config, wildcards.dataset, wildcards.model)
    return {recipe: recipe_states(wildcards, recipe, "reporting") for recipe in asked}


def search_of_recipe(wildcards):
    """The folder with a recipe's hyper-parameters, its own or another recipe's; none where it has no trials."""
    name = RECIPES[wildcards.recipe].tuned_as or wildcards.recipe
    searched = RECIPES[name].charged and tuned(config, wildcards.dataset)
    return recipe_states(wildcards, name, "selection") if searched else []


def tuning_of(wildcards):
    """The folder with a model's hyper-parameters; none for a control and where nothing is tuned."""
    searched = wildcards.model in MODELS and tuned(config, wildcards.dataset)
    return f"results/{wildcards.tier}/tuning/{wildcards.dataset}/{wildcards.model}" if searched else []


def charges_of(wildcards):
    """By model, the recipe whose trials are charged to its row."""
    models = models_of(config, wildcards.dataset) if tuned(config, wildcards.dataset) else []
    recipes = {model: recipe_of(config, model) for model in models}
    return {model: recipe for model, recipe in recipes.items() if recipe and RECIPES[recipe].charged}


def searches_of(wildcards):
    """Folders with the trials of the recipes that a dataset's rows use."""
    return [recipe_states(wildcards, recipe, "selection") for recipe in dict.fromkeys(charges_of(wildcards).values())]


def recipes_used(wildcards, kind):
    """Recipes of a kind ("finetuned", "pretrain") that a dataset's rows use, in order; none is told of a family."""
    asked = {
        recipe
        for model in models_of(config, wildcards.dataset)
        for recipe in (recipe_of(config, model), *variant_recipes(config, wildcards.dataset, model))
        if not grid_of(wildcards)
    }
    return [name for name, recipe in RECIPES.items() if name in asked and getattr(recipe, kind)]


def reporting_of(kind):
    """Folders with the states of these, and so with what is said of their heads, or with their loss curves."""
    return lambda wildcards: [recipe_states(wildcards, name, "reporting") for name in recipes_used(wildcards, kind)]


def folders_of(kind, models):
    """A dataset's folders of a kind, one a model that runs on it."""

    def folders(wildcards):
        asked = [model for model in models_of(config, wildcards.dataset) if model in models]
        return [f"results/{wildcards.tier}/{kind}/{wildcards.dataset}/{model}" for model in asked]

    return folders


def tunings_of(wildcards):
    """Folders with the hyper-parameters of a dataset's models; none where nothing is tuned."""
    return folders_of("tuning", MODELS)(wildcards) if tuned(config, wildcards.dataset) else []


def costs_of(wildcards):
    """Config entries of a dataset's tuned models and of the recipes that they name, and folders with these' tokens."""
    models = {m: entry_of(config, m) for m in models_of(config, wildcards.dataset) if m in MODELS}
    recipes = {recipe for entry in models.values() if (recipe := entry.get("recipe"))}
    return {
        "models": models,
        "recipes": {recipe: config["recipes"][recipe] for recipe in recipes},
        "encoded": {recipe: recipe_states(wildcards, recipe, "frozen") for recipe in recipes},
    }
