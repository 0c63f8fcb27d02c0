"""Paired differences of a dataset's rows on the same splits, seeds and test targets, with a verdict each.

Four questions are asked of the headline score, and Holm's correction is over the comparisons of one question:
`subject` (each row against BERT+GCN), `baseline` (each row against the strongest baseline, which validation names),
`best` (each tuned row against the one that came out best on test, for marks in tables, corrected as if all pairs had
been compared, for that is how it was found) and `base` (each variant against its unchanged model, or against the
variant that its entry names).

What a difference is compared with follows the dataset's replication. `folds`: the corrected resampled t over folds,
seeds averaged inside each. `fixed`: units (students) and seeds are resampled; nothing is claimed of other splits.
`groups`: the same in each group alone. Fewer than three folds have no spread worth the name (with two, the interval is
12.7 standard errors wide to each side), so they are treated as fixed ones. A difference that is not defined, or is one
and the same in each fold, is undecided. Level 2.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.analysis import stats
from benchmarks.analysis.columns import COLUMNS, headline
from benchmarks.analysis.metrics import decisions, questions
from benchmarks.data.targets import Sealed
from benchmarks.training.variants import BASE, SUBJECT

FOLDS = 3
"""Folds from which on their spread is estimated."""
SEED = 20_262
"""Of the bootstrap: the same draws for each model, run and machine."""

Row = tuple[str, str]  # model, variant
Cell = tuple[str, int]  # split, seed


@dataclass(frozen=True)
class Replicates:
    """One row's headline score on one split, seeds averaged: the score, resampled [draws], each unit's influence."""

    seeds: tuple[int, ...]
    score: float
    draws: np.ndarray
    influence: np.ndarray


def compare(
    dataset: str,
    sealed: Sealed,
    predictions: dict[Row, dict[Cell, np.ndarray]],
    validation: dict[str, float],
    references: dict[str, dict[str, str]] = {},  # noqa: B006  read only
) -> pd.DataFrame:
    """All comparisons of a dataset, as COLUMNS["comparisons"].

    `predictions` are test probabilities [n, K] by row and run; `validation` the validation score of each tuned model,
    seeds and splits averaged; `references`, by model, the other variant that a variant is compared with. Rows are
    compared where both have all splits, with the same seeds.
    """
    draws = _bootstrap(sealed, predictions)
    replicates = {row: _replicates(sealed, draws[row], runs) for row, runs in predictions.items()}
    found: list[dict[str, Any]] = []
    for question, asked in groupby(_asked(replicates, validation, references), key=lambda one: one[0]):
        cells: list[dict[str, Any]] = []
        for _, row, reference in asked:
            of = dict(zip(("model", "variant", "reference", "reference_variant"), (*row, *reference), strict=True))
            for scope, splits in _scopes(sealed):
                one, two = ([replicates[r][s] for s in splits if s in replicates[r]] for r in (row, reference))
                if len(one) == len(splits) and [r.seeds for r in one] == [r.seeds for r in two]:
                    cells.append({"question": question, **of, "split": scope, **_compared(sealed, splits, one, two)})
        p = np.array([cell["estimate"].p for cell in cells])
        adjusted = stats.holm(np.append(p, np.ones(_unseen(cells) if question == "best" else 0)))[: len(p)]
        for cell, p in zip(cells, adjusted.tolist(), strict=True):
            estimate = cell.pop("estimate")
            cell |= {"difference": estimate.value, "low": estimate.low, "high": estimate.high, "p": estimate.p}
            cell |= {"p_adjusted": p, "verdict": stats.verdict(estimate, p)}
        found += cells
    frame = pd.DataFrame(found, columns=COLUMNS["comparisons"])
    return frame.assign(dataset=dataset, metric=headline(sealed.kind))


def _scopes(sealed: Sealed) -> list[tuple[str, list[str]]]:
    """What is compared at once: a name ("" is all together) and its splits."""
    splits = list(sealed.test)
    return [(s, [s]) for s in splits] if sealed.replication == "groups" else [("", splits)]


def _unseen(cells: list[dict[str, Any]]) -> int:
    """Comparisons with the best that were not made: it was found on this very test, as if all pairs had been tried."""
    each = Counter(cell["split"] for cell in cells).values()
    return sum(others * (others - 1) // 2 for others in each)


def score(kind: str, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The headline score of labels [n] or [n, K] and probabilities [n, K]."""
    return float(_resampled(kind, labels, probabilities, np.ones((len(labels), 1)))[0])


def _asked(
    rows: dict[Row, dict[str, Replicates]], validation: dict[str, float], named: dict[str, dict[str, str]]
) -> Iterator[tuple[str, Row, Row]]:
    """Question, row and reference of each comparison. A row without a score is neither strongest nor best."""
    bases = [row for row in rows if row[1] == BASE and rows[row]]
    tuned = [row for row in bases if row[0] in validation]
    baselines = {row: validation[row[0]] for row in tuned if row[0] != SUBJECT}
    tested = {row: float(np.mean([r.score for r in rows[row].values()])) for row in tuned}
    references = {
        "subject": [row for row in bases if row[0] == SUBJECT],
        "baseline": _highest(baselines),
        "best": _highest(tested),
    }
    for question, asked in references.items():
        for reference in asked:
            for row in tuned if question == "best" else bases:
                if row != reference:
                    yield question, row, reference
    for model, variant in rows:
        reference = (model, named.get(model, {}).get(variant, BASE))
        if variant != BASE and reference in rows:
            yield "base", (model, variant), reference


def _highest(scores: dict[Row, float]) -> list[Row]:
    """The first row with the highest score; none where none has one."""
    known = {row: score for row, score in scores.items() if not np.isnan(score)}
    return [max(known, key=known.__getitem__)] if known else []


def _bootstrap(
    sealed: Sealed, predictions: dict[Row, dict[Cell, np.ndarray]]
) -> dict[Row, dict[Cell, list[np.ndarray]]]:
    """Headline scores of each run under resampled units, in blocks of draws."""
    found: dict[Row, dict[Cell, list[np.ndarray]]] = {
        row: {cell: [] for cell in predictions[row]} for row in predictions
    }
    for place, (_, splits) in enumerate(_scopes(sealed)):  # whom two splits test is drawn as often for either
        everybody = np.unique(np.concatenate([sealed.test[split].units for split in splits]))
        for drawn in stats.unit_blocks(len(everybody), np.random.default_rng([SEED, place])):
            for split in splits:
                counts = drawn[np.searchsorted(everybody, sealed.test[split].units)]
                for row, runs in predictions.items():
                    for cell in [cell for cell in runs if cell[0] == split]:
                        found[row][cell].append(_resampled(sealed.kind, sealed.test[split].truth, runs[cell], counts))
    return found


def _replicates(
    sealed: Sealed, resampled: dict[Cell, list[np.ndarray]], runs: dict[Cell, np.ndarray]
) -> dict[str, Replicates]:
    """A row's replicates by split, of those that have runs, and their resampled scores in blocks."""
    found = {}
    for split, test in sealed.test.items():
        seeds = tuple(sorted(seed for name, seed in runs if name == split))
        if not seeds:
            continue
        answers = [runs[split, seed] for seed in seeds]
        draws = np.stack([np.concatenate(resampled[split, seed]) for seed in seeds])
        picked = stats.seed_draws(len(seeds), np.random.default_rng([SEED, len(seeds)]))
        found[split] = Replicates(
            seeds,
            float(np.mean([score(sealed.kind, test.truth, answer) for answer in answers])),
            stats.over_seeds(draws, picked),
            stats.of_units(test.units, np.mean([influence(sealed.kind, test.truth, one) for one in answers], axis=0)),
        )
    return found


def _compared(sealed: Sealed, splits: list[str], one: list[Replicates], two: list[Replicates]) -> dict[str, Any]:
    """The difference of two rows over `splits`, and the intervals of their own scores."""
    floors = [stats.resolution_floor(a.influence - b.influence) for a, b in zip(one, two, strict=True)]
    scores = np.array([[r.score for r in side] for side in (one, two)])
    if sealed.replication == "folds" and len(splits) >= FOLDS:  # their own spread is what it is compared with
        ratio = float(np.mean([len(sealed.test[split]) / len(sealed.train[split]) for split in splits]))
        estimate = stats.corrected_t(scores[0] - scores[1], ratio)
        own, other = (stats.over_folds(values, ratio) for values in scores)
        by = f"{len(splits)} folds"
    else:
        draws = [np.mean([r.draws for r in side], axis=0) for side in (one, two)]
        estimate = stats.percentile(float((scores[0] - scores[1]).mean()), draws[0] - draws[1])
        own, other = (stats.percentile(float(s.mean()), d) for s, d in zip(scores, draws, strict=True))
        by = "students and seeds"
    return {
        "estimate": estimate, "by": by, "runs": sum(len(r.seeds) for r in one), "floor": float(np.mean(floors)),
        "score": own.value, "score_low": own.low, "score_high": own.high,
        "reference_low": other.low, "reference_high": other.high,
    }  # fmt: skip


def _resampled(kind: str, labels: np.ndarray, answers: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Headline scores [draws] of one run, resampled by `counts` [n, draws]."""
    if headline(kind) == "accuracy":
        return stats.accuracy_draws(decisions(answers) == labels, counts)
    areas = [stats.auc_draws(yes, chance, counts[known]) for known, yes, chance in questions(labels, answers)]
    return np.mean(areas, axis=0)


def influence(kind: str, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """What each target [n] moves the headline score of one run."""
    if headline(kind) == "accuracy":
        return stats.accuracy_influence(decisions(answers) == labels)
    asked = questions(labels, answers)
    moved = np.zeros((len(asked), len(labels)))
    for of, (known, yes, chance) in zip(moved, asked, strict=True):
        of[known] = stats.auc_influence(yes, chance)
    return moved.mean(0)
