"""Synthetic student network whose Bayes optimum is known: text, contacts and features tell of a latent behavior.

Contacts follow a degree-corrected stochastic block model (Karrer & Newman, 2011, https://arxiv.org/abs/1008.3926) in
which degrees say nothing of the behavior. Texts are made of natural sentences whose tone follows the behavior by a
known probability, so that the likelihood ratio of each text is known. Every dial is an option; `benchmarks.oracle`
computes what can be known of the label from each source. Text, contacts and the rest are drawn from random streams
of their own: networks that differ in `graph_signal` alone hold the same students with the same texts.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.data.dataset import Dataset, Truth, random_split
from benchmarks.datasets import sentences as written
from benchmarks.datasets.sentences import NEUTRAL, plain
from sgn.graph import StudentGraph
from sgn.task import Task

ORACLE = True  # the dataset carries its truth: the oracles' rows stand in its tables
RANGES = {
    "students": (2, None),
    "text_signal": (0.0, 1.0),
    "graph_signal": (-1.0, 1.0),
    "feature_signal": (0.0, None),
    "weight_signal": (0.0, 1.0),
    "masked": (0.0, 0.5),
    "redundancy": (0.0, 1.0),
    "label_noise": (0.0, 0.5),
    "mean_degree": (0.0, None),
    "isolated": (0.0, 1.0),
    "sentences": (1, None),
    "weeks": (1, None),
    "cutoff": (1, None),
    "train": (0.0, 1.0),
    "validation": (0.0, 1.0),
    "draw": (0, None),
}
"""What a config may ask for, read without running this file; `make` knows of ends that are excluded, too."""

EXCLUDED = {
    "text_signal": (1.0,),
    "graph_signal": (-1.0,),
    "weight_signal": (1.0,),
    "train": (0.0, 1.0),
    "validation": (0.0, 1.0),
}
ROUNDING = 1e-9
"""How far `graph_signal` may lie below its end, for the sake of rounded shares."""

TONES = {
    "subtle": (written.THRIVING, written.STEADY, written.STRUGGLING, written.LEAVING),
    "plain": tuple(
        plain(ends)
        for ends in (written.THRIVING_ENDS, written.STEADY_ENDS, written.STRUGGLING_ENDS, written.LEAVING_ENDS)
    ),
}
"""Sentences of those who thrive, keep up, struggle, leave; by the wording."""

BEHAVIORS: dict[int, dict[str, tuple[int, ...]]] = {
    2: {"stays": (0, 1), "drops out": (2, 3)},
    3: {"thrives": (0,), "keeps up": (1,), "drops out": (2, 3)},
    4: {"thrives": (0,), "keeps up": (1,), "struggles": (2,), "leaves": (3,)},
}
"""Behaviors by their number, each with its tones."""

WITHOUT_TONE = 1 / 3
"""Share of neutral sentences."""

STREAMS = ("state", "text", "contacts", "features", "labels")


def make(
    raw: Path | None,
    splits: Sequence[str],
    students: int = 1000,
    shares: Sequence[float] = (0.6, 0.4),
    text_signal: float = 0.45,
    graph_signal: float = 0.35,
    feature_signal: float = 0.3,
    weight_signal: float = 0.0,
    masked: float = 0.0,
    redundancy: float = 0.0,
    label_noise: float = 0.0,
    mean_degree: float = 6.0,
    isolated: float = 0.0,
    directed: bool = False,
    sentences: int = 3,
    wording: Literal["plain", "subtle"] = "plain",
    onset: bool = False,
    weeks: int = 10,
    cutoff: int = 10,
    train: float = 0.3,
    validation: float = 0.15,
    draw: int = 0,
) -> Dataset:
    """Draw a network.

    `shares`: of the behaviors, 2 to 4 of them. `text_signal` in [0, 1): a sentence with a tone has its author's with
    probability signal + (1 - signal) / K, each other with (1 - signal) / K. `graph_signal` in (-1, 1]: like meet like
    1 + signal (1 / share - 1) times as often as by chance, others 1 - signal times; negative is heterophilous, and not
    below -share / (1 - share) of the rarest behavior.
    `feature_signal`: distance of the first and last behavior's means in each feature, in standard deviations.
    `weight_signal` in [0, 1): contacts of like count 1 + signal against 1 - signal more meetings on average.
    `masked`: share of students who show another behavior than theirs, `redundancy`: share of students in whom text
    and contacts show the very same one. `label_noise`: share of wrong labels. `isolated`: share of students who meet
    nobody. `wording`: "plain" sentences say their tone so that anybody can tell it, "subtle" ones do not, and a reader
    must learn most of them one by one. `onset`: text takes the tone of the behavior from a random week on and of the
    first behavior before, and says its weeks. Texts and contacts of the weeks up to `cutoff` of `weeks` are shown, the
    newest first.
    `draw` numbers the networks of the same dials. Raises ValueError for a dial outside its range.
    """
    classes = len(shares)
    _check(locals())
    stream = {name: np.random.default_rng([draw, number]) for number, name in enumerate(STREAMS)}
    prior = _prior(np.asarray(shares, dtype=float), masked, redundancy)
    drawn = stream["state"].choice(classes**3, students, p=prior.ravel() / prior.sum())
    state, told, met = np.unravel_index(drawn, prior.shape)
    noise = np.full((classes, classes), label_noise / (classes - 1))
    np.fill_diagonal(noise, 1 - label_noise)
    labels = _choose(stream["labels"], noise[state])

    pools = [sum((TONES[wording][tone] for tone in tones), ()) for tones in BEHAVIORS[classes].values()]
    texts, text_likelihood = _texts(stream["text"], told, pools, text_signal, sentences, weeks, cutoff, onset)
    activity = stream["contacts"].gamma(4.0, 0.25, students)  # mean 1: the degree correction
    activity[stream["contacts"].random(students) < isolated] = 0.0
    affinity = np.maximum(1 - graph_signal + np.diag(graph_signal / np.asarray(shares)), 0)  # no rounding below never
    affinity *= mean_degree * cutoff / weeks / students / (2 if directed else 1)
    strength = np.where(np.eye(classes, dtype=bool), 1 + weight_signal, 1 - weight_signal)
    pairs = _contacts(stream["contacts"], met, activity, affinity, directed)
    weights = 1 + stream["contacts"].poisson(strength[met[pairs[0]], met[pairs[1]]])
    means = feature_signal * np.linspace(0.5, -0.5, classes)[:, None] * np.array([1.0, -1.0, 1.0])  # [K, 3]
    x = stream["features"].standard_normal((students, 3)) + means[state]

    both = [(pairs, weights)] if directed else [(pairs, weights), (pairs[::-1], weights)]
    names = tuple(BEHAVIORS[classes])
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.astype(np.float32)),
            features=("logins", "days since last login", "minutes of video"),
            texts=texts,
            edges=torch.from_numpy(np.concatenate([ends for ends, _ in both], axis=1)),
            weights=torch.from_numpy(np.concatenate([w for _, w in both]).astype(np.float32)),
            directed=directed,
        ),
        labels=labels,
        task=Task("binary" if classes == 2 else "multiclass", names),
        target="drops out" if classes == 2 else "behavior",
        text="drawn",
        replication="folds",
        splits={name: random_split(labels, int(name), train, validation) for name in map(str, splits)},
        truth=Truth(
            prior=prior,
            noise=noise,
            text=text_likelihood,
            features=-((x[:, None, :] - means) ** 2).sum(2) / 2,
            activity=activity,
            affinity=affinity,
            strength=strength,
            pairs=pairs,
            weights=weights,
            directed=np.array(directed),
        ),
        clock="week",
        lead=np.full(students, 7.0 * (weeks - cutoff)),  # behavior counts at the end of the last week
    )


def _check(dials: dict) -> None:
    """Raise ValueError for the first dial that has no meaning, with what it may be."""
    shares = dials["shares"]
    if len(shares) not in BEHAVIORS or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares = {list(shares)} are not 2 to 4 positive numbers that add up to 1")
    for name, (low, high) in RANGES.items():
        value, most = dials[name], math.inf if high is None else high
        if not (low <= value <= most and value < math.inf) or value in EXCLUDED.get(name, ()):
            without = f", without {' and '.join(f'{end:g}' for end in EXCLUDED[name])}" if name in EXCLUDED else ""
            raise ValueError(f"{name} = {value} lies outside {low:g} to {most:g}{without}")
    fewest = max(-share / (1 - share) for share in shares)
    if dials["graph_signal"] < fewest - ROUNDING:
        raise ValueError(
            f"graph_signal = {dials['graph_signal']}: below {fewest:g} the rarest would meet less than never"
        )
    if dials["train"] + dials["validation"] >= 1:
        raise ValueError(
            f"train + validation = {dials['train'] + dials['validation']:g}; it stays below 1, so that a rest is tested"
        )
    if dials["redundancy"] and not dials["masked"]:
        raise ValueError("redundancy > 0 needs masked > 0: without masks text and contacts always show the same")
    if dials["cutoff"] > dials["weeks"]:
        raise ValueError(f"cutoff = {dials['cutoff']} is not a week from 1 to {dials['weeks']}")


def _prior(shares: np.ndarray, masked: float, redundancy: float) -> np.ndarray:
    """P(behavior, behavior told in text, behavior shown in contacts) [K, K, K]."""
    classes = len(shares)
    shown = np.full((classes, classes), masked / (classes - 1))
    np.fill_diagonal(shown, 1 - masked)
    apart = shown[:, :, None] * shown[:, None, :]
    together = shown[:, :, None] * np.eye(classes)
    return shares[:, None, None] * (redundancy * together + (1 - redundancy) * apart)


def _texts(
    rng: np.random.Generator, told: np.ndarray, pools: list[tuple[str, ...]], signal: float, length: int, weeks: int,
    cutoff: int, onset: bool,
) -> tuple[tuple[str, ...], np.ndarray]:  # fmt: skip
    """Texts, and their log-likelihood under each behavior [N, K]. `pools` are the K behaviors' sentences."""
    classes = len(pools)
    size = (len(told), length)
    week = -np.sort(-rng.integers(1, weeks + 1, size), axis=1)  # newest first
    begins = rng.integers(1, weeks + 1, len(told)) if onset else np.zeros(len(told), dtype=int)
    follows = np.where(week >= begins[:, None], told[:, None], 0)
    table = np.full((classes, classes), (1 - signal) / classes) + signal * np.eye(classes)  # P(tone | behavior)
    tone = _choose(rng, table[follows])
    tone[rng.random(size) < WITHOUT_TONE] = -1
    pools = [*pools, NEUTRAL]  # tone -1 is the last
    sentence = (rng.random(size) * np.array([len(pool) for pool in pools])[tone]).astype(int)
    seen = week <= cutoff

    says = np.where(((tone >= 0) & seen)[:, :, None], np.log(table.T[tone]), 0.0)  # [N, S, K]
    if onset:
        first = np.arange(1, weeks + 1)
        since = week[:, None, :] >= first[:, None]  # [N, onset week, S]
        sums = np.where(since[..., None], says[:, None], says[:, None, :, :1]).sum(2)  # [N, onset week, K]
        likelihood = np.logaddexp.reduce(sums, axis=1)
    else:
        likelihood = says.sum(1)
    texts = tuple(
        " ".join(
            f"Week {w}: {pools[t][s]}" if onset else pools[t][s]
            for t, s, w, shown in zip(*row, strict=True)
            if shown
        )
        for row in zip(tone.tolist(), sentence.tolist(), week.tolist(), seen.tolist(), strict=True)
    )  # fmt: skip
    return texts, likelihood


def _contacts(
    rng: np.random.Generator, shown: np.ndarray, activity: np.ndarray, affinity: np.ndarray, directed: bool
) -> np.ndarray:
    """Pairs that met at least once [2, E]: ordered when directed, else with the lower id first."""
    members = [np.flatnonzero((shown == k) & (activity > 0)) for k in range(len(affinity))]
    mass = np.array([activity[m].sum() for m in members])
    met = []
    for a, b in np.ndindex(*affinity.shape):
        # an unordered pair of two behaviors is drawn from either side, half of the times each
        count = rng.poisson(mass[a] * mass[b] * affinity[a, b] / (1 if directed else 2))
        ends = [rng.choice(members[k], count, p=activity[members[k]] / mass[k]) if count else [] for k in (a, b)]
        met.append(np.asarray(ends, dtype=np.int64).reshape(2, -1))
    pairs = np.concatenate(met, axis=1)
    if not directed:
        pairs.sort(axis=0)
    pairs = pairs[:, pairs[0] != pairs[1]]
    code = np.unique(pairs[0] * len(shown) + pairs[1])
    return np.stack([code // len(shown), code % len(shown)])


def _choose(rng: np.random.Generator, probabilities: np.ndarray) -> np.ndarray:
    """One class each by the probabilities in the last axis."""
    steps = probabilities.cumsum(-1)[..., :-1]
    return (rng.random(probabilities.shape[:-1])[..., None] >= steps).sum(-1)
