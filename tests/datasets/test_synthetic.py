"""The synthetic network: its dials do what they say, and its truth is the one that it was drawn from."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.data.dataset import Dataset
from benchmarks.datasets import sentences, synthetic
from benchmarks.datasets.synthetic import BEHAVIORS, TONES, make


def network(**dials: object) -> Dataset:
    return make(None, ["0"], **{"students": 4000, **dials})  # type: ignore[arg-type]


def alike(dataset: Dataset) -> float:
    """Share of the edges that join equal labels."""
    a, b = dataset.graph.edges.numpy()
    return float((dataset.labels[a] == dataset.labels[b]).mean())


@pytest.mark.parametrize("signal", [-0.6, 0.0, 0.6])
def test_graph_signal_is_the_share_of_like_contacts(signal: float) -> None:
    """The chance of like contacts is share² (1 + signal (1/share - 1)), added up over the behaviors."""
    expected = sum(share**2 * (1 + signal * (1 / share - 1)) for share in (0.6, 0.4))
    assert alike(network(graph_signal=signal)) == pytest.approx(expected, abs=0.03)


def pools_of(wording: str) -> dict[str, list[str]]:
    """The sentences of each of two behaviors."""
    return {name: [s for tone in tones for s in TONES[wording][tone]] for name, tones in BEHAVIORS[2].items()}


def test_degrees_say_nothing_of_the_behavior() -> None:
    dataset = network(students=20_000, shares=(0.8, 0.2), graph_signal=0.5)
    degree = np.bincount(dataset.graph.edges[0].numpy(), minlength=20_000)
    assert degree.mean() == pytest.approx(6.0, abs=0.1)
    assert degree[dataset.labels == 0].mean() == pytest.approx(degree[dataset.labels == 1].mean(), abs=0.15)


def test_text_signal_is_the_share_of_the_own_tone() -> None:
    dataset = network(text_signal=0.5)
    tones = {s: name for name, pool in pools_of("plain").items() for s in pool}
    own = []
    for text, label in zip(dataset.graph.texts, dataset.labels, strict=True):
        found = [tones[s] for s in tones if s in text]
        own += [name == ("stays", "drops out")[label] for name in found]
    assert np.mean(own) == pytest.approx(0.5 + 0.5 / 2, abs=0.02)


@pytest.mark.parametrize("wording", ["plain", "subtle"])
def test_the_likelihood_of_a_text_follows_from_its_sentences(wording: str) -> None:
    dataset = network(students=200, text_signal=0.5, wording=wording)
    assert dataset.truth is not None
    pools = list(pools_of(wording).values())
    for text, likelihood in zip(dataset.graph.texts, dataset.truth.text, strict=True):
        counts = [sum(text.count(s) for s in pool) for pool in pools]
        expected = (counts[1] - counts[0]) * np.log(0.75 / 0.25)
        assert likelihood[1] - likelihood[0] == pytest.approx(expected)


def test_networks_that_differ_in_graph_signal_share_students_and_texts() -> None:
    one, other = network(graph_signal=0.1), network(graph_signal=0.7)
    assert one.graph.texts == other.graph.texts
    assert np.array_equal(one.labels, other.labels)
    assert torch.equal(one.graph.x, other.graph.x)
    assert not torch.equal(one.graph.edges[:, :50], other.graph.edges[:, :50])


def test_weight_signal_sets_like_contacts_apart() -> None:
    dataset = network(weight_signal=0.5)
    a, b = dataset.graph.edges.numpy()
    weights = dataset.graph.weights.numpy()
    like = dataset.labels[a] == dataset.labels[b]
    assert weights[like].mean() == pytest.approx(1 + 1.5, abs=0.06)
    assert weights[~like].mean() == pytest.approx(1 + 0.5, abs=0.06)


def test_masks_and_redundancy() -> None:
    dataset = network(students=20_000, masked=0.3, redundancy=0.0, text_signal=0.9)
    joint = network(students=20_000, masked=0.3, redundancy=1.0, text_signal=0.9)
    assert dataset.truth is not None
    assert joint.truth is not None
    assert dataset.truth.prior.sum() == pytest.approx(1)
    assert joint.truth.prior[:, 0, 1].sum() == pytest.approx(0), "fully redundant: text and contacts agree"
    assert dataset.truth.prior[:, 0, 1].sum() > 0.1
    told = dataset.truth.text.argmax(1)
    assert (told == dataset.labels).mean() < 0.7


def test_label_noise_isolation_and_direction() -> None:
    noisy = network(text_signal=0.99, sentences=8, label_noise=0.2)
    assert noisy.truth is not None
    assert (noisy.truth.text.argmax(1) == noisy.labels).mean() == pytest.approx(0.8, abs=0.03)
    lonely = network(isolated=0.3)
    assert (np.bincount(lonely.graph.edges[0].numpy(), minlength=4000) == 0).mean() == pytest.approx(0.3, abs=0.03)
    directed = network(directed=True)
    assert directed.graph.directed
    assert directed.graph.edges.shape[1] / 4000 == pytest.approx(3.0, abs=0.15)


def test_several_behaviors() -> None:
    dataset = network(shares=(0.4, 0.3, 0.2, 0.1))
    assert dataset.task.classes == ("thrives", "keeps up", "struggles", "leaves")
    assert np.bincount(dataset.labels) / 4000 == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.03)


def test_before_the_cutoff_nothing_later_is_seen() -> None:
    early, late = network(onset=True, cutoff=4), network(onset=True, cutoff=10)
    assert early.lead is not None
    assert set(early.lead) == {42.0}, "six weeks are left"
    assert late.truth is not None
    assert early.truth is not None
    for before, after in zip(early.graph.texts, late.graph.texts, strict=True):
        assert after.endswith(before), "the newest stand first, so that what was seen earlier ends the later text"
        assert not any(f"Week {week}:" in before for week in range(5, 11))
    assert early.graph.edges.shape[1] < 0.5 * late.graph.edges.shape[1]
    gain = [np.abs(t.text[:, 1] - t.text[:, 0]).mean() for t in (early.truth, late.truth)]
    assert gain[0] < 0.5 * gain[1], "the tone comes with the onset"


@pytest.mark.parametrize("wording", ["plain", "subtle"])
def test_all_sentences_differ(wording: str) -> None:
    everything = [s for pool in (*TONES[wording], sentences.NEUTRAL) for s in pool]
    assert len(set(everything)) == len(everything) >= 300
    assert not any(a != b and a in b for a in everything for b in everything)


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"students": 1}, "students = 1 lies outside 2 to inf"),
        ({"sentences": 0}, "sentences = 0 lies outside 1 to inf"),
        ({"draw": -1}, "draw = -1 lies outside 0 to inf"),
        ({"text_signal": 1.0}, "text_signal = 1.0 lies outside 0 to 1, without 1"),
        ({"text_signal": float("nan")}, "text_signal = nan lies outside 0 to 1, without 1"),
        ({"graph_signal": -0.9}, "graph_signal = -0.9: below -0.666667 the rarest would meet less than never"),
        ({"graph_signal": 1.1}, "graph_signal = 1.1 lies outside -1 to 1, without -1"),
        ({"graph_signal": -1.0, "shares": (0.5, 0.5)}, "graph_signal = -1.0 lies outside -1 to 1, without -1"),
        ({"feature_signal": -0.1}, "feature_signal = -0.1 lies outside 0 to inf"),
        ({"weight_signal": 1.0}, "weight_signal = 1.0 lies outside 0 to 1, without 1"),
        ({"masked": 0.6}, "masked = 0.6 lies outside 0 to 0.5"),
        ({"label_noise": -0.1}, "label_noise = -0.1 lies outside 0 to 0.5"),
        ({"mean_degree": -1.0}, "mean_degree = -1.0 lies outside 0 to inf"),
        ({"isolated": 1.1}, "isolated = 1.1 lies outside 0 to 1"),
        ({"train": 0.0}, "train = 0.0 lies outside 0 to 1, without 0 and 1"),
        ({"validation": 0.0}, "validation = 0.0 lies outside 0 to 1"),
        ({"train": 0.7, "validation": 0.3}, "train . validation = 1; it stays below 1"),
        ({"shares": (0.5, 0.6)}, r"shares = \[0.5, 0.6\] are not"),
        ({"redundancy": 1.5, "masked": 0.1}, "redundancy = 1.5 lies outside 0 to 1"),
        ({"redundancy": 0.5}, "redundancy > 0 needs masked > 0"),
        ({"weeks": 0}, "weeks = 0 lies outside 1 to inf"),
        ({"mean_degree": float("inf")}, "mean_degree = inf lies outside 0 to inf"),
        ({"cutoff": 0}, "cutoff = 0 lies outside 1 to inf"),
        ({"cutoff": 11}, "cutoff = 11 is not a week from 1 to 10"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_dial_out_of_range_is_refused(dials: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**dials)


def told_later(dataset: Dataset, cutoff: int) -> list[str]:
    """Texts that say a week after the cut-off."""
    weeks = range(cutoff + 1, 11)
    return [text for text in dataset.graph.texts if any(f"Week {week}:" in text for week in weeks)]


def test_a_later_week_in_a_text_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the cut-off sees a maker that forgets it."""
    assert told_later(network(onset=True, cutoff=4), cutoff=4) == []
    honest: Any = synthetic._texts

    def forgets(*arguments: Any) -> Any:
        *first, weeks, _, onset = arguments
        return honest(*first, weeks, weeks, onset)

    monkeypatch.setattr(synthetic, "_texts", forgets)
    assert len(told_later(network(onset=True, cutoff=4), cutoff=4)) > 3000


def test_the_likelihood_knows_the_shown_weeks_only() -> None:
    """Of two students whose texts up to the cut-off are letter for letter the same, what is known is the same."""
    dataset = network(students=20_000, onset=True, cutoff=2, sentences=2)
    assert dataset.truth is not None
    likelihood: dict[str, list[float]] = {}
    for text, (first, second) in zip(dataset.graph.texts, dataset.truth.text, strict=True):
        likelihood.setdefault(text, []).append(second - first)
    repeated = [values for values in likelihood.values() if len(values) > 1]
    assert len(repeated) > 100
    assert all(max(values) - min(values) < 1e-12 for values in repeated)


def test_a_hundred_thousand_students_are_small() -> None:
    """A tenth of a million in a tenth of 8 GiB at the peak, graph, text and truth together."""
    tracemalloc.start()
    dataset = network(students=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.truth is not None
    arrays = [dataset.graph.x.numpy(), dataset.graph.edges.numpy(), *dataset.truth.arrays().values()]
    assert sum(array.nbytes for array in arrays) < 60e6
    assert sum(map(len, dataset.graph.texts)) < 40e6
    assert peak < 0.8 * 2**30
