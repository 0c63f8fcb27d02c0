"""Future presentation: tested on the next run of a course, or on students drawn from both runs?"""

import pandas as pd

from benchmarks.analysis.families import LATER, dials, models_in
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import framed, mean_sd
from benchmarks.analysis.style import label


def make(records: Records) -> pd.DataFrame:
    """A row a family with both kinds of splits, cell and model."""
    rows, labels = [], []
    for name, family in records.families.items():
        later = family.runs["split"] == LATER
        if not later.any() or later.all():
            continue
        score = family.metric
        for cell, runs in family.runs.groupby(dials(family)):
            where = ", ".join(f"{dial} {value}" for dial, value in zip(dials(family), cell, strict=True))
            for model in models_in(records, runs):
                own = runs[runs["model"] == model]
                random, following = own[own["split"] != LATER], own[own["split"] == LATER]
                labels.append((name, where, label(model)))
                rows.append(
                    {
                        ("Score", ""): METRICS[score],
                        **mean_sd("Random", random[score]),
                        **mean_sd("Next run", following[score]),
                        ("Difference", ""): following[score].mean(skipna=False) - random[score].mean(skipna=False),
                        ("Tested", ""): own["students"].max(),
                        ("Runs", ""): f"{len(random)} + {len(following)}",
                    }
                )
    frame = framed(rows, labels, ["Dataset", "Cell", "Model"])
    frame.attrs = {
        "caption": "Score on students of the next run of a course, by a model trained on the run before, and on as "
        "many students drawn at random from both runs, by a model trained on as many others (mean ± standard "
        "deviation over splits and seeds). A random split flatters where Difference is below zero by more than random "
        "splits differ among each other. Models on their default hyper-parameters.",
        "notes": [],
    }
    return frame
