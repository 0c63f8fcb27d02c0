"""Precision, recall and lead time of the students whom staff can see, against counts by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.analysis import alerts as early
from benchmarks.analysis.alerts import SHARES
from benchmarks.data.storage import load_test, save_dataset
from benchmarks.data.targets import of_students
from benchmarks.datasets import synthetic


def alerts(labels: np.ndarray, chance: np.ndarray, lead: np.ndarray | None) -> pd.DataFrame:
    """Of as many students."""
    return early.alerts(of_students(np.arange(len(labels)), labels, lead), chance)


def test_counts_by_hand() -> None:
    """Of ten students, the fifth to seventh most probable are positive, with 30, 20 and 10 days left."""
    labels = np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 0])
    chance = np.array([0.9, 0.7, 0.8, 0.6, 0.1, 0.2, 0.3, 0.65, 0.0, 0.05])[:, None]
    days = np.array([1.0, 30, 1, 10, 1, 1, 1, 20, 1, 1])
    found = alerts(labels, chance, days).set_index("share")
    assert found.loc[0.1].tolist()[:2] == [0, 0]
    assert np.isnan(found.loc[0.1, "lead"]), "nobody found, no lead"
    assert found.loc[0.2].tolist()[:2] == [0, 0]
    assert found.loc[0.3].tolist() == pytest.approx([1 / 3, 1 / 3, 30])


@pytest.mark.parametrize("chance", [0.0, 0.3])
def test_who_knows_nothing_finds_the_prevalence(chance: float) -> None:
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    found = alerts(labels, np.full((8, 1), chance), None)
    assert found["precision"].tolist() == pytest.approx([0.25] * len(SHARES))
    assert found["recall"].tolist() == pytest.approx(list(SHARES))
    assert found["lead"].isna().all()


def test_ties_are_the_mean_over_all_orders() -> None:
    rng = np.random.default_rng(0)
    labels, levels = rng.integers(0, 2, 40), rng.integers(0, 4, 40) / 4
    expected = []
    for _ in range(4000):
        order = np.argsort(-levels - 1e-6 * rng.random(40))
        expected.append([labels[order[: round(share * 40)]].mean() for share in SHARES])
    found = alerts(labels, levels[:, None], None)
    assert found["precision"].tolist() == pytest.approx(np.mean(expected, axis=0).tolist(), abs=0.02)


def test_lead_is_the_median_of_those_found_with_a_known_day() -> None:
    labels, chance = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]), np.linspace(1, 0, 10)[:, None]
    days = np.array([5.0, np.nan, 9, 7, 1, 1, 1, 1, 1, 1])
    assert alerts(labels, chance, days)["lead"].tolist() == [5, 5, 5], "the lower of two: 5 and 9"
    assert alerts(labels, chance, np.where(np.isnan(days), 3, days))["lead"].tolist()[2] == 5, "3, 5, 9"


def test_lead_times_lie_under_the_seal(tmp_path: Path) -> None:
    data, sealed = tmp_path / "data", tmp_path / "sealed"
    data.mkdir()
    sealed.mkdir()
    dataset = synthetic.make(None, ["0"], students=60, cutoff=8)
    save_dataset(dataset, data, sealed)
    lead = load_test(sealed, "0").lead
    assert lead is not None
    assert lead.tolist() == [14.0] * len(dataset.splits["0"].test)
    for file in data.glob("*.npz"):
        with np.load(file, allow_pickle=False) as arrays:
            assert not [name for name in arrays.files if "lead" in name]
