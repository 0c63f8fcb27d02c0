"""Fewer labels: splits in which some students of training and validation stay in the graph without theirs."""

from dataclasses import replace

import numpy as np

from benchmarks.data.dataset import Dataset, Split


def thinned(dataset: Dataset, share: float) -> Dataset:
    """The dataset with the labels of a `share` of its labeled students known, who train and validate as before.

    Sides and classes keep their proportions, with one student of each class at least on either side; whose label is
    known at a smaller share has it known at a larger one, too. Tests stay as they are. Raises ValueError for a share
    that is not above 0, or above that of a split.
    """
    everybody = np.any(dataset.labels.reshape(len(dataset.labels), -1) >= 0, axis=1).sum()
    splits = {}
    for name, split in dataset.splits.items():
        known = (len(split.train) + len(split.validation)) / everybody
        if not 0 < share <= known + 1e-9:
            raise ValueError(f"labeled = {share}; split {name!r} has the labels of {known:.3f} of the students to give")
        splits[name] = _kept(split, dataset.labels, min(share / known, 1.0))
    return replace(dataset, splits=splits)


def _kept(split: Split, labels: np.ndarray, part: float) -> Split:
    """A part of the students of training and of validation."""
    rng = np.random.RandomState(0)

    def side(ids: np.ndarray) -> np.ndarray:
        ids = rng.permutation(ids)
        kinds = np.unique(labels[ids], axis=0, return_inverse=True)[1].ravel()
        of_kind = [ids[kinds == kind] for kind in np.unique(kinds)]
        return np.sort(np.concatenate([those[: max(1, round(part * len(those)))] for those in of_kind]))

    return replace(split, train=side(split.train), validation=side(split.validation))
