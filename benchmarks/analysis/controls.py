"""Controls: rows that must fail and rows that none may pass, and whether what they show is beyond noise.

`permuted labels`: a row that trained and was selected on permuted labels ranks test students at chance. Their graph and
texts tell the classes apart whatever the row has learned, so each draw lands off chance, on either side, and a band
for one run (test students exchanged) would be too narrow. Draws are independent, though, and favor no class, for
classes swap their names by chance: the share of pairs that are ranked right is 1/2 in the mean, and has a t band.
`shuffled text`: where text is expected to matter, a row with others' texts is not better than with the true ones.
`oracle`: on a synthetic network no row is better than the Bayes-optimal one.

All of these together fail in a sound tier once in a thousand times (Bonferroni). Level 2.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from benchmarks.analysis import stats
from benchmarks.analysis.comparisons import Row, influence, score
from benchmarks.analysis.metrics import questions
from benchmarks.analysis.style import label
from benchmarks.data.targets import Targets
from benchmarks.training.variants import BASE, PERMUTED, SHUFFLED

LEVEL = 0.001
CHANCE = 0.5
ORACLE = "oracle"
HOLDS, FAILS, UNCHECKED, POWERLESS = "holds", "FAILS", "not checked", "cannot fail"

Runs = dict[tuple[str, int], np.ndarray]  # test probabilities [n, K] by split (of a family: cell and split) and seed


def shown(kind: str, tests: dict[str, Targets], rows: dict[Row, Runs], text_matters: bool) -> list[dict[str, Any]]:
    """What each control shows, as COLUMNS["controls"] but for the dataset; `tests` are by split, as in `rows`."""
    found = []
    for (model, variant), runs in rows.items():
        of = {"model": model, "variant": variant}
        if variant == PERMUTED:
            found.append(of | {"control": PERMUTED} | at_chance(kind, tests, runs))
        if variant == SHUFFLED and text_matters:
            found.append(of | {"control": SHUFFLED} | paired(kind, tests, runs, rows[model, BASE]))
        if (ORACLE, BASE) in rows and model != ORACLE:
            found.append(of | {"control": ORACLE} | paired(kind, tests, runs, rows[ORACLE, BASE]))
    return found


def at_chance(kind: str, tests: dict[str, Targets], runs: Runs) -> dict[str, Any]:
    """How far off chance a row's draws rank students, in the mean; one draw alone shows no noise.

    A draw is the same on all splits, the swap of classes included: its splits count as one.
    """
    each = [(seed, ranked(kind, tests[split].truth, answers)) for (split, seed), answers in runs.items()]
    found = _by_seed(each)
    error = found.std(skipna=False) / np.sqrt(len(found)) if len(found) > 1 else np.nan
    return {"runs": len(each), "value": found.mean(skipna=False) - CHANCE, "error": error, "freedom": len(found) - 1.0}


def _by_seed(scored: list[tuple[int, float]]) -> pd.Series:
    """Of each seed the mean over its splits; NaN where one of them is, for none is left out."""
    return pd.DataFrame(scored, columns=["seed", "score"]).groupby("seed")["score"].mean(skipna=False)


def ranked(kind: str, labels: np.ndarray, answers: np.ndarray) -> float:
    """The share of pairs, a student of a class and one of another, in which the former is given more of the class.

    NaN where all students are of one class: there is no pair.
    """
    if kind == "multiclass":
        labels = (labels[:, None] == np.arange(answers.shape[1])).astype(np.int64)
    asked = [(yes, chance) for _, yes, chance in questions(labels, answers) if yes.any() and not yes.all()]
    if not asked:
        return np.nan
    pairs = [yes.sum() * (~yes).sum() for yes, _ in asked]
    return float(np.average([stats.auc(yes, chance) for yes, chance in asked], weights=pairs))


def paired(kind: str, tests: dict[str, Targets], one: Runs, two: Runs) -> dict[str, Any]:
    """How much better the headline score of row `one` is than that of `two`, over the splits that both have.

    The noise is that of units (students) and, where there are several, of seeds. The luck of one whom several splits,
    or cells of a family, test is one and is not averaged out.
    """
    both = [split for split in tests if all(split in {s for s, _ in runs} for runs in (one, two))]
    moved = []
    for split in both:
        truth = tests[split].truth
        first, second = (
            np.mean([influence(kind, truth, answers) for (s, _), answers in runs.items() if s == split], axis=0)
            for runs in (one, two)
        )
        moved.append((first - second) / len(both))
    each = np.full(1, np.nan)
    if both:
        each = stats.of_units(np.concatenate([tests[split].units for split in both]), np.concatenate(moved))
    (first, seeds_of_first), (second, seeds_of_second) = (_mean(kind, tests, runs, both) for runs in (one, two))
    return {
        "runs": sum(split in both for split, _ in one),
        "value": first - second,
        "error": np.sqrt((each**2).sum() + seeds_of_first + seeds_of_second),
        "freedom": np.inf,
    }


def _mean(kind: str, tests: dict[str, Targets], runs: Runs, splits: list[str]) -> tuple[float, float]:
    """Mean headline score over splits and seeds, and its variance due to seeds; 0 where there is one, not seen."""
    scored = [(seed, score(kind, tests[split].truth, a)) for (split, seed), a in runs.items() if split in splits]
    seeds = _by_seed(scored)
    of_seeds = float(seeds.var(skipna=False) / len(seeds)) if len(seeds) > 1 else 0.0
    return float(seeds.mean(skipna=False)), of_seeds


def judged(controls: pd.DataFrame) -> pd.DataFrame:
    """Controls with the `bound` that `value` must keep, and a verdict.

    Chance may be missed to neither side; worse than with the true text, or than the oracle, is as it should be. A bound
    that chance cannot be missed by lets everything pass, and the verdict says so.
    """
    known = controls["value"].notna() & controls["error"].notna()
    sides = np.where(controls["control"] == PERMUTED, 2, 1)
    level = LEVEL / max(int(known.sum()), 1)
    bound = controls["error"].astype(float) * student_t.isf(level / sides, controls["freedom"].astype(float))
    value = np.where(sides == 2, controls["value"].abs(), controls["value"]).astype(float)
    passed = np.where((sides == 2) & (bound >= CHANCE), POWERLESS, HOLDS)
    return controls.assign(bound=bound, verdict=np.where(~known, UNCHECKED, np.where(value <= bound, passed, FAILS)))


def sentences(judged: pd.DataFrame) -> Iterator[str]:
    """A line a control: verdict, row, what it shows; and what a failure means."""
    for row in judged.to_dict("records"):
        name = label(row["model"]) + ("" if row["variant"] == BASE else f", {row['variant']}")
        if row["verdict"] == UNCHECKED:
            yield f"{UNCHECKED}: {row['dataset']}: {name}: {row['runs']} runs show no noise to compare with"
            continue
        claim, meaning = SAID[row["control"]]
        end = f". {meaning}" if row["verdict"] == FAILS else ""
        yield (
            f"{row['verdict']}: {row['dataset']}: {name} {claim}: off by {row['value']:+.3f} over {row['runs']} runs, "
            f"{'±' if row['control'] == PERMUTED else 'at most +'}{row['bound']:.3f} is noise{end}"
        )


SAID = {
    PERMUTED: (
        "ranks at chance",
        "True labels reach it by another way than training, or these are not the runs of permuted labels.",
    ),
    SHUFFLED: (
        "is no better than with the true text",
        "The config says that text matters there (text_matters): it does not, or this row has read the true text.",
    ),
    ORACLE: (
        "is no better than the oracle",
        "Nothing can be: labels have leaked, or the oracle does not know how the network was drawn.",
    ),
}
"""By control, what is claimed of a row, and what it means when that fails."""
