"""What a dataset's network is like, in aggregates that rest on enough students each. Level 2.

Called by `score`, which alone knows all labels.
"""

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.people import FEWEST, merged
from benchmarks.data.describe import symmetric
from sgn.graph import StudentGraph

ZERO = -(10**6)
"""The octave of nothing."""


def aggregates(dataset: str, graph: StudentGraph, labels: np.ndarray) -> pd.DataFrame:
    """Table `network`: a row a bin of a distribution, or a cell of the mixing between classes.

    `degree`: contacts of a student; `component`: size of the component that she is in; `weight`: of an edge. Bins
    [`low`, `high`) are octaves, joined until each has FEWEST students; `share` is of the students, or edges. `mixing`:
    the `share` of the contacts of students of class `of`, among labeled ones, that are with class `to` (of several
    questions: 1 with any answer yes). `students` is how many a row rests on: of a cell,
    those at the end where they are fewer; of an empty one, those of its class `of`. Where these are too few, all rows
    of the cell's two classes are suppressed, shares and students NaN, for the others would tell it.
    """
    contacts = symmetric(graph)
    component = connected_components(contacts, directed=False)[1]
    everybody = np.arange(len(graph))
    ends = graph.edges.numpy().T  # [E, 2]
    once = np.full(len(ends), True) if graph.directed else ends[:, 0] <= ends[:, 1]
    rows = [
        *_binned("degree", np.diff(contacts.indptr), everybody),
        *_binned("component", np.bincount(component)[component], everybody),
        *_binned("weight", graph.weights.numpy()[once], ends[once]),
    ]
    code = labels if labels.ndim == 1 else labels.max(1)
    pairs = contacts.tocoo()
    frame = pd.DataFrame([*rows, *_mixing(np.stack([pairs.row, pairs.col], axis=1), code)], columns=COLUMNS["network"])
    numbers = {column: float for column in COLUMNS["network"] if column not in ("dataset", "part")}
    return frame.assign(dataset=dataset).astype(numbers)


def _binned(part: str, values: np.ndarray, who: np.ndarray) -> list[dict[str, object]]:
    """Rows of a distribution of `values` [n] that belong to students `who` [n] or [n, 2]."""
    octave = np.full(len(values), ZERO)
    octave[values > 0] = np.floor(np.log2(values[values > 0])).astype(int)
    bins, rows = merged(octave, who), []
    for one in np.unique(bins).tolist():
        of = bins == one
        if (students := len(np.unique(who[of]))) >= FEWEST:
            high = octave[of].max()
            ends = {"low": 0.0 if one == ZERO else 2.0**one, "high": 0.0 if high == ZERO else 2.0 ** (high + 1)}
            rows.append({"part": part, **ends, "students": students, "share": of.mean()})
    return rows


def _mixing(pairs: np.ndarray, code: np.ndarray) -> list[dict[str, object]]:
    """Rows of the mixing; `pairs` [P, 2] are contacts in both directions, `code` [N] everybody's class or -1."""
    ends = code[pairs]  # [P, 2]
    pairs, ends = pairs[(ends >= 0).all(1)], ends[(ends >= 0).all(1)]
    classes = np.unique(code[code >= 0]).tolist()
    cells = {(a, b): pairs[(ends == (a, b)).all(1)] for a in classes for b in classes}
    students = {cell: min(len(np.unique(end)) for end in among.T) for cell, among in cells.items()}
    connected = {a: len(np.unique(pairs[ends[:, 0] == a, 0])) for a in classes}
    few = {c for cell, n in students.items() if 0 < n < FEWEST for c in cell}
    few |= {a for a, n in connected.items() if n < FEWEST}
    rows: list[dict[str, object]] = []
    for (a, b), among in cells.items():
        row = {"students": np.nan, "share": np.nan}
        if a not in few:
            row = {"students": students[a, b] or connected[a], "share": len(among) / (ends[:, 0] == a).sum()}
        rows.append({"part": "mixing", "of": a, "to": b, **row})
    return rows
