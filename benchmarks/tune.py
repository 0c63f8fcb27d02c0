"""Verb `tune`: one study a split, selecting a model's hyper-parameters on validation."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.data.cache import fingerprint
from benchmarks.jobs.modules import load
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training.runs import fit_of, stopping
from benchmarks.training.study import Best, Course, save, search
from benchmarks.training.views import Material, arithmetic, torch_device
from sgn.fit import Predictor


def run(
    data: Path,
    model: str,
    splits: list[str],
    seeds: list[int],
    trials: int,
    epochs: int,
    patience: int,
    cache: Path,
    device: str,
    output: Path,
    states: Path | None = None,
    settings: dict[str, Any] = {},  # noqa: B006  read only
    shared: bool = False,
) -> None:
    """Search on the selection `seeds` and write, for each split, the best hyper-parameters and all trials.

    `settings` are knobs that the config sets: they are not searched. Processes that are given the same, but for
    `output`, divide the trials of `shared` studies.
    """
    where = torch_device(device)
    module, material = load(model), Material(data, states, splits)
    progress = Progress(len(splits) * trials, "trial")
    code = code_hash("benchmarks.training.runs", "benchmarks.training.study", model, computes=True)
    found = dict[str, Best]()
    for split in splits:
        views = {number: material.views(split, number).to(where) for number in seeds}

        def objective(params: dict[str, Any], course: Course, views: dict = views) -> None:
            def fit(seed: int) -> tuple[Predictor, float]:
                config = module.Config(**settings | params)
                report = stopping(config, epochs, patience, progress.tell, course.watch)
                return fit_of(module)(config, views[seed].training, seed, report), report.best_score

            course.run(seeds, fit)

        seen = [v.fingerprint for v in views.values()]
        key = fingerprint(code, settings, seen, seeds, epochs, patience, arithmetic(where))
        found[split] = search(
            cache / "studies" / f"{key[:32]}.log",
            {knob: values for knob, values in module.SPACE.items() if knob not in settings},
            asdict(module.Config(**settings)),
            trials,
            seed=seeds[0],
            objective=objective,
            told=progress.step,
            shared=shared,
        )
    save(found, output)
