"""Verb `oracle`: the Bayes-optimal posterior of a synthetic student network, which no model beats but by luck.

From text alone the posterior is exact. With the graph it is belief propagation on the degree-corrected block model
(Decelle et al., 2011, https://arxiv.org/abs/1109.3041; Zhang, Moore & Zdeborova, 2014, https://arxiv.org/abs/1404.7789)
with the texts' log-likelihoods as fields (Deshpande et al., 2018, https://arxiv.org/abs/1807.09596; Duranthon &
Zdeborova, 2024, https://arxiv.org/abs/2306.07948) and training labels as evidence: exact on trees, up to the mean-field
treatment of pairs that did not meet, and near-exact on sparse graphs. Very small networks are enumerated, which is
exact: up to 22 students of two behaviors, 14 of three, 11 of four. Level 2.
"""

from pathlib import Path

import numpy as np
from scipy.special import gammaln, logsumexp, softmax, xlogy

from benchmarks.data.dataset import Truth
from benchmarks.data.predictions import Key, Sides, save
from benchmarks.data.storage import load_split, load_task, load_truth
from benchmarks.training.variants import BASE

SOURCES = ("text", "graph", "features")
DAMPING = 0.7
"""Share of the old message in the new one; without it messages swing on heterophilous networks."""
TOLERANCE = 1e-6
ITERATIONS = 1000
ENUMERATED = 3**14
"""States of the whole network up to which all are enumerated; 4**14 would take gigabytes."""
IMPOSSIBLE = -1e4
"""Log factor of what cannot be (a rate of zero, at the end of a dial), so that messages stay finite numbers.

Belief propagation is blind to evidence against it of 10,000 nats and more; enumeration needs no such number.
"""


def run(data: Path, sources: list[str], splits: list[str], seeds: list[int], output: Path) -> None:
    """Write predictions as `train` does, knowing the `sources` and the labels of training students.

    The oracle takes no chances: every seed has the same predictions.
    """
    truth, task = load_truth(data), load_task(data)
    runs: dict[Key, Sides] = {}
    for split in splits:
        known = load_split(data, split, len(truth.text))
        train = known.train.numpy()
        chances = posterior(truth, tuple(sources), train, known.labels.numpy()[train])
        scores = chances[:, 1:] if task.kind == "binary" else chances
        sides = {"validation": scores[known.validation.numpy()], "test": scores[known.test.numpy()]}
        runs |= {(BASE, split, seed): sides for seed in seeds}
    save(output, runs)


def posterior(truth: Truth, sources: tuple[str, ...], known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """P(y | sources, labels of the `known` students) for every student, [N, K].

    `known` [n] are ids with `labels` [n]. Raises ValueError for a source that is none of SOURCES, and RuntimeError
    where belief propagation does not converge.
    """
    if unknown := set(sources) - set(SOURCES):
        raise ValueError(f"source {min(unknown)!r} is not one of {', '.join(SOURCES)}")
    students, classes = truth.text.shape
    told = np.zeros((students, classes))  # log P(what is known of z alone | z)
    if "features" in sources:
        told += truth.features
    with np.errstate(divide="ignore"):
        told[known] += np.log(truth.noise[:, labels].T)
    text = truth.text if "text" in sources else np.zeros_like(truth.text)
    local = np.einsum("nz,zuv,nu->nzv", _relative(told), truth.prior, _relative(text))  # P(z, v, own evidence)
    with np.errstate(divide="ignore"):
        field = np.log(local.sum(1))  # [N, v]
    belief = softmax(field, axis=1)
    if "graph" in sources:
        belief = (enumerate_states if classes**students <= ENUMERATED else propagate)(truth, field)
    given = local / np.maximum(local.sum(1, keepdims=True), np.finfo(float).tiny)  # P(z | v, own evidence)
    state = np.einsum("nv,nzv->nz", belief, given)
    label = state @ truth.noise
    return label / label.sum(1, keepdims=True)


def propagate(truth: Truth, field: np.ndarray) -> np.ndarray:
    """Belief propagation: P(v | field, graph) [N, K] from log fields [N, K].

    Pairs that did not meet act through the mean of everybody's beliefs (each of these pairs says next to nothing).
    """
    students, classes = field.shape
    ends, factor = _factors(truth)
    factor = np.maximum(factor, IMPOSSIBLE)
    source, target = np.concatenate([ends, ends[::-1]], axis=1)  # each pair carries a message each way
    factor = np.concatenate([factor, factor.transpose(0, 2, 1)])  # [2E, from, to]
    count = ends.shape[1]
    back = np.concatenate([np.arange(count, 2 * count), np.arange(count)])
    absent = truth.affinity + truth.affinity.T if truth.directed else truth.affinity
    message = np.zeros((2 * count, classes))
    for _ in range(ITERATIONS):
        received = np.stack([np.bincount(target, message[:, k], students) for k in range(classes)], axis=1)
        log_belief = field + received
        belief = softmax(log_belief, axis=1)
        mass = truth.activity @ belief  # [K]
        log_belief += -truth.activity[:, None] * ((mass - truth.activity[:, None] * belief) @ absent.T)
        cavity = log_belief[source] - message[back]
        new = logsumexp(factor + cavity[:, :, None], axis=1)
        new -= logsumexp(new, axis=1, keepdims=True)
        new = DAMPING * message + (1 - DAMPING) * new
        change = np.abs(np.exp(new) - np.exp(message)).max(initial=0.0)
        message = new
        if change < TOLERANCE:
            return softmax(log_belief, axis=1)
    raise RuntimeError(f"belief propagation: messages still move by {change:.1e} after {ITERATIONS} rounds")


def enumerate_states(truth: Truth, field: np.ndarray) -> np.ndarray:
    """The same belief, exactly: the sum over all states of a very small network."""
    students, classes = field.shape
    pair = _pairwise(truth)
    log = np.zeros(1)  # of all states of the students so far, the last one's behavior running fastest
    for student in range(students):
        contacts = np.zeros((classes, 1))  # [behavior of the student, states of those before]
        for other in range(student):
            contacts = (contacts[:, :, None] + pair[other, student].T[:, None, :]).reshape(classes, -1)
        log = (log[:, None] + field[student] + contacts.T).reshape(-1)
    chance = softmax(log)
    return np.stack([chance.reshape(classes**i, classes, -1).sum((0, 2)) for i in range(students)])


def _pairwise(truth: Truth) -> np.ndarray:
    """Log of what each pair's contacts or their absence say, [N, N, K, K]; pairs with the lower id first only."""
    affinity = truth.affinity + truth.affinity.T if truth.directed else truth.affinity
    pair = -np.einsum("i,j,ab->ijab", truth.activity, truth.activity, affinity)
    (first, second), factor = _factors(truth)
    pair[first, second] += factor
    return pair


def _factors(truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Distinct unordered pairs that met [2, E'], and for each the log of what meeting says [E', K, K].

    Relative to not meeting: the rates of all pairs, met or not, act through the mean field.
    """
    first, second = truth.pairs
    rate = (truth.activity[first] * truth.activity[second])[:, None, None] * truth.affinity
    again = truth.weights[:, None, None] - 1
    weight = xlogy(again, truth.strength) - truth.strength - gammaln(again + 1)  # log of the Poisson probability
    with np.errstate(divide="ignore"):
        factor = np.log(np.expm1(rate)) + weight  # [E, from, to]
    swapped = first > second
    factor[swapped] = factor[swapped].transpose(0, 2, 1)
    code = np.minimum(first, second) * len(truth.activity) + np.maximum(first, second)
    distinct, place = np.unique(code, return_inverse=True)  # a directed pair may have met both ways
    merged = np.zeros((len(distinct), *truth.affinity.shape))
    np.add.at(merged, place, factor)
    return np.stack([distinct // len(truth.activity), distinct % len(truth.activity)]), merged


def _relative(log: np.ndarray) -> np.ndarray:
    """exp, up to a factor a row."""
    return np.exp(log - log.max(1, keepdims=True))
