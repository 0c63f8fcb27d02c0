"""What tables and figures of families share: which families answer a question, and on which of their rows."""

import math

import pandas as pd

from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.records import Family, Records

LATER = "fixed"
"""The split whose test lies later than its training, where random ones stand beside it."""


def varying(records: Records, dial: str) -> dict[str, Family]:
    """Families with runs whose cells differ in an option, by name."""
    return {name: family for name, family in records.families.items() if dial in family.runs and len(family.runs)}


def dials(family: Family) -> list[str]:
    """Options that a family's cells differ in, the split left out."""
    return [str(name) for name in family.runs if name not in COLUMNS["runs"]]


def clock(family: Family) -> str:
    """What a cut-off of the family counts, as far as its dataset says."""
    return family.card["clock"] or "time"


def as_deployed(rows: pd.DataFrame) -> pd.DataFrame:
    """Runs as a school would use them: those on the later test, where a family has such a split; else all."""
    later = rows["split"] == LATER
    return rows[later] if later.any() else rows


def days_left(alerts: pd.DataFrame) -> float:
    """Median over runs and shares of the lead time; NaN where one is suppressed, which finding nobody is not."""
    hidden = alerts["lead"].isna() & (alerts["precision"] != 0)
    return math.nan if hidden.any() else float(alerts["lead"].median())


def models_in(records: Records, rows: pd.DataFrame) -> list[str]:
    """Models of some rows, in the order of the config."""
    return [model for model in records.models if (rows["model"] == model).any()]
