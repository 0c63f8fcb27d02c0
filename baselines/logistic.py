"""Logistic regression on words and features, with `neighbors` also on those of the students around: linear, but strong.

Words count by TF-IDF (Salton & Buckley, 1988, https://doi.org/10.1016/0306-4573(88)90021-0), with the vocabulary and
the frequencies of the training students' texts. The neighbors' averages of words and features are blocks of their own,
in- and out-neighbors apart where the graph is directed. A dataset without text leaves the features.
Level 1: imports sgn and scikit-learn only.
"""

from dataclasses import dataclass

import numpy as np
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy import sparse
from torch import Tensor

from sgn.fit import Predictor, Report
from sgn.graph import StudentGraph, TrainingView
from sgn.neighbors import with_neighbors


@dataclass(frozen=True)
class Config:
    """Knobs of the logistic regression; `neighbors` and `features` choose the row, not the best of it."""

    neighbors: bool = False
    features: bool = True
    l2: float = 0.05  # weight of the squared norm against the summed losses: 1 / C in scikit-learn
    class_weights: bool = False  # each class weighs the same in the loss


SPACE = {
    "l2": FloatDistribution(1e-3, 10.0, log=True),
    "class_weights": CategoricalDistribution([False, True]),
}


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """One regression, or one a question when multilabel. The optimum is unique, whatever the seed."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    task, texts = view.task, [view.graph.texts[i] for i in view.train.tolist()]
    norm = view.feature_norm or 1.0
    words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(texts) if any(texts) else None

    def inputs(graph: StudentGraph) -> sparse.csr_array:
        """[N, words + F], or up to three times as much with neighbors."""
        blocks = [words.transform(graph.texts)] if words else []  # rows of norm one
        if config.features or not words:
            features = graph.x.cpu().numpy() / norm  # of norm one too, on training students
            blocks.append(sparse.csr_array(features))
        x = sparse.csr_array(sparse.hstack(blocks))
        return with_neighbors(graph, x) if config.neighbors else x

    x, labels = inputs(view.graph)[view.train.numpy()], view.labels[view.train].cpu().numpy()
    columns = labels.T if task.kind == "multilabel" else labels[None]
    weights = "balanced" if config.class_weights else None
    models = [
        LogisticRegression(C=1 / config.l2, class_weight=weights, max_iter=5000).fit(x[y >= 0], y[y >= 0])
        for y in columns
    ]

    def predict(graph: StudentGraph) -> Tensor:
        x = inputs(graph)
        each = [model.predict_proba(x) for model in models]
        if task.kind == "multiclass":
            scores = np.zeros((len(graph), task.num_outputs))
            scores[:, models[0].classes_] = each[0]  # a class without a training student gets nothing
        else:
            scores = np.stack([p[:, 1] for p in each], axis=1)
        return torch.from_numpy(scores).float().to(graph.x.device)

    report(1, task.score(predict(view.graph)[view.validation], view.labels[view.validation]))
    return predict
