"""Verb `train`: a model with frozen hyper-parameters on all splits, variants and seeds, and its predictions."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.predictions import Key, Sides, save
from benchmarks.data.storage import load_truth, read_json
from benchmarks.jobs import outcome
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import FAILED, LOSSES, Outcome, needs_of, said
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training import edits
from benchmarks.training.recipes import Recipe
from benchmarks.training.runs import predictions_of, stopping
from benchmarks.training.variants import BASE, Changes, changes
from benchmarks.training.views import Material, Views, arithmetic, crossed, torch_device
from sgn.graph import StudentGraph


def run(
    data: Path,
    model: str,
    splits: list[str],
    seeds: list[int],
    epochs: int,
    patience: int,
    cache: Path,
    device: str,
    output: Path,
    states: Path | None = None,
    tuning: Path | None = None,
    settings: dict[str, Any] = {},  # noqa: B006  read only
    variants: dict[str, dict[str, Any]] = {},  # noqa: B006
    other_states: dict[str, str] = {},  # noqa: B006
    encoded: Path | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Write predictions: probabilities [n, K] of validation and test students for each variant, split and seed.

    `settings` are knobs that the config sets. Without `tuning` (a control has nothing to tune) the model runs on its
    defaults. `other_states` are the folders of the recipes that variants name, by recipe. `encoded` and `recipe` let a
    model train through the encoder itself.
    """
    where = torch_device(device)
    module, encoder = load(model), None
    best = read_json(tuning / "best.json") if tuning else {}
    setting = [code_hash("benchmarks.training.runs", model, computes=True), epochs, patience, arithmetic(where)]
    if encoded and recipe:  # loaded by name: a model without text does not depend on this code
        encoder = load("benchmarks.training.reading").opened(recipe, encoded, cache, where)
        setting += [code_hash("benchmarks.training.reading", computes=True), encoder.sha256]
        setting += [encoder.tokens, recipe.one_fit]

    @functools.cache
    def material_of(recipe: str | None) -> Material:
        if recipe:  # another encoder than the one to train through
            return Material(data, Path(other_states[recipe]), splits)
        return Material(data, states, splits, encoder)

    asked = {BASE: changes({})} | {variant: changes(entry) for variant, entry in variants.items()}
    cells = [
        (variant, *cell)
        for variant, change in asked.items()
        for cell in crossed(splits, range(change.draws) if change.draws else seeds)
    ]
    progress = Progress(len(cells), "run")
    runs: dict[Key, Sides] = {}
    failed: dict[str, Outcome] = {}
    for variant, split, seed in cells:
        if variant in failed:
            continue
        name = f"{variant}, split {split}, seed {seed}"
        change = asked[variant]
        if change.recipe and (before := outcome.failure_among([other_states[change.recipe]])):
            failed[variant] = before
            progress.step(f"{name}: its states {before.status}: {before.reason}")
            continue
        try:
            config = module.Config(**settings | best.get(split, {"params": {}})["params"] | change.knobs)
            material = material_of(change.recipe)
            views = _views(material, split, seed, change, data).to(where)
            report = stopping(config, epochs, patience, progress.tell)
            test = material.known[split].test
            key = fingerprint(*setting, repr(config), views.fingerprint, test, seed)
            make = functools.partial(predictions_of, module, config, views, test, seed, report, name)
            made = caching.arrays(cache, "runs", key, make)
        except LOSSES as error:
            if variant == BASE or needs_of(error):  # a full disk is no fault of a variant's
                raise
            failed[variant] = Outcome(FAILED, said(error))  # loses its own cells only
            progress.step(f"{name} failed: {failed[variant].reason}")
            continue
        runs[variant, split, seed] = made
        progress.step(name)
    save(output, runs, failed)


def _views(material: Material, split: str, seed: int, change: Changes, data: Path) -> Views:
    def edit(graph: StudentGraph) -> StudentGraph:
        graph = getattr(edits, change.graph)(graph) if change.graph else graph
        return told(graph, torch.from_numpy(load_truth(data).text).float()) if change.text else graph

    return material.views(split, seed, edit, change.labels)


def told(graph: StudentGraph, likelihoods: torch.Tensor) -> StudentGraph:
    """In the place of text, as features: each behavior's log-likelihood [N, K] beside the first one's."""
    ratios = likelihoods[:, 1:] - likelihoods[:, :1]
    names = tuple(f"told of behavior {k}" for k in range(1, likelihoods.shape[1]))
    graph = edits.no_text(graph)
    return replace(graph, x=torch.cat([graph.x, ratios], dim=1), features=(*graph.features, *names))
