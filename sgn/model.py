"""BERT+GCN, the subject of the paper: convolve what the Transformer reads over whom the students interact with.

Cascade: a recipe fine-tunes the Transformer on the task; its state of each student's text stands beside her tabular
features, and graph convolutions carry both along the weighted interactions. `reads` puts what the fine-tuned head says
of the text in the state's place: few numbers, where a state is hundreds for few labels. `interpolation` mixes what
the convolutions predict with what that head predicts (Lin et al., 2021, BertGCN, https://arxiv.org/abs/2105.05727), in
a share that is fixed or learns with the rest.
Joint: one loss through convolutions and Transformer (`sgn.joint`), which begins at the pretrained weights.
Blocks and ranges are the baselines' own, so that the text is the only difference from GCN. From Transformer it
differs by the graph and by the tabular features; without edges (an ablation), by the features alone.
Level 0: imports sgn only.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from optuna.distributions import CategoricalDistribution
from torch import Tensor, nn

from sgn import joint
from sgn.blocks import (
    GRAPH_SPACE,
    Attention,
    ConvolutionKnobs,
    States,
    convolutions,
    tabular,
    tabular_size,
    text_scale,
)
from sgn.fit import Predictor, Report
from sgn.fit import fit as fit_module
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(ConvolutionKnobs):
    """Knobs of BERT+GCN."""

    fusion: Literal["cascade", "joint"] = "cascade"
    reads: Literal["states", "head"] = "states"  # of a text: the Transformer's state, or its fine-tuned head's logits
    attention: int = 0  # heads of self-attention over the students before they are convolved; 0: none
    interpolation: float = 1.0  # share of the convolutions in the prediction; the rest is the Transformer's head
    learn_interpolation: bool = False  # the share begins there, above 0 and below 1, and learns
    exact: bool = False  # this one and what follows: of joint training, see `sgn.joint`
    encoder_lr: float = 1e-4
    encoder_weight_decay: float = 1e-2
    texts: int = 1000  # training texts at most
    batch: int = 16  # texts


SPACE = GRAPH_SPACE | {"reads": CategoricalDistribution(["states", "head"])}


class BertGCN(nn.Module):
    """Graph convolutions over what the Transformer reads and tabular features.

    Raises ValueError for an interpolation that is to learn and begins at one of its ends.
    """

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.config, self.task = config, view.task
        self.states, self.scale = States(view.graph.num_states, config.dropout), text_scale(view)
        attention = [Attention(config.width, config.attention)] if config.attention else []
        text = view.graph.num_states if config.reads == "states" else view.num_outputs
        inputs = text + tabular_size(view.graph, config)
        self.stack = convolutions(inputs, view.num_outputs, config, view.graph.directed, attention)
        if config.learn_interpolation:
            if not 0 < config.interpolation < 1:
                raise ValueError(f"interpolation = {config.interpolation}: to learn it must begin between 0 and 1")
            self.learnt = nn.Parameter(torch.zeros(()))  # from where it begins, so that decay pulls it back there

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]. Raises ValueError where a frozen recipe left no head to read or to mix in."""
        others = tabular(graph, self.config)  # [N, F]
        text = self._head(graph) if self.config.reads == "head" else self.states(graph.states) * self.scale
        logits = self.stack(torch.cat([text, others], dim=1), graph)
        if self.config.interpolation == 1.0:
            return logits
        share: float | Tensor = self.config.interpolation
        if self.config.learn_interpolation:
            share = (self.learnt + math.log(share / (1 - share))).sigmoid()
        return self.task.mixture(logits, self._head(graph), share)

    def _head(self, graph: StudentGraph) -> Tensor:
        if graph.logits is None:
            raise ValueError(
                "reads: head, and interpolation, need the head of a fine-tuned recipe, and a frozen one leaves none: "
                "set reads: states and interpolation: 1 in the config"
            )
        return graph.logits


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """Train on what the view carries of texts, or through the encoder itself.

    Raises ValueError for joint training that reads a head, or mixes one in: that head would not learn.
    """
    if config.fusion == "joint" and (config.reads == "head" or config.interpolation != 1.0):
        raise ValueError(
            "joint training goes through the states alone: set reads: states and interpolation: 1 in the config beside "
            "fusion: joint"
        )
    return (joint.fit if config.fusion == "joint" else fit_module)(BertGCN, config, view, seed, report)
