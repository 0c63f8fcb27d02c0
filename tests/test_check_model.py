"""Broken model files fail the check that is meant for them, with the reason and the remedy; the example passes."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, copy_workflow, run

from benchmarks import check_model
from benchmarks.check_model import NOT_CHECKED
from benchmarks.contract.conformance import CHECKS, FAILED, NOT_APPLICABLE, OK
from benchmarks.jobs.modules import load

EXAMPLE = ROOT / "examples" / "my_model.py"

BUILT = '''"""A linear map."""
from dataclasses import dataclass
import numpy as np
import torch
from optuna.distributions import FloatDistribution
from torch import nn
from sgn.fit import Training

@dataclass(frozen=True)
class Config(Training):
    """Knobs."""
    lr: float = 5e-2

SPACE = {"lr": FloatDistribution(1e-3, 1e-1, log=True)}
SEEN = {}

class Linear(nn.Module):
    """One linear map."""
    def __init__(self, config, view):
        super().__init__()
        width = view.num_outputs
        self.linear = nn.Linear(view.graph.num_features, width)

    def forward(self, graph):
        """Logits."""
        logits = self.linear(graph.x)
        return logits

build = Linear
'''

FITTED = BUILT.replace(
    "build = Linear",
    '''def fit(config, view, seed, report):
    """A loop of its own."""
    torch.manual_seed(seed)
    module, epoch, stop = Linear(config, view), 0, False
    optimizer = torch.optim.Adam(module.parameters(), lr=config.lr)
    while not stop:
        epoch += 1
        optimizer.zero_grad()
        logits = module(view.graph)
        view.task.loss(logits[view.train], view.labels[view.train]).backward()
        optimizer.step()
        stop = report(epoch, view.task.score(view.task.link(logits)[view.validation], view.labels[view.validation]))
    return lambda graph: view.task.link(module(graph)).detach()
''',
)

MEMORY = """        logits = self.linear(graph.x) + torch.tensor([[SEEN.get(i, 0.0)] for i in range(len(graph))])
        return logits

def build(config, view):
    if view.task.kind == "binary":
        for i in [*view.train.tolist(), *view.validation.tolist()]:
            SEEN.setdefault(i, float(view.labels[i]))
    return Linear(config, view)
"""

ORACLE = """
    from benchmarks.contract.cases import learnable, permuted
    known = torch.from_numpy(permuted(learnable(), seed).labels).float()[:, None]
    return lambda graph: known
"""

BROKEN = {
    "a knob without a default": (
        BUILT, "    lr: float = 5e-2", "    lr: float = 5e-2\n    _: __import__('dataclasses').KW_ONLY\n    width: int",
        "Config is", ["no default for width", "trial 0"],
    ),
    "a config that changes": (
        BUILT.replace("(Training)", ""), "(frozen=True)", "", "Config is", ["no frozen dataclass", "frozen=True"]
    ),
    "a config without the loop's knobs": (
        BUILT, "Config(Training)", "Config", "there is build",
        ["lacks weight_decay, label_smoothing", "Config(Training)"],
    ),
    "a fit that hides build": (
        BUILT, "build = Linear", "build = Linear\nfrom sgn.fit import fit", "there is build", ["under another name"]
    ),
    "a space without the default": (
        BUILT, "FloatDistribution(1e-3, 1e-1", "FloatDistribution(1e-3, 1e-2", "SPACE tunes",
        ["SPACE['lr']", "default 0.05", "widen"],
    ),
    "a space of no knob": (BUILT, '{"lr"', '{"rate"', "SPACE tunes", ["'rate'", "there are lr, weight_decay"]),
    "a module of the wrong shape": (
        BUILT, "width = view.num_outputs", "width = len(view.task.classes)", "forward gives",
        ["shape [240, 2]", "expected [240, 1]", "one column, for 'yes'", "view.num_outputs wide"],
    ),
    "a predictor of the wrong shape": (
        FITTED, ").detach()", ").detach().squeeze()", "the predictor gives",
        ["shape [240]", "expected [240, 1]", "squeeze"],
    ),
    "a predictor of logits": (
        FITTED, "view.task.link(module(graph)).detach()", "module(graph)", "the predictor gives",
        ["scores[", "no probability", "view.task.link(logits)"],
    ),
    "a predictor of numbers that are not finite": (
        FITTED, ").detach()", ").detach() / graph.x[:, :1].sign().clamp(min=0)", "the predictor gives",
        ["division by zero"],
    ),
    "a fit that does not report": (
        FITTED, "stop = report(", "stop = epoch > 5 or 0 * (", "fit calls report", ["never called report", "selects"]
    ),
    "a fit that does not stop": (
        FITTED, "        stop = report(", "        report(", "fit calls report",
        ["True in epoch 3, and training went on"],
    ),
    "a fit that counts from 0": (
        FITTED, "report(epoch,", "report(epoch - 1,", "fit calls report", ["epoch 0", "from 1"]
    ),
    "a predictor that looks at the students' order": (
        BUILT, "self.linear(graph.x)", "self.linear(graph.x.cumsum(0))", "students in another order",
        ["of 240 have other probabilities", "by a student's place"],
    ),
    "a view that is changed": (
        BUILT, "        width =", "        view.graph.x.sub_(1)\n        width =",
        "nothing that", ["view.graph.x", "clone()"],
    ),
    "a generator of its own": (
        BUILT, "        return logits", "        return logits + torch.tensor(np.random.rand(len(graph), 1)).float()",
        "same seed", ["of 240 students differ", "manual_seed"],
    ),
    "a memory of another split's labels": (
        BUILT, "        logits = self.linear(graph.x)\n        return logits\n\nbuild = Linear\n", MEMORY,
        "test labels do not count", ["other labels of the test students", "keep nothing between"],
    ),
    "a model that does not learn": (
        BUILT, "self.linear(graph.x)", "0 * self.linear(graph.x)", "it learns",
        ["roc_auc 0.500", "more than 0.8", "gradient"],
    ),
    "a model that knows everybody's labels": (
        FITTED, "    return lambda graph: view.task.link(module(graph)).detach()\n", ORACLE,
        "it is at chance", ["ROC-AUC 1.000", "0.35 to 0.65", "from elsewhere"],
    ),
}  # fmt: skip


def verdict(file: Path, check: str) -> tuple[str, str]:
    [found] = [c for c in CHECKS if c.name.startswith(check)]
    return found.verdict(load(str(file)))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_fails_with_reason_and_remedy(name: str, tmp_path: Path) -> None:
    source, old, new, check, told = BROKEN[name]
    assert old in source
    file = tmp_path / "broken.py"
    file.write_text(source.replace(old, new), encoding="utf-8")
    status, reason = verdict(file, check)
    assert status == FAILED
    assert [words for words in told if words not in reason] == [], reason


@pytest.mark.parametrize("source", [BUILT, FITTED], ids=["build", "fit"])
def test_what_they_break_is_sound(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sound.py"
    file.write_text(source, encoding="utf-8")
    assert check_model.run(str(file)) == 0, capsys.readouterr().out


def test_a_model_that_does_not_apply_passes_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "picky.py"
    says = "        raise __import__('sgn.errors').errors.NotApplicableError('no graph is good enough')\n"
    file.write_text(BUILT.replace("        width =", says + "        width ="), encoding="utf-8")
    assert verdict(file, "it learns") == (NOT_APPLICABLE, "no graph is good enough")


def test_what_raises_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BUILT.replace("self.linear(graph.x)", "self.linear(graph.x.T)"), encoding="utf-8")
    status, reason = verdict(file, "forward gives")
    assert status == FAILED
    line = BUILT[: BUILT.index("self.linear(graph.x)")].count("\n") + 1
    assert reason.startswith("RuntimeError: mat1 and mat2")
    assert f"broken.py, line {line}" in reason


def test_the_command_prints_a_line_a_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, old, new, *_ = BROKEN["a module of the wrong shape"]
    file = tmp_path / "broken.py"
    file.write_text(source.replace(old, new), encoding="utf-8")
    assert check_model.run(str(file)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CHECKS) + 1
    assert [line[:14].strip() for line in lines[:4]] == [OK, OK, OK, FAILED]
    assert all(line.startswith(NOT_CHECKED) for line in lines[4:-1]), "what follows would say nothing"
    assert lines[-1].endswith(f"1 of {len(CHECKS)} checks failed")


def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import nothing_of_that_name", encoding="utf-8")
    assert check_model.run(str(file)) == 1
    assert "No module named 'nothing_of_that_name'" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["import sys; sys.exit(0)", BUILT.replace("logits = self", "exit(0); logits = self")])
def test_a_model_that_ends_the_process_fails(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.py").write_text(line, encoding="utf-8")
    assert check_model.run(str(tmp_path / "m.py")) == 1
    assert "SystemExit: 0" in capsys.readouterr().out


def test_a_model_that_opens_sealed_labels_fails(tmp_path: Path) -> None:
    path = "results/smoke/sealed/synthetic/labels.npz"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    text = BUILT.replace("        width =", f"        np.load({path!r})\n        width =")
    (tmp_path / "broken.py").write_text(text, encoding="utf-8")
    done = run([sys.executable, "-m", "benchmarks.cli", "check-model", "broken.py"], tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{path} is sealed: training and tuning may read neither test labels nor raw files" in done.stdout
    assert "a model learns from its view alone (broken.py, line" in done.stdout


@pytest.mark.parametrize("page", ["docs/adding-a-model.md", "README.md"])
def test_the_pages_show_the_example(page: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert f"```python\n{text}```\n" in (ROOT / page).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40


def test_the_guide_names_every_check() -> None:
    guide = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")
    assert [check.name for check in CHECKS if f"| {check.name} |" not in guide] == []


def test_one_line_of_the_config_plans_the_example(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    shutil.copytree(ROOT / "examples", folder / "examples")
    config = folder / "config" / "default.yaml"
    text = config.read_text(encoding="utf-8")
    line = re.search(r"^  appnp: .*", (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8"), re.M)
    assert line
    config.write_text(text.replace("\nmodels:\n", f"\nmodels:\n{line[0]}\n", 1), encoding="utf-8")
    done = run(["snakemake", "--dry-run", "--printshellcmds", "results/default/records/synthetic"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = [command for command in done.stdout.splitlines() if " --model examples/my_model.py" in command]
    assert [re.findall(r" (tune|train) ", command) for command in commands] == [["tune"], ["train"]]
    [score] = [command for command in done.stdout.splitlines() if " score --" in command]
    assert "results/default/predictions/synthetic/appnp" in score
