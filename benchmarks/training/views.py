"""From stored graphs and splits to what a model sees: states, degrees, scaled features, device."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import Known, load_graph, load_split, load_task
from benchmarks.jobs.environment import environment
from sgn.features import Scaler, with_degrees
from sgn.graph import StudentGraph, TrainingView, row_norm


@dataclass(frozen=True, eq=False)
class Views:
    """What a model trains on, the graph that it then predicts, and a fingerprint of both, but for an encoder."""

    training: TrainingView
    prediction: StudentGraph
    fingerprint: str

    def to(self, device: torch.device) -> "Views":
        """The same views on a device."""
        if device.type == "cpu":
            return self
        return replace(self, training=self.training.to(device), prediction=self.prediction.to(device))


class Material:
    """A dataset with the states of a recipe (or none), from which views are made: one a split and seed."""

    def __init__(
        self,
        data: Path,
        states: Path | None,
        splits: list[str],
        encoder: tuple[Tensor, Callable[[], Any]] | None = None,
    ) -> None:
        """`encoder`: the place [N] of each student's text among those of a Reading, and what gives it with a Reader."""
        self.graph, self.task = load_graph(data), load_task(data)
        self.known = {name: load_split(data, name, len(self.graph)) for name in splits}
        self._states, self._encoder = states, encoder

    def views(
        self,
        split: str,
        seed: int,
        edit: Callable[[StudentGraph], StudentGraph] = lambda g: g,
        labels: str | None = None,
    ) -> Views:
        """Views of a split, with the states that `seed` gave.

        `edit` changes the graph first (an ablation). `labels` "permuted" deals the labels of training students, and
        those of validation students, out among them under other names (a control). "connected" takes
        those of training students who interact with nobody away; raises ValueError where that is everybody's.
        """
        known, graph = self.known[split], self.graph
        states, logits = self._read_states(known, seed)
        index = self._encoder[0] if self._encoder else None
        unchanged = replace(graph, states=states, logits=logits, text_index=index)
        graph = edit(unchanged)
        if labels == "permuted":
            known = known.permuted(seed, self.task)
        view = known.view(graph, self.task)
        if labels == "connected":
            view = view.without(view.train[~torch.isin(view.train, view.graph.edges)])
            if not len(view.train):
                raise ValueError("no training student interacts with anybody")
        if self._encoder:
            view = replace(view, encoder=self._encoder[1])
        if not len(known.hidden):  # a hidden student's neighbors have no label that may be known
            own = torch.full_like(view.labels, -1)
            own[view.train] = view.labels[view.train]
            view = replace(view, graph=replace(view.graph, known=self.task.one_hot(own)))
        degrees = with_degrees(view.graph)
        scaler = Scaler.fitted(degrees.x[view.train])
        norm = None if graph is unchanged else self._norm(unchanged, known, view.train)
        training = replace(view, graph=scaler(degrees), norm=norm)
        whole = len(view.graph) == len(graph)
        prediction = training.graph if whole else scaler(with_degrees(graph))
        seen = fingerprint(replace(training, encoder=None), None if whole else prediction)
        return Views(training, prediction, seen)

    def _norm(self, unchanged: StudentGraph, known: Known, train: Tensor) -> float:
        """The norm of the features of `train`, as scaled, of a graph before an ablation changed it."""
        degrees = with_degrees(known.view(unchanged, self.task).graph)
        return row_norm(Scaler.fitted(degrees.x[train])(degrees).x[train])

    def _read_states(self, known: Known, seed: int) -> tuple[Tensor | None, Tensor | None]:
        """States [N, H], and logits [N, K] where the recipe was fine-tuned, from the folder that was given.

        Raises ValueError for states that were fine-tuned on another split: they have seen test labels.
        """
        if self._states is None:
            return None, None
        if (frozen := self._states / "states.npz").exists():  # a frozen recipe serves every split and seed
            with np.load(frozen, allow_pickle=False) as file:
                return torch.from_numpy(file["states"][file["index"]]), None
        own = self._states / known.name / "states.npz"
        if not own.exists():
            raise ValueError(f"{self._states}: no states of split {known.name!r}")
        with np.load(own, allow_pickle=False) as file:
            if str(file["fingerprint"]) != known.fingerprint:
                raise ValueError(f"{own}: these states were fine-tuned on another split than {known.name!r}")
            if f"seed={seed}/states" not in file.files:
                raise ValueError(f"{own}: no states of seed {seed}")
            keys = [f"seed={seed}/{name}" for name in ("states", "logits")]  # pretrained only: no logits
            found = [torch.from_numpy(file[key][file["index"]]) if key in file.files else None for key in keys]
            return found[0], found[1]


def torch_device(name: str) -> torch.device:
    """The device of that name, "auto" for a GPU where there is one; arithmetic is deterministic from now on."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu":  # on a CPU all that we use is deterministic, and asking for it imports a compiler: 1 s a job
        torch.use_deterministic_algorithms(True)
    return torch.device(name)


def arithmetic(device: torch.device) -> dict[str, str | int]:
    """What results depend on besides code and data, for the keys of cached ones."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return environment(name) | {"threads": torch.get_num_threads()}


def crossed(splits: list[str], seeds: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Every split with every seed."""
    return ((split, seed) for split in splits for seed in seeds)
