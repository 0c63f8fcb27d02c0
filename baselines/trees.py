"""Gradient-boosted trees on the features, with `states` and `neighbors` on all that BERT+GCN reads as well.

LightGBM (Ke et al., 2017, https://papers.nips.cc/paper/6907), the strongest of the usual choices for tables. `states`
adds the encoder's states; `neighbors` adds the neighbors' averages of everything, in and out apart where directed.
Level 1: imports sgn and lightgbm only.
"""

from dataclasses import dataclass

import numpy as np
import torch
from optuna.distributions import FloatDistribution, IntDistribution
from scipy import sparse
from torch import Tensor

from sgn.fit import Predictor, Report
from sgn.graph import StudentGraph, TrainingView
from sgn.neighbors import with_neighbors


@dataclass(frozen=True)
class Config:
    """Knobs of the trees; `states` and `neighbors` choose the row, not the best of it."""

    states: bool = False
    neighbors: bool = False
    lr: float = 0.05
    leaves: int = 15  # of a tree, at most
    students: int = 10  # in a leaf, at least
    columns: float = 0.3  # share of them that a tree may split on
    l2: float = 1.0


SPACE = {
    "lr": FloatDistribution(0.03, 0.3, log=True),
    "leaves": IntDistribution(4, 31, log=True),
    "students": IntDistribution(2, 40, log=True),
    "columns": FloatDistribution(0.1, 1.0, log=True),
    "l2": FloatDistribution(1e-2, 10.0, log=True),
}


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """One tree a class and round, or a booster a question when multilabel, until `report` says stop."""
    import lightgbm

    task = view.task

    def inputs(graph: StudentGraph) -> np.ndarray:
        """[N, F (+ H)], or up to three times as much with neighbors."""
        states = [graph.states] if config.states and graph.num_states else []  # `num_states` raises without a recipe
        x = torch.cat([graph.x, *states], dim=1).cpu().numpy()  # type: ignore[list-item]
        return with_neighbors(graph, sparse.csr_array(x)).toarray() if config.neighbors else x

    objective = {"objective": "multiclass", "num_class": task.num_outputs}
    knobs = {
        **(objective if task.kind == "multiclass" else {"objective": "binary"}),
        "learning_rate": config.lr,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.students,
        "feature_fraction": config.columns,
        "lambda_l2": config.l2,
        "max_bin": 63,  # over a thousand columns and a thousand students, splits are sought for longer than needed
        "seed": seed,
        "num_threads": torch.get_num_threads(),
        "deterministic": True,
        "force_col_wise": True,  # a sixth faster than by rows where columns are many
        "verbosity": -1,
    }
    x = inputs(view.graph)
    train, validation = x[view.train.numpy()], x[view.validation.numpy()]
    labels, answers = view.labels[view.train].cpu().numpy(), view.labels[view.validation].cpu()
    columns = labels.T if task.kind == "multilabel" else labels[None]
    boosters = [lightgbm.Booster(knobs, lightgbm.Dataset(train[y >= 0], y[y >= 0])) for y in columns]

    def logits(x: np.ndarray, first: int, rounds: int) -> Tensor:
        """What `rounds` trees from the round `first` on add to the logits [n, K] of x [n, d]."""
        each = [b.predict(x, raw_score=True, start_iteration=first, num_iteration=rounds) for b in boosters]
        return torch.from_numpy(np.column_stack(each)).float()

    total, best, stop, rounds = torch.zeros(len(validation), task.num_outputs), 0, False, 0
    while not stop:
        done = [booster.update() for booster in boosters]
        total += logits(validation, rounds, 1)
        rounds += 1
        stop = report(rounds, task.score(task.link(total), answers), task.loss(total, answers).item()) or all(done)
        if report.improved:
            best = rounds

    def predict(graph: StudentGraph) -> Tensor:
        return task.link(logits(inputs(graph), 0, best)).to(graph.x.device)

    return predict
