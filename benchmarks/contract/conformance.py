"""Whether a model file keeps the contract of docs/adding-a-model.md: the checks of `sgn check-model`, a function each.

All are made on small made-up student graphs (`benchmarks.contract.cases`). Our own models are held to the same ones by
the tests.
"""

import dataclasses
import importlib.util
import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from optuna.distributions import BaseDistribution
from torch import Tensor, nn

from benchmarks.contract.cases import CASES, INDUCTIVE, TRANSDUCTIVE, case, learnable, permuted, scrambled
from benchmarks.contract.fits import ContractError, Watched, check_shape, fitted, fitted_once, probabilities
from benchmarks.data.dataset import Dataset
from benchmarks.jobs.outcome import LOSSES, said
from benchmarks.jobs.seal import SealedError
from benchmarks.training.runs import fit_of
from sgn.errors import NotApplicableError
from sgn.fit import Training

OK, FAILED, NOT_APPLICABLE = "ok", "FAILED", "not applicable"

LEARNED = {"roc_auc": 0.8, "accuracy": 0.6}
"""What a model must pass where features, texts and neighbors all tell the class; chance is 1/2 and 1/3."""

CHANCE = (0.35, 0.65)
"""ROC-AUC, the mean over three permutations of the labels: 3.5 standard deviations around 1/2 for 60 test students."""


@dataclass(frozen=True)
class Check:
    """A sentence that is true of a good model file, and what raises where it is not.

    `of_controls`: controls are held to it as well. `first`: where it fails, those that follow say nothing.
    """

    name: str
    function: Callable[[ModuleType], None]
    of_controls: bool = True
    first: bool = False

    def verdict(self, module: ModuleType) -> tuple[str, str]:
        """How a model file does, and the reason where it is not well."""
        try:
            self.function(module)
        except NotApplicableError as error:
            return NOT_APPLICABLE, str(error)
        except ContractError as error:
            return FAILED, str(error)
        except SealedError as error:
            return FAILED, f"{error}; a model learns from its view alone ({_place(module, error)})"
        except LOSSES as error:
            return FAILED, f"{said(error)} ({_place(module, error)})"
        return OK, ""


def _place(module: ModuleType, error: BaseException) -> str:
    """The line that raised: the last one in the model's file, if any is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename == module.__file__]
    frame = own[-1] if own else frames[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def has_config(module: ModuleType) -> None:
    """`Config` and its defaults."""
    config = getattr(module, "Config", None)
    if config is None:
        raise ContractError("there is no Config: add a frozen dataclass with a default for each knob")
    made = vars(config).get("__dataclass_params__")  # its own: a base's would leave out the fields that it adds
    if made is None or not made.frozen:
        raise ContractError("Config is no frozen dataclass: write @dataclass(frozen=True) above it")
    required = [
        f.name
        for f in dataclasses.fields(config)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if required:
        raise ContractError(f"Config has no default for {', '.join(required)}: trial 0 of every study is the defaults")


def has_build_or_fit(module: ModuleType) -> None:
    """What trains it, and the knobs that this asks for."""
    if hasattr(module, "fit"):
        taken = list(inspect.signature(module.fit).parameters)
        if len(taken) != 4:
            hidden = module.fit.__module__ == "sgn.fit"
            raise ContractError(
                f"fit takes ({', '.join(taken)}); expected (config, view, seed, report)"
                + (": it is the shared loop, so import that under another name" if hidden else "")
            )
    elif hasattr(module, "build"):
        own = {field.name for field in dataclasses.fields(module.Config)}
        lacking = [field.name for field in dataclasses.fields(Training) if field.name not in own]
        if lacking:
            raise ContractError(
                f"Config lacks {', '.join(lacking)}, which the shared training loop reads: write "
                "class Config(Training), with `from sgn.fit import Training`"
            )
    else:
        raise ContractError(
            "there is neither build(config, view) -> nn.Module nor fit(config, view, seed, report) -> predictor: "
            "add one of them"
        )


def has_space(module: ModuleType) -> None:
    """`SPACE` against `Config`."""
    space = getattr(module, "SPACE", None)
    if not isinstance(space, dict) or not space:
        raise ContractError(
            "there is no SPACE: add a dict from knobs of Config to Optuna distributions. A control, which has nothing "
            "to tune, is checked with --role control"
        )
    defaults = dataclasses.asdict(module.Config())
    for knob, values in space.items():
        if knob not in defaults:
            raise ContractError(f"SPACE tunes {knob!r}, which is no field of Config; there are {', '.join(defaults)}")
        if not isinstance(values, BaseDistribution):
            raise ContractError(f"SPACE[{knob!r}] is {values!r}; expected a distribution of optuna.distributions")
        if not _holds(values, defaults[knob]):
            raise ContractError(
                f"SPACE[{knob!r}] = {values} does not hold Config's default {defaults[knob]!r}, which trial 0 tries: "
                "widen the one or move the other"
            )


def _holds(values: BaseDistribution, value: object) -> bool:
    try:
        return values._contains(values.to_internal_repr(value))
    except ValueError:  # no choice of a categorical one
        return False


def gives_logits(module: ModuleType) -> None:
    """The untrained module's shapes: within the training loop another shape raises far from its cause."""
    if hasattr(module, "fit"):
        raise NotApplicableError("the file has a fit of its own")
    for name in TRANSDUCTIVE:
        made = case(CASES[name]())
        network = module.build(module.Config(), made.view)
        if not isinstance(network, nn.Module):
            raise ContractError(f"build gave a {type(network).__name__}; expected a torch.nn.Module")
        logits = network(made.graph)
        if not isinstance(logits, Tensor):
            raise ContractError(f"forward gave a {type(logits).__name__}; expected logits, a torch.Tensor [N, K]")
        check_shape("forward", logits, len(made.graph), made.view.task)


def reports_and_stops(module: ModuleType) -> None:
    """`report` is called, in turn, and obeyed."""
    made, report = case(learnable()), Watched(3, 3)
    fit_of(module)(module.Config(), made.view, 0, report)
    if not report.calls:
        raise ContractError(
            "fit never called report, and a study selects by the best score reported: call "
            "report(epoch, validation_score, loss) after each epoch, or report(1, validation_score) once"
        )


def gives_probabilities(module: ModuleType) -> None:
    """Binary, multiclass and multilabel."""
    for name in TRANSDUCTIVE:
        fitted_once(module, name)


def predicts_new_students(module: ModuleType) -> None:
    """A graph with more students than the training view."""
    fitted_once(module, INDUCTIVE)


def follows_the_order(module: ModuleType) -> None:
    """Students in another order."""
    fit = fitted_once(module, INDUCTIVE)
    order = torch.randperm(len(fit.scores), generator=torch.Generator().manual_seed(2))
    again = probabilities(fit.predict, fit.case.graph.subgraph(order), fit.case.view.task)
    apart = (again - fit.scores[order]).abs().amax(1)
    if apart.max() > 1e-4:
        raise ContractError(
            f"with the same students in another order {int((apart > 1e-4).sum())} of {len(order)} have other "
            f"probabilities (by up to {apart.max():.3f}): a predictor may hold nothing by a student's place; take all "
            "from the graph that it is given, and call eval() before predicting"
        )


def changes_nothing(module: ModuleType) -> None:
    """The tensors of view and graph."""
    for name in TRANSDUCTIVE:
        if changed := fitted_once(module, name).changed:
            raise ContractError(
                f"{', '.join(changed)} changed while fitting or predicting, and other models read the same tensors: "
                "work on a clone(), and use no operation in place (x += 1, x[i] = 0, x.add_(1)) on what you are given"
            )


def same_seed_same_bytes(module: ModuleType) -> None:
    """Twice the same."""
    first, second = (fitted(module, case(learnable()), 3, 10, 10).scores for _ in range(2))
    if not torch.equal(first, second):
        raise ContractError(
            f"seed 3 gave other probabilities the second time ({_difference(first, second)}): call "
            "torch.manual_seed(seed) first in fit, give `seed` to every other generator, and keep nothing between fits"
        )


def reads_no_test_label(module: ModuleType) -> None:
    """Labels of test students scrambled, after a fit on another split in which they may train."""
    datasets = learnable(), scrambled(learnable())
    first, second = (_after_another_split(_anew(module), dataset) for dataset in datasets)
    if not torch.equal(first, second):
        same_seed_same_bytes(module)  # raises where that is the cause
        raise ContractError(
            f"other labels of the test students give other probabilities ({_difference(first, second)}), so the model "
            "knows labels that its view does not hold: read no file, and keep nothing between the fits on two splits"
        )


def _after_another_split(module: ModuleType, dataset: Dataset) -> Tensor:
    return [fitted(module, case(dataset, split), epochs=5, patience=5).scores for split in ("1", "0")][-1]


def _anew(module: ModuleType) -> ModuleType:
    """The module as a new process would have it."""
    spec = module.__spec__
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh


def _difference(first: Tensor, second: Tensor) -> str:
    apart = (first - second).abs()
    return f"{int((apart.amax(1) > 0).sum())} of {len(apart)} students differ, by up to {apart.max():.2g}"


def learns(module: ModuleType) -> None:
    """Where it is easy."""
    for name in TRANSDUCTIVE[:2]:
        fit = fitted_once(module, name)
        task, test = fit.case.view.task, fit.case.test
        score, bound = task.score(fit.scores[test], fit.case.labels[test]), LEARNED[task.metric]
        if score <= bound:
            raise ContractError(
                f"{task.metric} {score:.3f} on test students ({name}), where features, texts and neighbors all tell "
                f"the class; expected more than {bound}. Is the loss over view.labels[view.train], does a gradient "
                "reach every parameter, do 60 epochs suffice at the default learning rate?"
            )


def is_at_chance_on_permuted_labels(module: ModuleType) -> None:
    """Where there is nothing to learn."""
    scores = []
    for seed in range(3):
        made = case(permuted(learnable(), seed))
        fit = fitted(module, made, seed, 20, 10)
        scores.append(made.view.task.score(fit.scores[made.test], made.labels[made.test]))
    mean = sum(scores) / len(scores)
    if not CHANCE[0] < mean < CHANCE[1]:
        raise ContractError(
            f"ROC-AUC {mean:.3f} on test students, the mean over three permutations of the labels; expected "
            f"{CHANCE[0]} to {CHANCE[1]}: nothing tells these labels, so the model knows them from elsewhere. "
            "Use only what the view holds"
        )


CHECKS = (
    Check("Config is a frozen dataclass with a default for each knob", has_config, first=True),
    Check("there is build(config, view), or fit(config, view, seed, report)", has_build_or_fit, first=True),
    Check("SPACE tunes knobs of Config, over ranges that hold the defaults", has_space, of_controls=False),
    Check("forward gives logits [N, K]", gives_logits, first=True),
    Check("fit calls report, and stops when it says so", reports_and_stops, of_controls=False, first=True),
    Check("the predictor gives probabilities [N, K]", gives_probabilities, first=True),
    Check("it predicts students that training did not see", predicts_new_students),
    Check("students in another order have the same probabilities", follows_the_order),
    Check("nothing that the model is given changes", changes_nothing),
    Check("same seed, same bytes", same_seed_same_bytes),
    Check("test labels do not count", reads_no_test_label),
    Check("it learns what is easy to learn", learns, of_controls=False),
    Check("it is at chance on permuted labels", is_at_chance_on_permuted_labels),
)
