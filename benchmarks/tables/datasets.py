"""Datasets: who and what is predicted, how many, how they are connected, what they write."""

import math

import pandas as pd

from benchmarks.analysis.people import HIDDEN
from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import DASH

TEXTS = {"genuine": "genuine", "titles": "titles", "drawn": "drawn", "template": "template", "none": "no text"}


def make(records: Records) -> pd.DataFrame:
    """A row a dataset that is available, and a note for each sign of a leak that was found when it was built."""
    rows, names, notes = [], [], []
    for row in records.descriptions.to_dict("records"):
        card = records.cards[row["dataset"]]
        names.append(row["dataset"])
        if math.isnan(row["isolated"]) or math.isnan(row["components"]):
            notes.append(f"{row['dataset']}: isolated or components {HIDDEN}.")
        notes += [f"{row['dataset']}: {remark}." for remark in card["remarks"] if remark.startswith("suspicious")]
        rows.append(
            {
                "Predicted": card["target"],
                "Classes": len(card["classes"]),
                "Students": row["students"],
                "Labeled": row["labeled"],
                "Majority": row["majority"],
                "Edges": row["edges"],
                "Directed": "yes" if row["directed"] else "no",
                "Degree": row["degree"],
                "Isolated": row["isolated"],
                "Components": DASH if math.isnan(row["components"]) else f"{row['components']:.0f}",
                "Homophily": row["homophily"],
                "Adjusted": row["adjusted"],
                "Features": row["features"],
                "Text": TEXTS[card["text"]],
                "Words": int(row["words"]),
                "Repeated": row["repeated"],
                "Splits": f"{len(card['splits'])} {card['replication']}",
            }
        )
    frame = pd.DataFrame(rows, index=pd.Index(names, name="Dataset"))
    frame.attrs = {
        "caption": "The datasets as this tier builds them. Majority: share of the largest class. Degree: contacts a "
        "student. Homophily: share of the edges between labeled students that join equal labels; adjusted: the same "
        "compared with chance, 0 where labels and edges have nothing to do with one another. Words: median of those "
        "who wrote. Repeated: share of test texts that equal one of a training or validation student, or nearly do "
        "(of 10,000 different texts at most), in the split where it is largest. Splits: those that are run, and what "
        "they are.",
        "notes": notes,
    }
    return frame
