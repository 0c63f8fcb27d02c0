"""What a model predicts of a dataset, on disk: scores by variant, split, seed and side, and variants that failed.

Nothing else opens these files or knows how their keys are spelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs.outcome import Outcome

Key = tuple[str, str, int]
"""Variant, split, seed."""
Sides = dict[str, np.ndarray]
"""Scores [n, K] of the targets of "validation" and of "test"."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run and its scores: probabilities [n, K] of each side's targets, in their order."""

    model: str
    cell: str  # of a family, else ""
    variant: str
    split: str
    seed: int
    validation: np.ndarray
    test: np.ndarray

    @property
    def of(self) -> dict[str, Any]:
        """What its rows in tables are of."""
        return {"model": self.model, "variant": self.variant, "split": self.split, "seed": self.seed}


def save(folder: Path, runs: Mapping[Key, Sides], failed: Mapping[str, Outcome] = {}) -> None:
    """Write `predictions.npz`, and to `failed.json` how variants ended that failed."""
    write_json(folder / "failed.json", {variant: vars(end) for variant, end in failed.items()})
    arrays = {"/".join(map(str, (*key, side))): scores for key, sides in runs.items() for side, scores in sides.items()}
    np.savez(folder / "predictions.npz", **arrays)  # type: ignore[arg-type]


def load(folder: Path, cell: str = "") -> tuple[list[Run], dict[str, Outcome]]:
    """The runs of the model that `folder` is named by, and how failed variants ended.

    Raises ValueError that names a file which is damaged.
    """
    file, found = folder / cell / "predictions.npz", dict[Key, Sides]()
    try:
        with np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                variant, split, seed, side = key.split("/")
                found.setdefault((variant, split, int(seed)), {})[side] = arrays[key]
        runs = [Run(folder.name, cell, *key, sides["validation"], sides["test"]) for key, sides in found.items()]
    except Exception as error:  # damage shows in many ways, and a run that lacks a side is one
        raise ValueError(f"{file} is damaged ({type(error).__name__}: {error})") from error
    failed = read_json(folder / cell / "failed.json")
    return runs, {variant: Outcome(**end) for variant, end in failed.items()}
