"""What becomes of a step: the outcome is written whatever happens to the worker."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, learnable, run
from safetensors.torch import save_file

from benchmarks import cli, score
from benchmarks import train as train_verb
from benchmarks.data import parquet, predictions
from benchmarks.data.storage import save_dataset, write_json
from benchmarks.jobs import checksums, modules, outcome, supervise
from benchmarks.jobs import flags as verb_flags
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import ANOTHER_RUN
from benchmarks.planning import workflow
from benchmarks.planning.config import ConfigError
from benchmarks.training.variants import BASE

MODEL = '''
"""A broken model."""
from dataclasses import dataclass
import torch

@dataclass(frozen=True)
class Config:
    """None."""

def fit(config, view, seed, report):
    {body}
    return lambda graph: torch.full((len(graph), 1), {value})
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return prepared(tmp_path)


def prepared(folder: Path) -> Path:
    """A folder with a prepared dataset, as the workflow leaves it."""
    base = folder / "results" / "t"
    for kind in ("data", "sealed"):
        (base / kind / "toy").mkdir(parents=True)
    save_dataset(learnable(), base / "data" / "toy", base / "sealed" / "toy")
    for kind in ("data", "sealed"):
        outcome.Outcome("ok").write(base / kind / "toy")
    return folder


def train(place: Path, body: str, limits: tuple[str, ...] = ()) -> outcome.Outcome:
    """Train a made-up model; what became of it."""
    (place / "model.py").write_text(MODEL.format(body=body, value="0.5"), encoding="utf-8")
    done = run(["sgn", *limits, *flags(place)], place)
    assert done.returncode == 0, done.stderr
    return outcome.read(place / "results/t/predictions/toy/broken")


def flags(place: Path, model: str = "model.py", output: str = "results/t/predictions/toy/broken") -> list[str]:
    return (
        f"train --data results/t/data/toy --model {place}/{model} --splits 0 --seeds 0 --epochs 2 --patience 1 "
        f"--cache cache --device cpu --output {output}"
    ).split()


SEALED = "results/t/sealed/toy/labels.npz"
PROGRAMS = [
    (f"subprocess.run(['cat', '{SEALED}'])", f"cat {SEALED}"),
    (f"subprocess.run('cat {SEALED}', shell=True)", f"/bin/sh -c cat {SEALED}"),
    (f"os.system('cat {SEALED}')", f"cat {SEALED}"),
    (f"os.popen('cat {SEALED}')", f"/bin/sh -c cat {SEALED}"),
    (f"os.posix_spawn('/bin/cat', ['cat', '{SEALED}'], os.environ)", f"cat {SEALED}"),
    (f"os.execvp('cat', ['cat', '{SEALED}'])", f"cat {SEALED}"),
]
PYTHONS = [
    f"multiprocessing import get_context; get_context('spawn').Process(target=open, args=('{SEALED}',)).start()",
    f"multiprocessing import get_context; get_context('forkserver').Process(target=open, args=('{SEALED}',)).start()",
    f"joblib import Parallel, delayed; Parallel(2)(delayed(open)('{SEALED}') for _ in range(2))",
]
FORK = f"""
    from multiprocessing import get_context
    fork = get_context("fork").Process(target=open, args=("{SEALED}",))
    fork.start()
    fork.join()
    raise RuntimeError(f"the fork ended with {{fork.exitcode}}")"""
TOLD_BY_THE_WORKER = [
    ("raise RuntimeError('no luck')", "0.5", "RuntimeError: no luck"),
    ("raise RuntimeError(b'caf\\xe9'.decode(errors='surrogateescape'))", "0.5", r"RuntimeError: caf\udce9"),
    ("class Mute(Exception): __str__ = None\n    raise Mute", "0.5", "Mute: (its message cannot be told: TypeError)"),
    ("import sys; sys.exit(0)", "0.5", "SystemExit: 0"),
    ("report(1, float('nan'))", "0.5", "DivergedError: epoch 1: validation score nan"),
    ("report(1, 0.5)", "float('nan')", "gave numbers that are not finite"),
    ("report(1, 0.5); return lambda graph: torch.ones(3, 1)", "0.5", "gave shape (3, 1), not (240, 1)"),
    ("open('results/t/sealed/toy/labels.npz', 'rb')", "0.5", "SealedError"),
    ("import numpy; numpy.load('results/t/sealed/toy/labels.npz')", "0.5", "SealedError"),
    ("from pathlib import Path; list(Path('results/t/sealed').iterdir())", "0.5", "SealedError"),
    ("import os; open(os.path.join(os.environ['SGN_MIRROR'], 'webkb', 'SOURCE.md'))", "0.5", "SealedError"),
    *((f"import os, subprocess; {start}", "0.5", f"SealedError: {said} is not started") for start, said in PROGRAMS),
    *((f"from {start}", "0.5", "SealedError: another Python") for start in PYTHONS),
    (FORK, "0.5", "RuntimeError: the fork ended with 1"),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[outcome.Outcome]:
    """What became of each broken model above: they share one worker, for each start costs seconds."""
    place = prepared(tmp_path_factory.mktemp("told"))
    calls = []
    for i, (body, value, _) in enumerate(TOLD_BY_THE_WORKER):
        (place / f"model{i}.py").write_text(MODEL.format(body=body, value=value), encoding="utf-8")
        (place / f"out{i}").mkdir()
        calls.append(flags(place, f"model{i}.py", f"out{i}"))
    script = "import json, sys\nfrom benchmarks.worker import work\n"
    script += "for verb, *flags in json.loads(sys.argv[1]): work(verb, flags)"
    done = run([sys.executable, "-c", script, json.dumps(calls)], place)
    assert done.returncode == 0, done.stderr
    return [outcome.read(place / f"out{i}") for i in range(len(calls))]


@pytest.mark.parametrize("case", range(len(TOLD_BY_THE_WORKER)), ids=[reason for *_, reason in TOLD_BY_THE_WORKER])
def test_a_worker_tells_what_its_model_raised(told: list[outcome.Outcome], case: int) -> None:
    assert told[case].status == "failed"
    assert TOLD_BY_THE_WORKER[case][-1] in told[case].reason


@pytest.mark.parametrize(
    ("body", "limits", "reason", "needs"),
    [
        ("raise RuntimeError('no luck')", (), "RuntimeError: no luck", {}),
        ("import time; time.sleep(60)", ("--minutes", "0.1"), "ran past its limit of 0.1 minutes", {"minutes": 0.1}),
        ("import os; os._exit(0)", (), "something ended the process, with exit status 0, before the step was done", {}),
        (
            "x = torch.ones(int(4e8)); __import__('time').sleep(60)",
            ("--memory-mb", "1000"),
            "its limit of 1 GB",
            {"memory_mb": 1000},
        ),
        ("import os; os.kill(os.getpid(), 9)", (), "killed by SIGKILL (out of memory, most likely)", ANOTHER_RUN),
        ("import os; os.kill(os.getpid(), 7)", (), "killed by SIGBUS (the disk of the cache is full", ANOTHER_RUN),
        ("raise OSError(28, 'No space left on device')", (), "No space left on device", ANOTHER_RUN),
    ],
)
def test_a_broken_model_leaves_its_reason(
    place: Path, body: str, limits: tuple[str, ...], reason: str, needs: dict
) -> None:
    """And what the same command waits for before it tries again; where that may have passed, nothing."""
    ended = train(place, body, limits)
    assert ended.status == "failed"
    assert ended.needs == needs
    assert reason in ended.reason
    assert ended.origin == "results/t/predictions/toy/broken"
    folder = place / "results/t/predictions/toy/broken"
    assert sorted(p.name for p in folder.iterdir()) == ["checksums.json", "outcome.json", "provenance.json"]


def test_a_full_disk_is_no_fault_of_a_variant(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would lose its cells for good, for who asks again gets "Nothing to be done" after a step that ended well."""
    body = "if not view.graph.edges.numel(): raise OSError(28, 'No space left on device')\n    report(1, 0.5)"
    (place / "model.py").write_text(MODEL.format(body=body, value="0.5"), encoding="utf-8")
    monkeypatch.chdir(place)
    asked = (Path("results/t/data/toy"), str(place / "model.py"), ["0"], [0], 2, 1, Path("cache"), "cpu", place)
    with pytest.raises(OSError, match="No space left"):
        train_verb.run(*asked, variants={"no edges": {"graph": "no_edges"}})


def test_a_reason_says_where(tmp_path: Path) -> None:
    broken = tmp_path / "mine.py"
    broken.write_text("import json\ndef make():\n    return json.loads('{')\n", encoding="utf-8")
    script = "import sys; from benchmarks.jobs.modules import load; from benchmarks.jobs.outcome import said\n"
    script += "try: load(sys.argv[1]).make()\nexcept Exception as error: print(said(error))"
    (tmp_path / "logs").mkdir()
    call = [sys.executable, "-c", script, str(broken)]
    with (tmp_path / "logs" / "mine.log").open("w") as log:
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        told = subprocess.run(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True, env=env, check=True)
    places = "mine.py, line 3" + ("; log: logs/mine.log" if sys.platform.startswith("linux") else "")
    assert told.stdout.startswith("JSONDecodeError: Expecting property name")
    assert told.stdout.rstrip().endswith(f"({places})")


def test_a_model_that_reads_states_without_a_recipe_is_told_so(place: Path, tmp_path: Path) -> None:
    ended = train(place, "view.graph.states.shape[1]")
    assert "ValueError: " in ended.reason
    assert "model.py reads the states of a text encoder, and its entry in the config names none: mod" in ended.reason


def test_a_model_may_be_called_as_a_library_is(place: Path) -> None:
    names = ("random.py", "copy.py", "types.py", "numpy.py")
    for name in names:
        (place / name).write_text(MODEL.format(body="report(1, 0.5)", value="0.5"), encoding="utf-8")
    done = run(["sgn", *flags(place, "random.py")], place, PYTHONPATH=str(ROOT))
    ended = outcome.read(place / "results/t/predictions/toy/broken")
    assert (done.returncode, ended.status) == (0, "ok"), done.stderr + ended.reason
    here = {Path(name).stem: sys.modules[Path(name).stem] for name in names}
    for name in names:
        assert load(str(place / name)).Config()
    assert here == {name: sys.modules[name] for name in here}


def test_an_import_path_that_python_takes_for_a_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "module_file", lambda name: ROOT / f"{name}.py")
    with pytest.raises(ImportError, match=r"'random' is .*random.py; to have .*random.py, name it random.py"):
        load("random")


SHARED = """import mmap, os, time
    def draw(seconds):
        if os.fork() == 0:
            time.sleep(seconds)
            os._exit(0)
    {}"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what processes share")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("m = mmap.mmap(-1, 1 << 30); m.write(bytes(1 << 30)); time.sleep(60)", "failed"),
        ("open('big', 'wb').truncate(1 << 30); m = mmap.mmap(os.open('big', 0), 0, prot=1); sum(m[::4096])", "ok"),
        ("x = torch.ones(int(1e8)); [draw(2) for _ in range(4)]; time.sleep(1)", "ok"),
    ],
    ids=["shared memory counts", "a mapped file does not", "what a fork shares counts once"],
)
def test_memory_is_what_a_job_has_made(place: Path, body: str, status: str) -> None:
    assert train(place, SHARED.format(body) + "; report(1, 0.5)", ("--memory-mb", "1000")).status == status


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a daemon is nobody's child")
def test_what_a_job_started_ends_with_it(place: Path) -> None:
    """A child, and a daemon: started by one that ends at once, in a session of its own."""
    body = """
    import os, time
    for alone in (False, True):
        if os.fork() == 0:
            if alone:
                os.setsid()
                if os.fork():
                    os._exit(0)
            with open("pids", "a") as file:
                file.write(f"{os.getpid()}\\n")
            time.sleep(60)
            os._exit(0)
    while not os.path.exists("pids") or len(open("pids").read().split()) < 2:
        time.sleep(0.01)
    report(1, 0.5)"""
    assert train(place, body).status == "ok"
    started = (place / "pids").read_text(encoding="utf-8").split()
    assert len(started) == 2
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


WRONG = {  # flags, and what is said of them
    "train --sedes 1": "the following arguments are required",
    "{train} --sedes 1": "unrecognized arguments: --sedes 1",
    "{train} --seed 1": "unrecognized arguments: --seed 1",
    "{train} --epochs two": "argument --epochs: invalid int value: 'two'",
    "{train} --settings {{": "argument --settings: invalid loads value",
    "{train} --output": "argument --output: expected one argument",
    "{train} --output=elsewhere": "expected --output FOLDER, in two words",
    "{train} --cells {{": "argument --cells: invalid loads value",
    "table --nmae main": "the following arguments are required",
    "--minuets 1 {train}": "invalid choice: '1'",
    "trian --seeds 1": "invalid choice: 'trian'",
}


@pytest.mark.parametrize(("asked", "said"), WRONG.items(), ids=WRONG)
def test_a_wrong_flag_ends_with_2_and_without_an_artifact(
    place: Path, asked: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    outcome.Outcome("failed", "no luck", "results/t/data/toy").write(
        Path("results/t/data/toy")
    )  # or would be passed on
    words = flags(place)
    given = " ".join(words[:-2] if "=" in asked else words)
    try:
        status = cli.main(asked.format(train=given).split())
    except SystemExit as end:
        status = end.code
    assert (status, list(place.glob("results/t/predictions/*/*"))) == (2, [])
    assert said in capsys.readouterr().err


def test_what_follows_passes_the_outcome_on(place: Path) -> None:
    outcome.Outcome("not available", "no raw file", "results/t/data/toy").write(place / "results/t/data/toy")
    ended = train(place, "report(1, 0.5)")
    assert (ended.status, ended.reason, ended.origin) == ("not available", "no raw file", "results/t/data/toy")


def test_score_reports_what_failed_before(place: Path) -> None:
    broken = place / "results/t/predictions/toy/broken"
    broken.mkdir(parents=True)
    outcome.Outcome("failed", "RuntimeError: no luck", "results/t/predictions/toy/broken").write(broken)
    base = "results/t"
    command = f"sgn score --dataset toy --data {base}/data/toy --sealed {base}/sealed/toy "
    command += f"--predictions {base}/predictions/toy/broken --output {base}/records/toy"
    done = run(command.split(), place)
    assert done.returncode == 0, done.stderr
    assert outcome.read(place / base / "records/toy").status == "ok"
    found = pd.read_parquet(place / base / "records/toy/outcomes.parquet")
    assert found["reason"].tolist() == ["RuntimeError: no luck"]


def test_a_variant_whose_recipe_failed_tells_its_cause(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the artifact where it began; another run that was short of trials goes on, and says so in the records."""
    monkeypatch.chdir(place)
    (place / "model.py").write_text(MODEL.format(body="report(1, 0.5)", value="0.5"), encoding="utf-8")
    states, base = place / "results/t/states/toy/big/reporting", Path("results/t")
    out, tuning = base / "predictions/toy/mine", base / "tuning/toy/mine"
    for folder in (states, out, tuning):
        folder.mkdir(parents=True)
    outcome.Outcome("failed", "out of memory", "results/t/states/toy/big/reporting").write(states)
    word = flags(place)[1:-1]
    given = {"--variants": {"bigger": {"recipe": "big"}}, "--other-states": {"big": str(states)}}
    more = [part for flag, value in given.items() for part in (flag, json.dumps(value))]
    verb_flags.call("train", [*word, str(out), *more])
    outcome.Outcome("ok").write(out)
    (tuning / "trials.json").write_text("[]", encoding="utf-8")
    outcome.Outcome("ok", "its search lost 1 trials", str(tuning), outcome.ANOTHER_RUN).write(tuning)
    score.run("toy", base / "data/toy", base / "sealed/toy", [out], base / "records/toy", tuning=[tuning])
    found = pd.read_parquet(base / "records/toy/outcomes.parquet").set_index("variant")
    assert found.loc["bigger", ["status", "reason", "origin"]].tolist() == [
        "failed", "out of memory", "results/t/states/toy/big/reporting"
    ]  # fmt: skip
    assert found.loc["base", ["status", "reason", "origin"]].tolist() == [
        "ok", "its search lost 1 trials", "results/t/tuning/toy/mine"
    ]  # fmt: skip


def test_a_damaged_file_loses_its_own_row(place: Path) -> None:
    """In score, which reads what every model has left."""
    base, dataset = place / "results/t", learnable()
    ids = {(BASE, name, 0): split for name, split in dataset.splits.items()}
    runs = {
        run: {side: np.linspace(0.1, 0.9, len(getattr(split, side)))[:, None] for side in ("validation", "test")}
        for run, split in ids.items()
    }
    damaged = {"sound": "", "predictions": "predictions.npz", "variants": "failed.json", "outcome": "outcome.json"}
    for model, file in damaged.items():
        folder = base / "predictions/toy" / model
        folder.mkdir(parents=True)
        predictions.save(folder, runs)
        outcome.Outcome("ok").write(folder)
        if file:
            whole = (folder / file).read_bytes()
            middle = len(whole) // 2
            (folder / file).write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    searched = {"trials": "trials.json", "summed": "trials.json"}  # of the latter a checksum tells
    for model in ("sound", *searched):
        tuning = base / "tuning/toy" / model
        tuning.mkdir(parents=True)
        outcome.Outcome("ok").write(tuning)
        (tuning / "trials.json").write_text("[" if model == "trials" else "[]", encoding="utf-8")
    for model in searched:
        shutil.copytree(base / "predictions/toy/sound", base / "predictions/toy" / model)
    checksums.write(tuning)
    (tuning / "trials.json").write_text("[ ]", encoding="utf-8")
    folders = sorted((base / "predictions/toy").iterdir())
    out = base / "records/toy"
    tunings = sorted((base / "tuning/toy").iterdir())
    score.run("toy", base / "data/toy", base / "sealed/toy", folders, out, tuning=tunings)
    found = pd.read_parquet(out / "outcomes.parquet").set_index("model")
    assert found["status"].to_dict() == dict.fromkeys([*damaged, *searched], "failed") | {"sound": "ok"}
    assert set(pd.read_parquet(out / "runs.parquet")["model"]) == {"sound"}
    for model, file in (damaged | searched).items():
        if model != "sound":
            assert f"{file} is damaged" in found["reason"][model]
            assert found["origin"][model] == str(
                base / ("tuning" if model in searched else "predictions") / "toy" / model
            )


@pytest.mark.parametrize(
    ("mirror", "said"), [("", ""), ("..", "the working folder lies in .., which is for raw files")]
)
def test_the_seal_leaves_the_working_folder_open(tmp_path: Path, mirror: str, said: str) -> None:
    (tmp_path / "mine").touch()
    script = "from benchmarks.jobs import seal; seal.close(); open('mine')"
    done = run([sys.executable, "-c", script], tmp_path, SGN_MIRROR=mirror, PYTHONPATH=str(ROOT))
    assert said in done.stderr
    assert bool(said) == (done.returncode != 0)


def test_the_mirror_of_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("SGN_MIRROR", "")
    assert workflow.environment_of_jobs("") == Path("data")
    monkeypatch.setenv("SGN_MIRROR", "")
    assert workflow.environment_of_jobs("raw") == Path("raw")
    assert workflow.environment_of_jobs("other") == Path("raw"), "SGN_MIRROR goes first"
    monkeypatch.setenv("SGN_MIRROR", str(Path.cwd().parent))
    with pytest.raises(ConfigError, match="holds the working folder"):
        workflow.environment_of_jobs("raw")


def test_a_worker_dies_with_its_parent_and_the_next_run_starts_clean(place: Path) -> None:
    body = f"open({str(place / 'pid')!r}, 'w').write(str(__import__('os').getpid())); __import__('time').sleep(60)"
    (place / "model.py").write_text(MODEL.format(body=body, value="0.5"), encoding="utf-8")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}
    parent = subprocess.Popen([sys.executable, "-m", "benchmarks.cli", *flags(place)], cwd=place, env=env)
    deadline = time.monotonic() + 60
    while not (place / "pid").exists() or not (place / "pid").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the worker did not start"
        time.sleep(0.05)
    worker = int((place / "pid").read_text(encoding="utf-8"))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.05)
    folder = place / "results/t/predictions/toy/broken"
    assert not folder.exists()
    assert train(place, "report(1, 0.5)").status == "ok"
    assert not list(folder.parent.glob("*.part-*"))
    assert [run.test.shape for run in predictions.load(folder)[0]] == [(60, 1)]
    written = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert written["command"].startswith("sgn train --data results/t/data/toy")
    assert written["seconds"] > 0
    assert written["libraries"]["torch"]


def test_a_run_that_another_took_over_leaves_the_others_artifact(place: Path) -> None:
    waiting = f"""
    import pathlib, time
    pathlib.Path({str(place / "began")!r}).touch()
    while not pathlib.Path({str(place / "go")!r}).exists():
        time.sleep(0.05)"""
    (place / "slow.py").write_text(MODEL.format(body=waiting, value="0.5"), encoding="utf-8")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}
    command = [sys.executable, "-m", "benchmarks.cli", *flags(place, "slow.py")]
    slow = subprocess.Popen(command, cwd=place, env=env, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (place / "began").exists():
        assert time.monotonic() < deadline, "the worker did not start"
        time.sleep(0.05)
    assert train(place, "report(1, 0.5)").status == "ok"
    (place / "go").touch()
    _, said = slow.communicate(timeout=60)
    assert slow.returncode == 1
    assert "another run of this step has taken results/t/predictions/toy/broken over" in said
    folder = place / "results/t/predictions/toy/broken"
    assert "model.py" in json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["command"]
    assert [p.name for p in folder.parent.iterdir()] == ["broken"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library of Linux keeps memory")
def test_a_worker_keeps_the_memory_that_it_frees() -> None:
    uses = "[len(b'x' * (1 << 26)) for _ in range(20)]"
    code = f"import resource; {uses}; print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    call = [sys.executable, "-c", code]
    own, kept = (
        int(subprocess.run(call, env=env, capture_output=True, text=True, check=True).stdout)
        for env in (os.environ, os.environ | supervise.KEPT_MEMORY)
    )
    assert kept < own / 2, "pages that the kernel had to give"


ARTIFACT = (
    "graph.npz",
    "best.json",
    "card.json",
    "runs.parquet",
    "model.safetensors",
    "states/states.npz",
    "outcome.json",
)


@pytest.mark.parametrize("name", ARTIFACT)
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    """Whichever bit it is, and whatever would have read it."""
    folder = tmp_path / "artifact"
    (folder / "states").mkdir(parents=True)
    np.savez(folder / "graph.npz", x=np.arange(60.0), names=np.array(["a", "b"]))
    np.savez(folder / "states" / "states.npz", states=np.ones((3, 4), np.float32))
    save_file({"weight": torch.arange(6.0)}, folder / "model.safetensors")
    write_json(folder / "best.json", {"0": {"params": {"lr": 0.01}, "value": 0.954}})
    write_json(folder / "card.json", {"kind": "binary", "students": 4})
    parquet.write(pd.DataFrame({"model": ["mlp", "gcn"], "roc_auc": [0.7, 0.8]}), folder / "runs.parquet")
    outcome.Outcome("ok").write(folder)
    checksums.write(folder)
    file = folder / name
    written, flags = file.read_bytes(), ["--data", str(folder), "--output", "elsewhere"]
    assert outcome.failure_among(flags) is None
    for place in {*range(0, len(written), 1 + len(written) // 50), len(written) - 1}:
        file.write_bytes(written[:place] + bytes([written[place] ^ 4]) + written[place + 1 :])
        told = outcome.failure_among(flags)
        assert told, place
        assert (told.status, told.origin) == ("failed", str(folder))
        assert str(file) in told.reason
    file.write_bytes(b"")
    assert str(file) in outcome.read(folder).reason
