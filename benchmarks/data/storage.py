"""A dataset on disk: graph, splits and sealed labels as npz without pickle."""

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.data.cache import fingerprint
from benchmarks.data.dataset import Dataset, Truth
from benchmarks.data.targets import Targets, by_student, of_students
from sgn.graph import StudentGraph, TrainingView
from sgn.task import Task


def save_dataset(dataset: Dataset, data: Path, sealed: Path) -> None:
    """Write the label-free graph and each split's training and validation labels to `data`, test labels to `sealed`."""
    graph = dataset.graph
    np.savez(data / "graph.npz", **_pack_graph(graph))  # type: ignore[arg-type]
    known: dict[str, np.ndarray] = {}
    hidden: dict[str, np.ndarray] = {}
    for name, split in dataset.splits.items():
        known |= {f"{name}/{side}": getattr(split, side) for side in ("train", "validation", "test", "hidden")}
        known |= {f"{name}/{side}_labels": dataset.labels[getattr(split, side)] for side in ("train", "validation")}
        hidden |= {f"{name}/test": split.test, f"{name}/test_labels": dataset.labels[split.test]}
        if dataset.lead is not None:
            hidden[f"{name}/test_lead"] = dataset.lead[split.test]
    np.savez(data / "splits.npz", **known)  # type: ignore[arg-type]
    np.savez(sealed / "labels.npz", **hidden)  # type: ignore[arg-type]
    if dataset.protected:
        np.savez(data / "protected.npz", **dataset.protected)  # type: ignore[arg-type]
    card = {
        "kind": dataset.task.kind,
        "classes": dataset.task.classes,
        "target": dataset.target,
        "text": dataset.text,
        "replication": dataset.replication,
        "clock": dataset.clock,
        "remarks": dataset.remarks,
        "students": len(graph),
        "edges": graph.edges.shape[1] // (1 if graph.directed else 2),
        "directed": graph.directed,
        "features": graph.num_features,
        "splits": list(dataset.splits),
    }
    write_json(data / "card.json", card)
    if dataset.truth:
        np.savez(data / "truth.npz", **dataset.truth.arrays())  # type: ignore[arg-type]


def load_graph(data: Path) -> StudentGraph:
    """The whole graph, test students included, without labels."""
    with np.load(data / "graph.npz", allow_pickle=False) as file:
        return StudentGraph(
            x=torch.from_numpy(file["x"]),
            features=tuple(file["features"].tolist()),
            texts=_unpack_texts(file["texts"], file["text_bounds"]),
            edges=torch.from_numpy(file["edges"]),
            weights=torch.from_numpy(file["weights"]),
            directed=bool(file["directed"]),
        )


def load_task(data: Path) -> Task:
    """What is predicted."""
    card = read_json(data / "card.json")
    return Task(card["kind"], tuple(card["classes"]))


@dataclass(frozen=True, eq=False)
class Known:
    """What training knows of one split: ids, and the labels of training and validation students. No other label."""

    name: str
    train: Tensor
    validation: Tensor
    test: Tensor
    hidden: Tensor
    labels: Tensor  # [N] or [N, K]; -1 outside training and validation

    @property
    def fingerprint(self) -> str:
        """What fine-tuned states are bound to."""
        parts = (self.train, self.validation, self.test, self.hidden, self.labels)
        return fingerprint(*(part.numpy() for part in parts))

    def permuted(self, seed: int, task: Task) -> "Known":
        """The same split with labels from which nothing can be learned.

        They are dealt out anew among training students and among validation students, and the classes (of a multilabel
        task the two answers to each question) swap their names by chance, the same on both sides. Without that a
        larger class would pull unusual students to its side in every draw, for or against their true labels.
        """
        generator, labels = torch.Generator().manual_seed(seed), self.labels.clone()
        for ids in (self.train, self.validation):
            labels[ids] = labels[ids[torch.randperm(len(ids), generator=generator)]]
        if task.kind == "multilabel":
            swapped = torch.randint(2, (task.num_outputs,), generator=generator)
            labels = torch.where(labels >= 0, labels ^ swapped, labels)
        else:
            names = torch.randperm(len(task.classes), generator=generator)
            labels = torch.where(labels >= 0, names[labels], labels)
        return replace(self, labels=labels)

    def view(self, graph: StudentGraph, task: Task) -> TrainingView:
        """The training view of a graph [N]: in the inductive regime the hidden students are taken out."""
        visible = torch.ones(len(graph), dtype=torch.bool)
        visible[self.hidden] = False
        if visible.all():
            return TrainingView(graph, self.labels, self.train, self.validation, task)
        keep = visible.nonzero().squeeze(1)
        place = visible.cumsum(0) - 1
        return TrainingView(graph.subgraph(keep), self.labels[keep], place[self.train], place[self.validation], task)


def load_split(data: Path, name: str, students: int) -> Known:
    """One split; reads no other split's labels."""
    with np.load(data / "splits.npz", allow_pickle=False) as file:
        ids = {s: torch.from_numpy(file[f"{name}/{s}"]) for s in ("train", "validation", "test", "hidden")}
    labels = by_student((load_side(data, name, side) for side in ("train", "validation")), students)
    return Known(name=name, labels=torch.from_numpy(labels), **ids)


def load_side(data: Path, name: str, side: str) -> Targets:
    """The targets of a split's "train" or "validation" side."""
    with np.load(data / "splits.npz", allow_pickle=False) as file:
        return of_students(file[f"{name}/{side}"], file[f"{name}/{side}_labels"])


def load_protected(data: Path) -> dict[str, np.ndarray]:
    """Protected attributes by name, a word [N] a student each; none where the dataset knows none."""
    file = data / "protected.npz"
    if not file.exists():
        return {}
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def load_truth(data: Path) -> Truth:
    """How a synthetic network was drawn; the behaviors themselves are not among it."""
    with np.load(data / "truth.npz", allow_pickle=False) as file:
        return Truth(**{name: file[name] for name in file.files})


def load_test(sealed: Path, name: str) -> Targets:
    """The targets of a split's test side. Only `score` may call this."""
    with np.load(sealed / "labels.npz", allow_pickle=False) as file:
        return of_students(file[f"{name}/test"], file[f"{name}/test_labels"], file.get(f"{name}/test_lead"))


def read_json(path: Path) -> Any:
    """Parse a JSON file; raises ValueError that names one which is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error})") from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is the same for the same value."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _pack_graph(graph: StudentGraph) -> dict[str, np.ndarray]:
    encoded = [text.encode() for text in graph.texts]
    return {
        "x": graph.x.numpy(),
        "features": np.array(graph.features, dtype=np.str_),
        "texts": np.frombuffer(b"".join(encoded), np.uint8),
        "text_bounds": np.cumsum([0] + [len(text) for text in encoded]),
        "edges": graph.edges.numpy(),
        "weights": graph.weights.numpy(),
        "directed": np.array(graph.directed),
    }


def _unpack_texts(flat: np.ndarray, bounds: np.ndarray) -> tuple[str, ...]:
    joined: bytes = flat.tobytes()
    return tuple(joined[a:b].decode() for a, b in itertools.pairwise(bounds.tolist()))
