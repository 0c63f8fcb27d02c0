"""One loss through graph convolutions and Transformer, at about the price of the Transformer.

Each step reads a batch of training texts anew, with gradient, and takes the states of everybody else from the last
time that they were read (historical embeddings: Fey et al., 2021, https://arxiv.org/abs/2106.05609; BertGCN's memory
bank: Lin et al., 2021, https://arxiv.org/abs/2105.05727). Where the batch holds all texts, the gradient is exact.
Level 0: imports torch and sgn only.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sgn.encoder import Reader, Reading, batches, read_states
from sgn.fit import Predictor, Report, run_epochs, training_loss
from sgn.graph import StudentGraph, TrainingView, moved


class Joint(nn.Module):
    """A reader of texts, a model of the graph over what it reads, and what was last read of each text [U, H]."""

    history: Tensor

    def __init__(self, reader: Reader, model: nn.Module, history: Tensor) -> None:
        super().__init__()
        self.reader, self.model = reader, model
        self.register_buffer("history", history)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K] from the history alone."""
        return self.model(graph.with_rows(states=self.history[graph.text_index]))

    def through(self, texts: Tensor, below: Reading) -> Callable[[StudentGraph], Tensor]:
        """The same map with `texts` [B] read anew; the gradient passes through these."""
        fresh = self.reader(*below.padded(texts, self.history.device))  # [B, H]
        texts = moved(texts, self.history.device)
        states = self.history.index_copy(0, texts, fresh)
        self.history[texts] = fresh.detach()
        return lambda graph: self.model(graph.with_rows(states=states[graph.text_index]))

    @torch.no_grad()
    def refresh(self, texts: Tensor, below: Reading) -> None:
        """Read `texts` [B] anew without gradient."""
        device = self.history.device
        self.history[moved(texts, device)] = read_states(self.reader, below.only(texts), device)


def fit(
    build: Callable[[Any, TrainingView], nn.Module], config: Any, view: TrainingView, seed: int, report: Report
) -> Predictor:
    """Train the view's encoder and a model of the graph together.

    `config` is the model's, with `encoder_lr`, `encoder_weight_decay`, `texts` (training texts at most), `batch`
    (texts) and `exact`: each step reads the texts of all whom the view shows, with gradient, which costs as many times
    more as there are batches in these. Validation texts are read anew in each epoch, all others once more at the end.
    """
    if view.encoder is None or view.graph.text_index is None:
        raise ValueError(
            "joint training needs the encoder itself: give the model (not the variant) a recipe in the config"
        )
    torch.manual_seed(seed)
    reader, below = view.encoder()
    device, index = view.graph.x.device, view.graph.text_index.cpu()
    reader = copy.deepcopy(reader).to(device)
    history = read_states(reader, below, device)
    graph = view.graph.with_rows(states=history[index.to(device)])
    view = view.with_graph(graph)
    module = Joint(reader, build(config, view).to(device), history)
    optimizer = torch.optim.AdamW(
        [
            {"params": module.model.parameters(), "lr": config.lr, "weight_decay": config.weight_decay},
            {"params": reader.parameters(), "lr": config.encoder_lr, "weight_decay": config.encoder_weight_decay},
        ]
    )
    generator = torch.Generator().manual_seed(seed)
    chosen = view.train.cpu()[torch.randperm(len(view.train), generator=generator)[: config.texts]]
    texts, validated = index[chosen].unique(), index[view.validation.cpu()].unique()
    shown, lengths = index.unique(), below.lengths()[texts]
    of_training = training_loss(config, view)

    def steps() -> Iterator[Tensor]:
        order = torch.randperm(len(texts), generator=generator)
        groups = list(batches(lengths[order], config.batch * int(lengths.max())))
        for i in torch.randperm(len(groups), generator=generator).tolist():
            yield texts[order[groups[i]]]

    def loss(rows: Tensor) -> Tensor:
        return of_training(module.through(shown if config.exact else rows, below))

    def validate() -> tuple[float, float]:
        module.refresh(validated, below)
        logits, labels = module(graph)[view.validation], view.labels[view.validation]
        return view.task.score(view.task.link(logits), labels), view.task.loss(logits, labels).item()

    run_epochs(module, optimizer, steps, loss, validate, report, config.clip, config.early_stopping)
    module.refresh(torch.arange(len(below)), below)

    @torch.no_grad()
    def predict(graph: StudentGraph) -> Tensor:
        return view.task.link(module(graph))

    return predict
