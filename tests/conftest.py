"""Shared fixtures: a small dataset, a small Transformer on disk, and copies of the workflow to experiment on."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch loads: a worker a core, and on small tensors threads only wait

import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.contract.cases import learnable as learnable
from sgn.graph import StudentGraph

ROOT = Path(__file__).resolve().parent.parent
MIRROR = Path(os.environ.get("SGN_MIRROR", ROOT.parent / "shared" / "data"))

os.environ["SGN_MIRROR"] = str(MIRROR)  # tests run the workflow from other folders

OFFLINE = ROOT / "tests" / "offline"
REACHED = Path(tempfile.mkstemp(prefix="reached-")[1])

os.environ["SGN_REACHED"] = str(REACHED)  # where hosts are written that were asked for
runpy.run_path(str(OFFLINE / "sitecustomize.py"))


@pytest.fixture(autouse=True)
def offline() -> Iterator[None]:
    """A test that asks the network fails, be the error swallowed or in another process."""
    yield
    assert not (hosts := reached()), f"the network was asked for {hosts}"


def reached() -> list[str]:
    """The hosts that were asked for since the last call."""
    hosts = REACHED.read_text(encoding="utf-8").split()
    REACHED.write_text("", encoding="utf-8")
    return hosts


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    REACHED.unlink(missing_ok=True)


LONGEST = ("test_workflow.py", "test_timing.py", "test_supervise.py", "test_tiers.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: a worker that starts one of them last would keep the others waiting."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def random_graph(students: int = 40, edges: int = 120, directed: bool = True, seed: int = 0) -> StudentGraph:
    """A random weighted graph; the last student is isolated."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(students - 1, (2, edges), generator=generator)
    pairs = pairs[:, pairs[0] != pairs[1]].unique(dim=1)
    weights = torch.rand(pairs.shape[1], generator=generator) + 0.1
    if not directed:
        pairs, keep = pairs.sort(0).values.unique(dim=1), slice(None)
        weights = torch.rand(pairs.shape[1], generator=generator)[keep] + 0.1
        pairs, weights = torch.cat([pairs, pairs.flip(0)], 1), torch.cat([weights, weights])
    return StudentGraph(
        x=torch.randn(students, 5, generator=generator),
        features=tuple("abcde"),
        texts=tuple(f"student {i} writes" for i in range(students)),
        edges=pairs,
        weights=weights,
        directed=directed,
    )


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of three layers with random weights and a word-level vocabulary, saved as safetensors."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "calm", "late", "lost", "student", "writes", "a", "the"]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join([*words, *(str(i) for i in range(40))]), encoding="utf-8")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=52, max_position_embeddings=64, **size))
    model.save_pretrained(folder)
    BertTokenizerFast(vocab=str(vocabulary)).save_pretrained(folder)
    return folder


def copy_workflow(folder: Path) -> Path:
    """A copy of everything that the workflow is made of, to be run and changed in `folder`."""
    for name in ("sgn", "baselines", "benchmarks", "rules", "config", "profiles"):
        shutil.copytree(ROOT / name, folder / name)  # compiled files, too: half a second for each process
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


@contextmanager
def planned_flow(config: Path, workdir: Path = ROOT, **resources: int) -> Iterator[Any]:
    """Snakemake's own workflow of a config, its jobs planned; `resources` as --resources gives them."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        given = ResourceSettings(cores=1, resources=resources)
        settings = ConfigSettings(configfiles=[config])
        found = api.workflow(given, settings, snakefile=ROOT / "Snakefile", workdir=workdir)
        found.dag(DAGSettings())
        flow = found._workflow
        flow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True, nolock=True)
        flow._build_dag()
        yield flow


def run(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment in `folder`, with the code that stands there, or else with this checkout's."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT, OFFLINE))), "PATH": path} | env,
        capture_output=True,
        text=True,
        check=False,
    )
