"""Controls: what the rows show that must fail, or that none may pass, and the bound of noise."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import named
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE, PERMUTED


def make(records: Records) -> pd.DataFrame:
    """A row a control of a dataset or family; of the rows that it was made of, that which comes nearest to failing."""
    from benchmarks.analysis.controls import LEVEL, judged  # loads scikit-learn, which no other table needs

    found = judged(records.controls)
    off = found["value"].where(found["control"] != PERMUTED, found["value"].abs())  # which fails to either side
    found = found.assign(nearness=(off / found["bound"]).astype(float))
    found = found.sort_values("nearness", ascending=False, kind="stable")
    compared = found.groupby(["dataset", "control"]).size()
    first = {name: place for place, name in enumerate([*records.datasets, *records.families])}
    shown = found.drop_duplicates(["dataset", "control"]).sort_values(
        "dataset", key=lambda of: of.map(first), kind="stable"
    )
    labels = list(zip(shown["dataset"], shown["control"], strict=True))
    rows = [
        {
            "Row": label(row["model"]) + ("" if row["variant"] in (BASE, row["control"]) else f", {row['variant']}"),
            "Of": int(compared[row["dataset"], row["control"]]),
            "Runs": row["runs"],
            "Difference": float(row["value"]),
            "Bound": float(row["bound"]),
            "Verdict": row["verdict"],
        }
        for row in shown.to_dict("records")
    ]
    index = named(labels, ["Dataset", "Control"])
    frame = pd.DataFrame(rows, index=index)
    frame.attrs = {
        "caption": "Controls. Permuted labels: the share of pairs of test students that a row ranks right which was "
        "trained on permuted labels, less 1/2, mean over draws; the bound is to either side. Shuffled text: headline "
        "score with others' texts less that with true ones, where text is expected to matter. Oracle: headline score "
        "less that of the Bayes-optimal row. Of all rows with a control (Of) the one that comes nearest to its bound. "
        "A control cannot fail where so few draws spread so widely that chance cannot be missed by the bound. "
        "Differences beyond their bounds fail: in a sound run, any of all "
        f"{len(found)} does so with probability {LEVEL}.",
        "notes": [],
    }
    return frame
