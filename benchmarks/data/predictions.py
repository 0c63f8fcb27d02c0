"""What a model predicts of a dataset, on disk: probabilities by variant, split and seed, and variants that failed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs.outcome import Outcome

Run = tuple[str, str, int]
"""Variant, split, seed."""
Sides = dict[str, np.ndarray]
"""Probabilities [n, K] of "validation" and of "test" students."""


def save(folder: Path, runs: Mapping[Run, Sides], failed: Mapping[str, Outcome] = {}) -> None:
    """Write `predictions.npz`, and to `failed.json` how variants ended that failed."""
    write_json(folder / "failed.json", {variant: vars(end) for variant, end in failed.items()})
    arrays = {
        f"{variant}/{split}/{seed}/{side}": a for (variant, split, seed), s in runs.items() for side, a in s.items()
    }
    np.savez(folder / "predictions.npz", **arrays)  # type: ignore[arg-type]


def load(folder: Path) -> tuple[dict[Run, Sides], dict[str, Outcome]]:
    """The runs, and how failed variants ended; raises ValueError that names a file which is damaged."""
    file, runs = folder / "predictions.npz", dict[Run, Sides]()
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                variant, split, seed, side = key.split("/")
                runs.setdefault((variant, split, int(seed)), {})[side] = arrays[key]
    except Exception as error:  # damage shows in many ways
        raise ValueError(f"{file} is damaged ({type(error).__name__}: {error})") from error
    if lacking := [run for run, sides in runs.items() if sides.keys() != {"validation", "test"}]:
        raise ValueError(f"{file} is damaged: run {lacking[0]} lacks a side")
    return runs, {variant: Outcome(**end) for variant, end in read_json(folder / "failed.json").items()}
