"""Fairness: how differently a row serves the groups of a protected attribute, and how differently it would by chance.

Three gaps, each between the two groups that are furthest apart. Recall: the share found of those to be found (of all
students where there are several classes). Calibration: mean predicted less observed frequency. ABROCA: the area between
the ROC curves of a group and of the largest one (Gardner, Brooks & Baker, 2019,
https://doi.org/10.1145/3303772.3303791), the mean over classes where there are several, and over splits: probabilities
of different splits come from different models, and no curve mixes them. No gap can be negative, so groups that are
served alike have one, too: `chance` is the 95 % quantile of what these would have. For recall and ABROCA, groups are
dealt out anew among students of equal labels, for base rates that differ are no unequal service. Calibration is of base
rates: there students are resampled, each group around its own value, for groups differ in spread. Small groups are left
out, for their numbers say little and might tell of persons. Level 2.
"""

import numpy as np
import pandas as pd

from benchmarks.analysis import stats
from benchmarks.analysis.comparisons import Cell
from benchmarks.analysis.metrics import decisions, questions
from benchmarks.data.targets import Targets

MEASURES = ("recall", "calibration", "abroca")
SMALLEST = 20
"""Test students that a group needs."""
FEWEST = 10
"""Of them, those who are to be found; and, for a ROC curve, those who are and who are not of a class."""
DRAWS, DEALS, SEED = 500, 200, 20_263
BEYOND, WITHIN = "beyond chance", "within chance"
"""Verdicts."""
GRID = np.linspace(0, 1, 201)
"""False positive rates at which ROC curves are compared."""


def gaps(kind: str, tests: dict[str, Targets], runs: dict[Cell, np.ndarray], words: np.ndarray) -> pd.DataFrame:
    """A row a measure: its value (mean over seeds), 95 % interval (units resampled), and what chance gives.

    `runs` are probabilities of the targets of `tests` by split and seed, `words` [N] the group of each unit, who is a
    student, "" unknown. Values are NaN where fewer than two groups are large enough,
    or no split has enough of each for a ROC curve. `names` are the groups with their numbers of students, without
    these where one group is left out, whose size they would tell, and "" where no gap is; `worse` is the one that is
    worse off: of lower recall, further from what is observed, of the lower ROC curve. `verdict` is BEYOND
    where the gap is larger than chance gives, else WITHIN, and "" without a gap.
    """
    seeds = sorted({seed for _, seed in runs})
    who, truth = (np.concatenate([getattr(test, name) for test in tests.values()]) for name in ("units", "truth"))
    of_split = np.split(np.arange(len(who)), np.cumsum([len(test) for test in tests.values()])[:-1])
    answers = [np.concatenate([runs[split, seed] for split in tests]) for seed in seeds]
    groups = {str(word): words[who] == word for word in np.unique(words[who]) if word}
    to_find = _ratios(kind, truth, answers[0])["recall"][1]
    large = {
        word: of
        for word, of in groups.items()
        if len(np.unique(who[of])) >= SMALLEST and len(np.unique(who[of & (to_find > 0)])) >= FEWEST
    }
    left_out = len(groups) - len(large)
    sizes = {word: "" if left_out == 1 else f" ({len(np.unique(who[of]))})" for word, of in large.items()}
    names = ", ".join(word + size for word, size in sizes.items()) if len(large) > 1 else ""
    row = {"groups": len(large), "left_out": left_out, "names": names, "worse": "", "verdict": ""}
    if len(large) < 2:
        nothing = dict.fromkeys(("value", "low", "high", "chance"), np.nan)
        return pd.DataFrame([row | nothing | {"measure": measure} for measure in MEASURES])
    rng = np.random.default_rng(SEED)
    ids, place = np.unique(who, return_inverse=True)
    counts = stats.unit_draws(len(ids), rng, DRAWS)[place]
    once = np.ones((len(who), 1))
    member = np.stack(list(large.values()))  # [groups, n]
    deals = [member[:, _dealt(place, truth, rng)] for _ in range(DEALS)]
    rows = []
    for measure in MEASURES:
        (value, worse), (draws, _) = (
            _gap(measure, kind, truth, answers, of_split, member, of) for of in (once, counts)
        )
        if measure == "calibration":
            around, drawn = (_shares(measure, kind, truth, answers, member, of) for of in (once, counts))
            by_chance = np.ptp(drawn - around, axis=1).mean(0)
        else:
            by_chance = np.array([_gap(measure, kind, truth, answers, of_split, deal, once)[0][0] for deal in deals])
        by_chance = by_chance[~np.isnan(by_chance)]  # what leaves a group too small
        low, high = _interval(float(value[0]), draws[~np.isnan(draws)])
        chance = np.quantile(by_chance, 0.95) if len(by_chance) else np.nan
        found = {"measure": measure, "value": value[0], "low": low, "high": high, "chance": chance}
        if not np.isnan([value[0], chance]).any():
            found |= {"worse": list(large)[worse], "verdict": BEYOND if value[0] > chance else WITHIN}
        rows.append(row | found)
    return pd.DataFrame(rows)


def _interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a gap: noise widens gaps, so the spread of draws counts around the value, not their mean."""
    if not len(draws):
        return np.nan, np.nan
    low, high = value + np.quantile(draws, [0.025, 0.975]) - draws.mean()
    return max(0.0, float(low)), float(high)


def _dealt(place: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows [n], of equal `labels`, in whose place each row gets its group; a student of several splits keeps to one."""
    first = np.unique(place, return_index=True)[1]
    alike = np.unique(labels[first], axis=0, return_inverse=True)[1].ravel()
    dealt = np.empty_like(first)
    dealt[np.argsort(alike, kind="stable")] = first[np.lexsort((rng.random(len(first)), alike))]
    return dealt[place]


def _gap(
    measure: str, kind: str, labels: np.ndarray, runs: list[np.ndarray], splits: list[np.ndarray], member: np.ndarray,
    counts: np.ndarray,
) -> tuple[np.ndarray, int]:  # fmt: skip
    """The gap [draws] between groups `member` [groups, n] under `counts` [n, draws], and who is worse off.

    `runs` are each seed's answers of all `splits`, whose rows these are.
    """
    if measure == "abroca":
        largest = int(member.sum(1).argmax())
        each = (
            apart(kind, labels[of], answers[of], member[:, of], counts[of], largest)
            for answers in runs
            for of in splits
        )
        curves = [areas for areas in each if areas is not None]
        if not curves:
            return np.full(counts.shape[1], np.nan), 0
        areas, heights = np.mean(curves, axis=0)
        furthest = int(areas[:, 0].argmax())
        return areas.max(0), min(largest, furthest, key=lambda group: heights[group, 0])
    found = _shares(measure, kind, labels, runs, member, counts)
    mean = found.mean(0)[:, 0]
    worse = mean.argmin() if measure == "recall" else np.abs(mean).argmax()
    return np.ptp(found, axis=1).mean(0), int(worse)


def _shares(
    measure: str, kind: str, labels: np.ndarray, runs: list[np.ndarray], member: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Recall or calibration [seeds, groups, draws] of groups, with the arguments of `_gap`."""
    ratios = (_ratios(kind, labels, answers)[measure] for answers in runs)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([((member * over) @ counts) / ((member * of) @ counts) for over, of in ratios])


def _ratios(kind: str, labels: np.ndarray, answers: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator [n] of a student, whose sums over a group have its recall and calibration as ratio."""
    if kind == "multiclass":
        right, one = decisions(answers) == labels, np.ones(len(labels))
        return {"recall": (right, one), "calibration": (answers.max(1) - right, one)}
    columns = labels.reshape(len(labels), -1)
    known, yes = columns >= 0, columns == 1
    return {
        "recall": ((yes & (answers >= 0.5)).sum(1), yes.sum(1)),
        "calibration": (((answers - yes) * known).sum(1), known.sum(1)),
    }


def apart(
    kind: str, labels: np.ndarray, answers: np.ndarray, member: np.ndarray, counts: np.ndarray, largest: int
) -> np.ndarray | None:
    """Areas between each group's ROC curve and the `largest` group's, and below its own [2, groups, draws].

    Means over the questions where each group has FEWEST students who are to be answered yes, and no; None without any.
    """
    if kind == "multiclass":
        labels = (labels[:, None] == np.arange(answers.shape[1])).astype(np.int64)
    found = []
    for known, yes, chance in questions(labels, answers):
        groups = member[:, known]
        if min((groups & side).sum(1).min() for side in (yes, ~yes)) < FEWEST:
            continue
        curves = np.stack([roc(yes[of], chance[of], counts[known][of]) for of in groups])  # [groups, GRID, draws]
        between = np.abs(curves - curves[largest])
        found.append([np.trapezoid(heights, GRID, axis=1) for heights in (between, curves)])
    return np.mean(found, axis=0) if found else None


def roc(yes: np.ndarray, chance: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """True positive rates [GRID, draws] at the false positive rates GRID; NaN where a class is not drawn."""
    order = np.argsort(-chance, kind="stable")
    last = np.append(np.diff(chance[order]) != 0, True)  # equal chances are one step
    right, wrong = (
        np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts[order] * side[order, None], axis=0)[last]])
        for side in (yes, ~yes)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        right, wrong = right / right[-1], wrong / wrong[-1]
    return np.stack([np.interp(GRID, *of) for of in zip(wrong.T, right.T, strict=True)], axis=1)
