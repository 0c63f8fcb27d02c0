"""`sgn doctor`: facts about a machine that is made up here, and what stops the workflow."""

import errno
import hashlib
import io
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from conftest import ROOT

from benchmarks import cli, doctor
from benchmarks.jobs import system
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.planning import machine
from benchmarks.planning.machine import Fact, advice, bf16, of_dataset, packages, python
from benchmarks.speed import peaks
from benchmarks.training import weights

CONTENT = {"a.csv": b"a", "b.csv": b"b"}
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """A mirror with two good files, and a folder of downloads without any."""
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    for name, content in CONTENT.items():
        (tmp_path / "mirror" / "toy" / name).write_bytes(content)
    return [tmp_path / "mirror", tmp_path / "data"]


def look(places: list[Path], options: dict = {}, full: bool = False, **more: object) -> Fact:  # noqa: B006
    module = SimpleNamespace(**{"FOLDER": "toy", "FILES": FILES, "SOURCE": "the archive"} | more)
    return of_dataset("toy-week2", module, options, places, full)


def test_an_old_python_stops() -> None:
    assert [fact.stops for found in ((3, 10, 9), (3, 11, 0), (3, 14, 1)) for fact in python(found)] == [
        True, False, False
    ]  # fmt: skip
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert asked == f">={machine.PYTHON[0]}.{machine.PYTHON[1]}"


def test_packages_against_their_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    here = dict(line.split("==") for line in lines if "==" in line)
    pin = here["numpy"]
    here |= {"optuna": "4.9.1", "numpy": "2.0.1", "torch": here["torch"] + "+cu130"}

    def installed(name: str) -> str:
        if name == "scipy":
            raise PackageNotFoundError
        return here[name.replace("_", "-")]

    said = {fact.text: fact.stops for fact in packages(installed)}
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    count = len(required)
    assert said == {
        f"numpy 2.0.1 is installed, {pin} is tested: numbers may differ a little": False,
        "optuna 4.9.1 is installed, optuna>=5 is required": True,
        "scipy is missing: pip install --constraint constraints.txt --editable .": True,
        f"{count - 3} of the {count} required are as pinned": False,
    }


def test_a_missing_package_is_all_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "packages", lambda: iter([Fact("packages", "torch is missing", stops=True)]))
    assert [fact.about for fact in doctor.facts(tmp_path / "not read", full=False)] == ["python", "packages"]


@pytest.mark.parametrize(
    ("ratio", "device", "says"),
    [
        (2.5, "cpu", "2.5 x faster than fp32 here: use precision: bf16"),
        (1.1, "cpu", "as fast as fp32 here: leave precision"),
        (1 / 150, "cpu", "150.0 x slower than fp32 here: leave precision"),
        (6.0, "cuda", "6.0 x as fast as fp32 here: a GPU's default is right"),
        (0.5, "cuda", "0.5 x as fast as fp32 here: set precision: fp32"),
    ],
)
def test_advice_on_bf16(ratio: float, device: str, says: str) -> None:
    assert advice(ratio, device).startswith(says)
    asked = []

    def probe(*of: object) -> float:
        asked.append(of)
        return ratio

    device_fact, verdict = bf16({"device": device, "threads": 3}, probe)
    assert device_fact.text == f"{device} (device: {device})"
    assert verdict.text.startswith(says)
    assert asked == [(device, 3)]


def test_the_probe_gives_the_threads_back() -> None:
    import torch

    before = torch.get_num_threads()
    assert peaks.speedup("cpu", before + 1, size=8, repeats=1) > 0
    assert torch.get_num_threads() == before


def test_raw_files_that_are_there(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = places[0] / "toy"
    assert look(places).text == f"toy-week2: a.csv, b.csv ok in {folder}"
    assert look(places, FILES={}).text == "toy-week2: no raw file to check"
    assert look(places, FILES=FILES | {"b.csv": ""}).text.endswith("b.csv not hashed"), "nobody stated a checksum"
    monkeypatch.setattr(machine, "HASHED", 0)
    assert look(places).text.endswith("a.csv, b.csv not hashed")
    assert "not hashed" not in look(places, full=True).text


def test_another_checksum_stops(places: list[Path]) -> None:
    (places[0] / "toy" / "b.csv").write_bytes(b"c")
    fact = look(places)
    assert fact.stops
    assert f"b.csv in {places[0] / 'toy'}: other checksum; get the right ones from the archive" in fact.text


def test_raw_files_that_are_missing(places: list[Path]) -> None:
    (places[0] / "toy" / "b.csv").unlink()
    fact = look(places)
    assert not fact.stops, "the dataset is not available, and the workflow goes on"
    assert (
        fact.text == f"toy-week2: a.csv, b.csv missing; get them from the archive and put them in {places[1] / 'toy'}"
    )
    urls = {name: f"https://example.org/{name}" for name in FILES}
    assert look(places, URLS=urls).text.endswith("the workflow downloads them")


def test_only_the_files_that_options_need(places: list[Path]) -> None:
    (places[0] / "toy" / "b.csv").unlink()
    needed = {"needed": lambda week=1: ["a.csv", "b.csv"][:week]}
    assert look(places, {"students": 3}, **needed).text == f"toy-week2: a.csv ok in {places[0] / 'toy'}"
    assert "missing" in look(places, {"week": 2}, **needed).text


def test_encoder_weights(monkeypatch: pytest.MonkeyPatch, small_bert: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # put back afterwards
    right = weights.load(str(small_bert), None).sha256
    recipes = {
        "a": {"weights": str(small_bert), "sha256": right},
        "b": {"weights": str(small_bert), "sha256": "0" * 64},
    }
    good, wrong = machine.weights({"recipes": recipes})
    assert good.text == f"{small_bert}: in {small_bert}, SHA-256 {right[:12]}…, as the config says"
    assert (good.stops, wrong.stops) == (False, True)
    assert "the config's recipe says 0000" in wrong.text

    def nowhere(*_: object) -> None:
        raise NotAvailableError("no such weights") from OSError()

    monkeypatch.setattr(weights, "load", nowhere)
    (missing,) = machine.weights({"recipes": {"a": recipes["a"]}})
    assert (missing.text, missing.stops) == (f"{small_bert}: not here; the workflow fetches them from the hub", False)


def test_offline_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unreachable)
    (fact,) = machine.hub()
    assert not fact.stops
    assert "does not answer (ConnectionError)" in fact.text


def test_the_verb_says_a_line_a_fact(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(peaks, "speedup", lambda device, threads: 2.0)
    monkeypatch.setattr(machine, "weights", lambda config: iter([Fact("weights", "other ones", stops=True)]))
    monkeypatch.setattr(machine, "hub", lambda: 1 / 0)
    assert cli.main(["doctor", "--config", "config/smoke.yaml", "--full"]) == 1
    said = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    about = [name for name, _ in said]
    kinds = [
        "python",
        "packages",
        "folders",
        "system",
        "processor",
        "cores",
        "threads",
        "memory",
        "disk",
        "GPU",
        "device",
        "bf16",
    ]
    assert list(dict.fromkeys(about)) == [*kinds, "data", "weights", "hub", "so"]
    assert ["weights", "STOPS: other ones"] in said
    assert ["hub", "cannot be told (ZeroDivisionError: division by zero)"] in said
    assert said[-1] == ["so", "1 to mend first"]


def test_another_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="call from the repository's root"):
        doctor.run(tmp_path / "no.yaml")


def test_folders_that_take_no_file_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    cache, temporary = machine.folders()
    assert cache.stops
    assert cache.text.startswith(
        f"{tmp_path}/home/.cache/snakemake cannot be written (Not a directory): Snakemake needs"
    )
    assert temporary.text.endswith(f", for TMPDIR={tmp_path}/home cannot be written")
    with pytest.raises(SystemExit, match=r"home/.cache/snakemake cannot be written .*set XDG_CACHE_HOME"):
        cli.main(["plan", "--config", str(ROOT / "config" / "smoke.yaml")])
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "home")])
    assert "set TMPDIR to a folder" in list(machine.folders())[-1].text


def test_what_a_disk_refuses_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").touch()
    call = ["oracle", "--data", "x", "--sources", "text", "--splits", "0", "--seeds", "0", "--output"]
    with pytest.raises(SystemExit, match=r"^sgn oracle: .*full"):
        cli.main([*call, str(tmp_path / "full" / "x")])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "scratch/x")

    monkeypatch.setattr(doctor, "facts", full)
    with pytest.raises(SystemExit, match=r"^sgn doctor: .*No space left on device: 'scratch/x'"):
        cli.main(["doctor", "--config", str(ROOT / "config" / "smoke.yaml")])


@pytest.mark.parametrize("coding", ["ascii", "latin-1"])
def test_a_console_of_few_characters_shows_the_others_escaped(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, coding))
    monkeypatch.setattr(doctor, "facts", lambda *_: iter([Fact("weights", "53aa\N{HORIZONTAL ELLIPSIS} é")]))
    assert cli.main(["doctor", "--config", str(ROOT / "config" / "smoke.yaml")]) == 0
    sys.stdout.flush()
    assert written.getvalue().startswith(b"weights    53aa\\u2026 " + (b"\\xe9" if coding == "ascii" else b"\xe9"))


def test_windows_is_told_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="Linux and macOS; on Windows use WSL"):
        system.require("win32")
    script = "import sys; sys.modules['fcntl'] = None; import benchmarks.planning.workflow"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
