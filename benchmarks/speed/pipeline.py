"""Whole pipelines to the same validation score: from texts and contacts to a model, ours and the straightforward way.

Ours: the lower layers once, the top ones fine-tuned, then graph convolutions over cached states. The straightforward
way reads every text anew in each step and trains until it has reached the score that ours had, or is given up: then it
would have taken longer than it was timed.
"""

import time

import torch

from benchmarks.speed import straightforward
from benchmarks.speed.clock import Case, Group, whole
from benchmarks.speed.names import EQUAL_SCORE, GIVEN_UP, OURS, STRAIGHTFORWARD
from benchmarks.speed.students import network, uncached, writing
from benchmarks.training import weights as pretrained
from benchmarks.training.runs import fit_of
from sgn import model as bert_gcn
from sgn.encoder import distinct, tokenize
from sgn.finetune import Config, finetune
from sgn.fit import EarlyStopping

EPOCHS, PATIENCE = 300, 30
"""Of our graph convolutions; our fine-tuning has the usual number of epochs, and stops after one without gain."""
STEPS = 8
"""Of the straightforward way in an epoch."""
WIDTH = 64
BATCH = 16
"""Texts at once in the straightforward way."""


class Until:
    """A `Report` (sgn.fit) that stops when a score is reached, or when the time is up."""

    improved = True

    def __init__(self, score: float, seconds: float) -> None:
        self.score, self._end = score, time.monotonic() + seconds

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        """True at the score, and when the time is up."""
        return score >= self.score or time.monotonic() > self._end


def groups(weights: str, students: int, tokens: int, padded: int, layers: int, rounds: int) -> list[Group]:
    """One: our way reads up to `tokens` of a text, the other pads to `padded`."""
    options = {"weights": weights, "students": students, "tokens": tokens, "padded": padded, "layers": layers}
    return [Group(EQUAL_SCORE, options, students, rounds)]


def cases(device: str, weights: str, students: int, tokens: int, padded: int, layers: int) -> list[Case]:
    """Both ways; our score, the same in each round, is the other's goal, and a multiple of our seconds its end."""
    model, where = pretrained.load(weights, None), torch.device(device)
    goal: list[tuple[float, float]] = []

    def ours() -> None:
        began = time.monotonic()
        view = writing(students, weights, layers, tokens, device)
        assert view.encoder is not None
        assert view.graph.text_index is not None
        (reader, below), index, settings = view.encoder(), view.graph.text_index, Config(texts=students)
        stopping = EarlyStopping(settings.epochs, 1)
        made = finetune(settings, reader, below, index.cpu(), view.to("cpu"), 0, stopping, where)
        states = made.read(below, where)[0].to(where)
        report = EarlyStopping(EPOCHS, PATIENCE)
        fit_of(bert_gcn)(bert_gcn.Config(), view.with_graph(view.graph.with_rows(states=states[index])), 0, report)
        goal.append((report.best_score, GIVEN_UP * (time.monotonic() - began)))

    def other() -> None:
        view = network(students).to(where)
        texts, index = distinct(view.graph.texts)
        reader, below = uncached(model, layers, tokenize(model.tokenizer, texts, padded), where)
        rows = {"text_index": index.to(where), "states": torch.zeros(students, reader.size, device=where)}
        view = view.with_graph(view.graph.with_rows(**rows))
        torch.manual_seed(0)
        dense = straightforward.Dense(view, WIDTH).to(where)
        module = straightforward.EndToEnd(reader, dense, below, BATCH, padded)
        straightforward.fit(module, view, STEPS, 5e-3, 1e-4, Until(*goal[0]))

    return [Case(OURS, whole(ours), unit="pipeline"), Case(STRAIGHTFORWARD, whole(other), unit="pipeline")]
