"""Label propagation: the labels of training students, spread along the interactions; no features and no text.

Zhu & Ghahramani (2002, http://mlg.eng.cam.ac.uk/zoubin/papers/CMU-CALD-02-107.pdf) with the symmetric normalization of
Zhou et al. (2004, https://papers.nips.cc/paper/2506), as PyTorch Geometric has it, on the interactions' weights in
either direction. Whom no label reaches gets the class shares of the training students. Where the split hides students
from training no label may be shown, so there it does not apply. Level 1: imports sgn and PyG only.
"""

from dataclasses import dataclass

from optuna.distributions import FloatDistribution, IntDistribution
from torch import Tensor
from torch_geometric.nn import LabelPropagation
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from sgn.errors import NotApplicableError
from sgn.fit import Predictor, Report
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Knobs of label propagation."""

    alpha: float = 0.9  # weight of the neighbors against the student's own label
    iterations: int = 50


SPACE = {"alpha": FloatDistribution(0.1, 0.999), "iterations": IntDistribution(1, 100, log=True)}


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """Count the classes; the rest happens when predicting.

    Raises NotApplicableError where the split hides students.
    """
    if view.graph.known is None:
        raise NotApplicableError("label propagation needs labels of others, and this split hides students from it")
    task = view.task
    everywhere = task.shares(task.one_hot(view.labels[view.train]).sum(0, keepdim=True))  # [1, K]
    spread = LabelPropagation(config.iterations, config.alpha)

    def predict(graph: StudentGraph) -> Tensor:
        assert graph.known is not None
        edges, weights = gcn_norm(*graph.interactions.edges, num_nodes=len(graph), add_self_loops=False)
        return task.shares(spread(graph.known, edges, edge_weight=weights), everywhere)

    report(1, task.score(predict(view.graph)[view.validation], view.labels[view.validation]))
    return predict
