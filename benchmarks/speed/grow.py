"""Growth: an epoch of BERT+GCN over cached states by students and by edges, an encoding by length of text.

Each size is a group, so it runs in a process of its own, whose memory is its own.
"""

from typing import Any

from benchmarks.speed import encode
from benchmarks.speed.clock import Case, Group, epochs
from benchmarks.speed.names import EDGES, LENGTH, STUDENTS
from benchmarks.speed.students import random_graph, random_view
from benchmarks.training import weights as pretrained
from benchmarks.training.runs import fit_of
from sgn import model

DEGREE = 10
"""Edge entries a student, where it is the students that grow."""


def groups(weights: str, students: list[int], edges: list[int], lengths: list[int], states: int) -> list[Group]:
    """`edges` are entries between the first number of `students`."""
    found = [Group(STUDENTS, {"students": n, "edges": DEGREE * n, "states": states}, n) for n in students]
    found += [Group(EDGES, {"students": students[0], "edges": e, "states": states}, e) for e in edges]
    return found + [Group(LENGTH, {"weights": weights, "length": n}, n) for n in lengths]


def cases(device: str, **options: Any) -> list[Case]:
    """One case, so that the peak of memory is its own."""
    if "length" in options:
        transformer = pretrained.load(options["weights"], None)
        return encode._texts(transformer, device, 32, options["length"], options["length"])[:1]
    view = random_view(random_graph(options["students"], options["edges"], 16, options["states"])).to(device)
    fit = fit_of(model)
    return [Case("bert-gcn", epochs(lambda report: fit(model.Config(), view, 0, report), 2), unit="epoch")]
