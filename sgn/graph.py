"""The student graph: the one data type that everything speaks.

Level 0: imports torch and sgn only, PyG where it is asked for, and touches no file.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sgn.adjacency import Adjacency, sum_by
from sgn.task import Task

LARGEST = 1e16
"""Of a feature: the squares of a million such numbers still add up to a number in single precision."""
PER_STUDENT = ("states", "logits", "text_index", "known")
"""Optional tensors of a graph with a row a student."""


def _shared(make: Callable[[Any], Adjacency]) -> Any:
    """A property that a graph and its copies with other rows compute once in all, whichever asks first."""

    @functools.wraps(make)
    def read(graph: "StudentGraph") -> Adjacency:
        if make.__name__ not in graph.adjacencies:
            graph.adjacencies[make.__name__] = make(graph)
        return graph.adjacencies[make.__name__]

    return property(read)


@dataclass(frozen=True, eq=False)
class StudentGraph:
    """Students with features and text, and who interacts with whom.

    N students, F features, E edges, H dimensions of the encoder's states, K outputs of its head, C label inputs.
    An undirected graph holds each edge in both directions.
    """

    x: Tensor  # [N, F] float32
    features: tuple[str, ...]  # F names
    texts: tuple[str, ...]  # N; "" for a student who wrote nothing
    edges: Tensor  # [2, E] int64: row 0 points to row 1
    weights: Tensor  # [E] float32 > 0: strength of the interaction
    directed: bool
    states: Tensor | None = None  # [N, H] what a recipe makes of each student's text
    logits: Tensor | None = None  # [N, K] the head of a fine-tuned recipe
    text_index: Tensor | None = None  # [N] place of each student's text among those that the encoder read
    known: Tensor | None = None  # [N, C] training labels as inputs (`Task.one_hot`); zeros for everybody else
    adjacencies: dict[str, Adjacency] = field(default_factory=dict, init=False, repr=False)  # made so far

    def __post_init__(self) -> None:
        n = len(self.x)
        for name in ("x", "weights"):
            if (kind := getattr(self, name).dtype) != torch.float32:
                raise ValueError(f"{name} is {kind}: make it single precision, {name}.float()")
        if self.x.ndim != 2 or self.x.shape[1] != len(self.features):
            raise ValueError(f"x is {tuple(self.x.shape)}, but there are {len(self.features)} feature names")
        if not (self.x.abs() <= LARGEST).all():
            row, column = (~(self.x.abs() <= LARGEST)).nonzero()[0].tolist()
            value = f"{self.x[row, column]:g}, not a number of at most {LARGEST:g}"
            raise ValueError(f"feature {self.features[column]!r} of student {row} is {value}")
        if len(self.texts) != n:
            raise ValueError(f"{len(self.texts)} texts for {n} students")
        if self.edges.shape != (2, len(self.weights)):
            raise ValueError(f"edges are {tuple(self.edges.shape)} for {len(self.weights)} weights")
        if self.edges.numel() and not 0 <= int(self.edges.min()) <= int(self.edges.max()) < n:
            raise ValueError(f"an edge points outside the {n} students")
        if not (torch.isfinite(self.weights) & (self.weights > 0)).all():
            raise ValueError("an edge weight is not a positive finite number")
        if not self.directed:
            self._check_both_ways()
        for name in PER_STUDENT:
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{len(value)} {name} for {n} students")

    def _check_both_ways(self) -> None:
        """Raise ValueError where an edge has no counterpart of its weight; compared are sums of hashes, not sorted."""
        there, back = (
            _hashed(source * len(self) + target, self.weights) for source, target in (self.edges, self.edges.flip(0))
        )
        if torch.equal(there.sum(), back.sum()):
            return
        (there, edge), (back, flipped) = there.sort(), back.sort()
        first = int((there != back).nonzero()[0])  # the lesser one is not, or not as often, on the other side
        a, b = self.edges[:, (edge if there[first] < back[first] else flipped)[first]].tolist()
        raise ValueError(
            f"an undirected graph holds each edge in both directions, with one weight: {a} -> {b} has no counterpart. "
            "Add it (benchmarks.data.edges.both_ways does, if each edge is given once), or say directed=True"
        )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def num_features(self) -> int:
        """F."""
        return self.x.shape[1]

    @property
    def num_states(self) -> int:
        """H; raises ValueError when the graph carries no states."""
        if self.states is None:
            raise ValueError("this graph carries no encoder states: give the model a recipe in the config")
        return self.states.shape[1]

    @property
    def num_known(self) -> int:
        """C; zero when the graph carries no known labels."""
        return 0 if self.known is None else self.known.shape[1]

    @_shared
    def symmetric(self) -> Adjacency:
        """D^-1/2 (A + I) D^-1/2 over undirected edges (Kipf & Welling, 2017); a directed A becomes A + A^T."""
        n = len(self)
        source, target, weights = self.either_way
        loops = torch.arange(n, device=source.device)
        source, target = torch.cat([source, loops]), torch.cat([target, loops])
        weights = torch.cat([weights, weights.new_ones(n)])
        scale = sum_by(target, weights, n).rsqrt()
        return Adjacency.of(target, source, weights * scale[source] * scale[target], n)

    @_shared
    def neighborhood(self) -> Adjacency:
        """Weighted mean over those whom the student interacts with, in either direction; zero where nobody does."""
        source, target, weights = self.either_way
        return Adjacency.mean(target, source, weights, len(self))

    @_shared
    def interactions(self) -> Adjacency:
        """Weights between two students, in whatever direction; those of both ways of a directed graph add up."""
        source, target, weights = self.either_way
        return Adjacency.of(target, source, weights, len(self))

    @_shared
    def incoming(self) -> Adjacency:
        """Weighted mean over those who point to the student; zero where nobody does."""
        source, target = self.edges
        return Adjacency.mean(target, source, self.weights, len(self))

    @_shared
    def outgoing(self) -> Adjacency:
        """Weighted mean over those the student points to; zero where there is nobody."""
        source, target = self.edges
        return Adjacency.mean(source, target, self.weights, len(self))

    @property
    def either_way(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sources, targets and weights, each of length E or 2E, of A, and of A + A^T where the graph is directed."""
        (source, target), weights = self.edges, self.weights
        if not self.directed:
            return source, target, weights
        return torch.cat([source, target]), torch.cat([target, source]), torch.cat([weights, weights])

    def subgraph(self, keep: Tensor) -> "StudentGraph":
        """Students `keep` [n] in that order, with the edges between them."""
        position = torch.full((len(self),), -1, dtype=torch.long)
        position[keep] = torch.arange(len(keep))
        edges = position[self.edges]
        inside = (edges >= 0).all(0)
        return replace(
            self,
            x=self.x[keep],
            texts=_pick(self.texts, keep),
            edges=edges[:, inside],
            weights=self.weights[inside],
            **{name: rows[keep] for name, rows in self._per_student().items()},
        )

    def to(self, device: str | torch.device) -> "StudentGraph":
        """The same graph with its tensors on a device."""
        return replace(
            self,
            x=self.x.to(device),
            edges=self.edges.to(device),
            weights=self.weights.to(device),
            **{name: rows.to(device) for name, rows in self._per_student().items()},
        )

    def to_pyg(self) -> Any:
        """The same as `torch_geometric.data.Data`: x, edge_index, edge_weight, and under our names what PyG has not."""
        from torch_geometric.data import Data

        own = {"texts": self.texts, "features": self.features, "directed": self.directed}
        return Data(x=self.x, edge_index=self.edges, edge_weight=self.weights, **own, **self._per_student())

    @classmethod
    def from_pyg(cls, data: Any) -> "StudentGraph":
        """A graph of what `to_pyg` made, or of anybody's `torch_geometric.data.Data`.

        Without `edge_weight` each edge weighs 1, without `texts` nobody writes, `features` are numbered, and the graph
        is undirected where each edge stands in both directions. `edge_attr` is not read. Raises ValueError without `x`.
        """
        from torch_geometric.utils import is_undirected

        held = data.to_dict()
        if held.get("x") is None:
            raise ValueError("data.x is missing: give each student features, a column of ones if there are none")
        x, edges = held["x"].float(), held["edge_index"]
        weights = held.get("edge_weight", torch.ones(edges.shape[1], device=edges.device)).float()
        return cls(
            x=x,
            features=tuple(held.get("features", (f"feature {i}" for i in range(x.shape[1])))),
            texts=tuple(held.get("texts", [""] * len(x))),
            edges=edges,
            weights=weights,
            directed=held["directed"] if "directed" in held else not is_undirected(edges, weights),
            **{name: held[name] for name in PER_STUDENT if name in held},
        )

    def with_rows(self, **rows: Tensor) -> "StudentGraph":
        """The graph with other `states`, `logits`, `text_index` or `known`, and the same adjacencies, computed once."""
        changed = copy.copy(self)
        for name, tensor in rows.items():
            if name not in PER_STUDENT or len(tensor) != len(self):
                raise ValueError(f"{name}: {len(tensor)} rows for {len(self)} students; rows of {PER_STUDENT} change")
            object.__setattr__(changed, name, tensor)
        return changed

    def without_labels(self, students: Tensor) -> "StudentGraph":
        """The graph with the labels of `students` unknown."""
        if self.known is None:
            raise ValueError("this graph carries no known labels: views are made with those of training students")
        return self.with_rows(known=self.known.index_fill(0, students, 0.0))

    def _per_student(self) -> dict[str, Any]:
        return {name: rows for name in PER_STUDENT if (rows := getattr(self, name)) is not None}


@dataclass(frozen=True, eq=False)
class TrainingView:
    """What training may see: a graph, and the labels of training and validation students.

    In the inductive regime the graph holds no test student at all; in the transductive one it holds their
    features, texts and edges. `labels` is -1 for everybody outside `train` and `validation`.
    """

    graph: StudentGraph
    labels: Tensor  # [N] int64, or [N, K] when multilabel
    train: Tensor  # [n] ids
    validation: Tensor  # [m] ids
    task: Task
    encoder: Callable[[], Any] | None = None  # gives a Reader and a Reading (sgn.encoder), to train through
    norm: float | None = None  # of the features before an ablation changed them; None: as they are, see `feature_norm`

    def __post_init__(self) -> None:
        known = torch.zeros(len(self.graph), dtype=torch.bool)
        known[self.train] = True
        if known[self.validation].any():
            raise ValueError("a student stands in both training and validation")
        known[self.validation] = True
        if (self.labels[~known] != -1).any():
            raise ValueError("a training view holds a label from outside training and validation")
        if (self.labels[known] < 0).reshape(int(known.sum()), -1).all(1).any():
            raise ValueError("a training or validation student has no label")

    @property
    def num_outputs(self) -> int:
        """K, the logits a student."""
        return self.task.num_outputs

    @property
    def feature_norm(self) -> float:
        """Root mean square, over training students, of the norm of their features: what to bring other inputs to.

        An ablation that takes features or edges away changes nothing else, so it leaves what was measured before.
        """
        return row_norm(self.graph.x[self.train.to(self.graph.x.device)]) if self.norm is None else self.norm

    def with_graph(self, graph: StudentGraph) -> "TrainingView":
        """The same view of another graph of the same students."""
        return replace(self, graph=graph)

    def without(self, students: Tensor) -> "TrainingView":
        """The view in which these training students have no label; the rest of them stays in the graph."""
        labels = self.labels.clone()
        labels[students] = -1
        return replace(self, labels=labels, train=self.train[~torch.isin(self.train, students)])

    def to(self, device: str | torch.device) -> "TrainingView":
        """The same view with its graph and labels on a device."""
        return replace(self, graph=self.graph.to(device), labels=self.labels.to(device))


def _hashed(keys: Tensor, weights: Tensor) -> Tensor:
    """Numbers [E] int64 that tell keys [E] and the bits of weights [E] apart, also when added up (modulo 2^64)."""
    mixed = keys * -7046029254386353131 + weights.contiguous().view(torch.int32).long() * 6364136223846793005
    mixed = (mixed ^ (mixed >> 29)) * -4658895280553007687
    return mixed ^ (mixed >> 32)


def row_norm(rows: Tensor) -> float:
    """Root mean square of the norms of rows [n, d]; zero where there are none."""
    return rows.double().square().sum(1).mean().sqrt().item() if rows.numel() else 0.0


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; to a GPU from pinned memory, so that the host does not wait for the copy."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _pick(items: Sequence[Any], keep: Tensor) -> tuple[Any, ...]:
    return tuple(items[i] for i in keep.tolist())
