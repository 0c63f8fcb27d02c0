"""Verb `figure`: records to a figure in SVG, PDF and PNG, the same bytes for the same records."""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.analysis import records, style
from benchmarks.jobs.modules import load


def run(
    name: str,
    records_of: list[Path],
    models: list[str],
    workflow: str,
    output: Path,
    families_of: list[Path] = [],  # noqa: B006  read only
    timings_of: list[Path] = [],  # noqa: B006
) -> None:
    """Write `output`.svg, .pdf and .png of the figure module `name`."""
    mpl.use("Agg")
    style.apply()
    figure = load(name).make(records.load(records_of, models, workflow, families_of, timings_of))
    output.parent.mkdir(parents=True, exist_ok=True)
    for suffix, no_date in ((".svg", {"Date": None}), (".pdf", {"CreationDate": None}), (".png", {})):
        figure.savefig(output.with_suffix(suffix), metadata=no_date, bbox_inches="tight")
    plt.close(figure)
