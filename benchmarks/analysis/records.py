"""The tidy records of several datasets, as tables and figures receive them."""

import itertools
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.analysis.columns import COLUMNS, headline
from benchmarks.analysis.columns import METRICS as METRICS
from benchmarks.data import parquet
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import NOT_APPLICABLE, OK
from benchmarks.speed import timings
from benchmarks.speed.timings import Timings
from benchmarks.training.variants import BASE

REQUIRED = ("runs", "classes", "trials", "outcomes")
"""Tables of all records; the others are there where a dataset has what they tell of, and in no older records."""


@dataclass(frozen=True)
class Empty:
    """Cells that are empty for one cause: its status and reason, and the artifact where it began.

    A cell is (dataset, model), or (dataset, model, variant) where an ablation failed alone.
    """

    status: str
    reason: str
    origin: str
    workflow: str  # the command that ran all this
    cells: list[tuple[str, ...]]

    @property
    def retry(self) -> str:
        """The command that makes the artifact (results/<tier>/...) and what follows from it anew; "" if none can."""
        if self.status == NOT_APPLICABLE:
            return ""
        return f"{self.workflow} -R {self.origin}"


@dataclass(frozen=True)
class Family:
    """Records of a family of datasets, with a column for each option that its cells differ in."""

    card: dict[str, Any]  # of one of its cells
    runs: pd.DataFrame
    alerts: pd.DataFrame  # a row a run and share of the students whom staff can see
    lost: pd.DataFrame  # outcomes of cells without a run, as "variant"
    models: list[str]  # that were asked for and apply, those without any run included

    @property
    def metric(self) -> str:
        """The headline score."""
        return headline(self.card["kind"])


@dataclass(frozen=True)
class Records:
    """Records in the order of the config: datasets and models come first where they stand first there."""

    runs: pd.DataFrame  # a row a model, variant, split and seed: scores on test, and the headline one on validation
    classes: pd.DataFrame  # a row a run and class
    alerts: pd.DataFrame  # of binary tasks: a row a run and share of the students whom staff can see
    trials: pd.DataFrame  # a row a trial of a row or recipe; of a row with the recipe whose trials are charged to it
    outcomes: pd.DataFrame  # a row a model, and one a failed variant or cell: ok or why not
    cards: dict[str, dict[str, Any]]  # by dataset; none for one that is not available
    datasets: list[str]
    models: list[str]
    workflow: str  # the command that ran all this
    descriptions: pd.DataFrame  # a row a dataset: size, contacts, texts, labels
    network: pd.DataFrame  # a row a bin of degrees, components and weights, and a cell of the mixing of classes
    networks: dict[str, tuple[pd.DataFrame, pd.DataFrame]]  # by synthetic dataset: nodes and links of a sample to draw
    families: dict[str, Family]
    pretraining: pd.DataFrame  # a row a pretrained recipe and split: its measure before and after
    curves: pd.DataFrame  # a row an epoch of these: losses
    heads: pd.DataFrame  # a row a fine-tuned recipe, split, seed and kind of students: how far its head can be trusted
    uses: pd.DataFrame  # a row a variant that changes nothing but the unchanged model's recipe, to one of these
    references: pd.DataFrame  # a row a variant that is compared with another one, not with the unchanged model
    comparisons: pd.DataFrame  # a row a comparison of two rows: difference, interval, verdict; not of families
    calibration: pd.DataFrame  # a row an unchanged model's run and bin of probabilities, with its ECE and Brier score
    fairness: pd.DataFrame  # a row an unchanged model, protected attribute and measure: the gap between groups
    controls: pd.DataFrame  # a row a control of a dataset or family: what it shows, and the noise of that
    timings: Timings

    def metric(self, dataset: str) -> str:
        """The headline score: accuracy where there are several classes, else ROC-AUC."""
        return headline(self.cards[dataset]["kind"])

    def interval(self, dataset: str, model: str) -> np.ndarray:
        """Ends of the 95 % interval of a model's score [2]; NaN where groups stand alone or nothing was compared.

        No score lies outside [0, 1], so neither does an end, be it of a t interval over few splits.
        """
        for row, variant, score in (
            ("model", "variant", "score"),
            ("reference", "reference_variant", "reference"),  # the best row of all is never compared otherwise
        ):
            keys = ["dataset", "split", row, variant]
            found = self.comparisons[(self.comparisons[keys] == [dataset, "", model, BASE]).all(axis=1)]
            if len(found):  # the same in each comparison
                return found[[f"{score}_low", f"{score}_high"]].iloc[0].to_numpy(float).clip(0, 1)
        return np.full(2, np.nan)

    def paired(
        self, dataset: str, model: str, variant: str, reference: str = BASE, score: str | None = None
    ) -> pd.DataFrame:
        """A score, else the headline one, of a variant and its reference: a row a split and seed that ran with both."""
        runs = self.runs[(self.runs["dataset"] == dataset) & (self.runs["model"] == model)]
        each = [
            runs[runs["variant"] == one].set_index(["split", "seed"])[score or self.metric(dataset)].rename(one)
            for one in (variant, reference)
        ]
        return pd.concat(each, axis=1, join="inner").astype(float).sort_index()

    def empty(self) -> list["Empty"]:
        """The empty cells, those of one cause together.

        What does not apply has nothing to make anew, so there a reason is one cause wherever it was met.
        """
        return self._causes(self.outcomes[self.outcomes["status"] != OK])

    def short(self) -> list["Empty"]:
        """The cells that are filled with less than was asked for: their searches lost trials that may yet succeed."""
        return self._causes(self.outcomes[(self.outcomes["status"] == OK) & (self.outcomes["reason"] != "")])

    def _causes(self, rows: pd.DataFrame) -> list["Empty"]:
        causes: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}
        for row in rows.to_dict("records"):
            cause = (row["status"], row["reason"], "" if row["status"] == NOT_APPLICABLE else row["origin"])
            cell = (row["dataset"], row["model"]) + ((row["variant"],) if row["variant"] != BASE else ())
            causes.setdefault(cause, []).append(cell)
        return [Empty(*cause, self.workflow, cells) for cause, cells in causes.items()]


def load(
    folders: list[Path],
    models: list[str],
    workflow: str,
    families: list[Path] = [],  # noqa: B006  read only
    timed: list[Path] = [],  # noqa: B006
) -> Records:
    """Read the records folders of several datasets; where scoring has failed, the dataset's cells are empty.

    `timed` are those of timings.
    """
    scored = [folder for folder in folders if not _failure(folder)]

    def frame(name: str, of: list[Path] = scored) -> pd.DataFrame:
        files = [file for f in of if (file := f / f"{name}.parquet").exists() or name in REQUIRED]
        filled = [part for file in files if len(part := parquet.read(file))]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS[name])

    lost = [
        {"dataset": f.name, "model": m, "variant": BASE, **o} for f in folders if (o := _failure(f)) for m in _asked(f)
    ]
    cards = {
        f.name: json.loads((f / "card.json").read_text(encoding="utf-8")) for f in folders if (f / "card.json").exists()
    }
    described = [folder for folder in scored if (folder / "description.parquet").exists()]
    families = [folder for folder in families if not _failure(folder)]
    descriptions = [parquet.read(folder / "description.parquet") for folder in described]
    tables = {name: frame(name) for name in COLUMNS} | {"controls": frame("controls", [*scored, *families])}
    outcomes = pd.DataFrame([*tables["outcomes"].to_dict("records"), *lost], columns=COLUMNS["outcomes"])
    tables["outcomes"] = outcomes.assign(reason=outcomes["reason"].map(outcome.brief))
    return Records(
        **tables,
        cards=cards,
        datasets=[folder.name for folder in folders],
        models=models,
        workflow=workflow,
        descriptions=pd.concat(descriptions, ignore_index=True) if descriptions else pd.DataFrame(),
        networks={
            f.name: (parquet.read(f / "nodes.parquet"), parquet.read(f / "links.parquet"))
            for f in described
            if (f / "nodes.parquet").exists()
        },
        timings=timings.load(timed),
        families={f.name: _family(f) for f in families if (f / "card.json").exists()},
    )


def _family(folder: Path) -> Family:
    outcomes = parquet.read(folder / "outcomes.parquet")
    return Family(
        card=json.loads((folder / "card.json").read_text(encoding="utf-8")),
        runs=parquet.read(folder / "runs.parquet"),
        alerts=parquet.read(folder / "alerts.parquet"),
        lost=outcomes[outcomes["variant"] != BASE],
        models=outcomes.loc[outcomes["status"] != NOT_APPLICABLE, "model"].unique().tolist(),
    )


def _failure(folder: Path) -> dict[str, Any]:
    """The outcome of a records folder that scoring left empty; nothing for one that has records."""
    return vars(outcome.read(folder)) if outcome.is_artifact(folder) and outcome.read(folder).status != OK else {}


def _asked(folder: Path) -> list[str]:
    """Models whose predictions a records folder was to hold, from the command that made it."""
    words = shlex.split(json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["command"])
    given = itertools.takewhile(lambda word: not word.startswith("--"), words[words.index("--predictions") + 1 :])
    return [Path(word).name for word in given]
