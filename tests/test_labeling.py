"""Fewer labels are nested, of every class, and change neither the graph nor the test."""

import numpy as np
import pytest

from benchmarks.data.dataset import Dataset, Split
from benchmarks.datasets import synthetic
from benchmarks.training.labeling import thinned


@pytest.fixture(scope="module")
def network() -> Dataset:
    return synthetic.make(None, ["0"], students=500, train=0.45, validation=0.15)


def known(split: Split) -> set[int]:
    return {*split.train.tolist(), *split.validation.tolist()}


def test_shares_are_of_all_students_and_nested(network: Dataset) -> None:
    whole, seen = network.splits["0"], set[int]()
    for share in (0.01, 0.05, 0.2, 0.6):
        made = thinned(network, share)
        split = made.splits["0"]
        assert len(known(split)) == pytest.approx(500 * share, abs=2)
        assert seen < known(split)
        assert set(split.train.tolist()) <= set(whole.train.tolist())
        assert set(split.validation.tolist()) <= set(whole.validation.tolist())
        assert np.array_equal(split.test, whole.test)
        assert made.graph is network.graph
        for side in (split.train, split.validation):
            assert set(network.labels[side].tolist()) == {0, 1}
        seen = known(split)
    assert seen == known(whole), "60 % are all that the split has"


def test_classes_keep_their_shares(network: Dataset) -> None:
    whole, part = network.splits["0"], thinned(network, 0.3).splits["0"]
    assert network.labels[part.train].mean() == pytest.approx(network.labels[whole.train].mean(), abs=0.01)
    assert len(part.train) == pytest.approx(3 * len(part.validation), abs=2)


def test_what_a_split_does_not_have_cannot_be_given(network: Dataset) -> None:
    for share in (0.0, -0.1, 0.61):
        with pytest.raises(ValueError, match=f"labeled = {share}; split '0' has the labels of 0.600"):
            thinned(network, share)
