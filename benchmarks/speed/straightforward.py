"""The straightforward way, to compare with: nothing cached, nothing sorted, every text read anew in each step or epoch.

As in many a published notebook: texts padded to a fixed length in the order in which they come, the whole Transformer
run on all of them, a dense adjacency, and the student's number as a one-hot feature.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sgn.encoder import Reader, Reading
from sgn.fit import Report, run_epochs
from sgn.graph import StudentGraph, TrainingView, moved


class EndToEnd(nn.Module):
    """A reader and a model of the graph over what it reads of all texts now."""

    def __init__(self, reader: Reader, model: nn.Module, below: Reading, batch: int, pad: int) -> None:
        super().__init__()
        self.reader, self.model, self.below, self.batch, self.pad = reader, model, below, batch, pad

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K], with gradient through every text."""
        device, states = graph.x.device, []
        for rows in torch.arange(len(self.below)).split(self.batch):
            given, mask = self.below.padded(rows)
            if (more := self.pad - mask.shape[1]) > 0:
                given, mask = (nn.functional.pad(part, (0, more)) for part in (given, mask))
            states.append(self.reader(given.to(device), mask.to(device)))
        return self.model(graph.with_rows(states=torch.cat(states)[graph.text_index]))


class Dense(nn.Module):
    """Two graph convolutions with a dense adjacency over states and one-hot student numbers."""

    adjacency: Tensor  # [N, N]
    numbers: Tensor  # [N, N] one-hot

    def __init__(self, view: TrainingView, width: int) -> None:
        super().__init__()
        graph = view.graph
        self.register_buffer("adjacency", graph.symmetric.matrix.to_dense())
        self.register_buffer("numbers", torch.eye(len(graph), device=graph.x.device))
        size = graph.num_states + graph.num_features + graph.num_known + len(graph)
        self.layers = nn.ModuleList([nn.Linear(size, width), nn.Linear(width, view.num_outputs)])

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        assert graph.states is not None
        assert graph.known is not None
        h = torch.cat([graph.states, graph.x, graph.known, self.numbers], dim=1)
        first, second = self.layers
        return self.adjacency @ second(self.adjacency @ first(h).relu())


def fit(module: EndToEnd, view: TrainingView, steps: int, lr: float, encoder_lr: float, report: Report) -> None:
    """Train all of it: `steps` an epoch, each with a part of the training students' labels, all texts read in each."""
    groups = [{"params": module.model.parameters(), "lr": lr}]
    groups += [{"params": [p for p in module.reader.parameters() if p.requires_grad], "lr": encoder_lr}]
    graph = view.graph

    def batches() -> Iterator[Tensor]:
        yield from moved(view.train[torch.randperm(len(view.train))], view.labels.device).chunk(steps)

    def loss(asked: Tensor) -> Tensor:
        return view.task.loss(module(graph.without_labels(asked))[asked], view.labels[asked])

    def validate() -> tuple[float, float]:
        logits, labels = module(graph)[view.validation], view.labels[view.validation]
        return view.task.score(view.task.link(logits), labels), view.task.loss(logits, labels).item()

    run_epochs(module, torch.optim.AdamW(groups), batches, loss, validate, report)
