"""Correct-and-Smooth: an MLP on the features, whose errors on training students and whose predictions are spread.

Huang et al. (2021, https://arxiv.org/abs/2010.13993), as PyTorch Geometric has it, on the interactions' weights in
either direction. The error known of training students corrects their neighbors; then predictions, with the known labels
in place, are smoothed. Where the split hides students from training no label may be shown, and the MLP's predictions
stay as they are. Level 1: imports sgn and PyG only.
"""

import copy
from dataclasses import dataclass

import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution
from torch import Tensor, nn
from torch_geometric.nn import CorrectAndSmooth
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from sgn import blocks
from sgn.blocks import FeedForward, Knobs, Stack
from sgn.fit import EarlyStopping, Predictor, Report
from sgn.fit import fit as fit_module
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of the MLP, and of what follows."""

    correct: float = 0.8  # weight of the neighbors against the student's own error; 0: no correction
    smooth: float = 0.8  # likewise of predictions; 0: no smoothing
    autoscale: bool = True  # corrections as large as the errors known, or else `scale` times what was spread
    scale: float = 1.0
    iterations: int = 50


SPACE = blocks.SPACE | {
    "correct": FloatDistribution(0.0, 1.0),
    "smooth": FloatDistribution(0.0, 1.0),
    "autoscale": CategoricalDistribution([True, False]),
}


class Base(nn.Module):
    """The MLP on tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        layers = [FeedForward(config.width) for _ in range(config.layers)]
        self.stack = Stack(view.graph.num_features, view.num_outputs, layers, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(graph.x, graph)


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """Train the MLP by the same rule as any; what counts is the score after correcting and smoothing."""
    task, own = view.task, copy.copy(report)
    if isinstance(own, EarlyStopping):  # a search compares trials by the smoothed score, not by the MLP's on its way
        own.watch = lambda spent, best: None
    base = fit_module(Base, config, view, seed, own)

    both = CorrectAndSmooth(
        config.iterations, config.correct, config.iterations, config.smooth, config.autoscale, config.scale
    )

    def predict(graph: StudentGraph) -> Tensor:
        first = base(graph)
        if graph.known is None:
            return first
        edges = gcn_norm(*graph.interactions.edges, num_nodes=len(graph), add_self_loops=False)
        mass = task.masses(first).clone()
        columns = torch.arange(mass.shape[1], device=mass.device)
        for group in columns.view(2, -1).T if task.kind == "multilabel" else [columns]:  # each question by itself
            known = graph.known[:, group]
            seen = known.any(1)
            mass[:, group] = both(mass[:, group], known[seen], seen, *edges)
        return task.shares(mass, first)

    report(1, task.score(predict(view.graph)[view.validation], view.labels[view.validation]))
    return predict
