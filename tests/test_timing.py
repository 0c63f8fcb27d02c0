"""Timings: the clock waits for the device, rounds are fair, ratios and growth are right, a change is seen."""

import gc
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from child import hold
from conftest import ROOT

from benchmarks import compare_timing, keep, table, timing
from benchmarks.analysis import records
from benchmarks.data.storage import write_json
from benchmarks.figures.cost import front
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import OK, Outcome
from benchmarks.jobs.source import keywords
from benchmarks.speed import (
    clock,
    costs,
    encode,
    grow,
    names,
    pipeline,
    propagate,
    straightforward,
    students,
    timings,
    train,
    workflow,
)  # fmt: skip
from benchmarks.speed.clock import Case, EventClock, Group, HostClock, Laps, epochs, measure, whole
from benchmarks.tables import aims, speed
from benchmarks.tables import cost as table_cost
from sgn.encoder import Reader, tokenize

LATE = 0.05
MINUTES = {"pipeline", "workflow"}
SUITES = {p.stem for p in (ROOT / "benchmarks" / "speed").glob("*.py") if "def groups(" in p.read_text()}


class Device:
    """Takes work at once and does it later, in order, as a GPU does."""

    def __init__(self) -> None:
        self.queue, self.last = ThreadPoolExecutor(1), Future[Any]()
        self.last.set_result(None)

    def launch(self, work: Callable[[], object] = lambda: time.sleep(LATE)) -> None:
        self.last = self.queue.submit(work)

    def synchronize(self) -> None:
        self.last.result()


class Events:
    """torch.cuda as far as `EventClock` knows it: an event's time is when the device comes to it."""

    def __init__(self, device: Device) -> None:
        outer = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing
                self.reached = threading.Event()
                self.time = nan

            def record(self) -> None:
                outer.device.launch(self._reach)

            def _reach(self) -> None:
                self.time = time.perf_counter()
                self.reached.set()

            def synchronize(self) -> None:
                self.reached.wait()

            def elapsed_time(self, end: Any) -> float:
                return 1000 * (end.time - self.time)

        self.device, self.Event = device, Event


@pytest.fixture(params=["host", "events"])
def asynchronous(request: pytest.FixtureRequest) -> tuple[Device, clock.Clock]:
    device = Device()
    return device, HostClock(device.synchronize) if request.param == "host" else EventClock(Events(device))


def test_work_that_ends_late_is_timed_whole(asynchronous: tuple[Device, clock.Clock]) -> None:
    device, timer = asynchronous
    assert whole(device.launch)(timer)[0] >= LATE


def test_a_clock_that_does_not_wait_misses_it() -> None:
    """So the test above can fail."""
    device = Device()
    assert whole(device.launch)(HostClock())[0] < LATE / 2
    device.synchronize()


def test_what_was_launched_before_is_not_counted(asynchronous: tuple[Device, clock.Clock]) -> None:
    device, timer = asynchronous
    device.launch()
    assert whole(lambda: None)(timer)[0] < LATE / 2


def test_each_epoch_is_a_lap_and_the_first_is_none(asynchronous: tuple[Device, clock.Clock]) -> None:
    device, timer = asynchronous

    def fit(report: Laps) -> None:
        epoch, stop = 0, False
        while not stop:
            epoch += 1
            device.launch(lambda slow=epoch == 1: time.sleep(4 * LATE if slow else LATE))  # type: ignore[misc]
            stop = report(epoch, 0.0)
        assert epoch == 4

    laps = epochs(fit, 3)(timer)
    assert len(laps) == 3
    assert all(LATE <= lap < 3 * LATE for lap in laps)


def test_rounds_interleave_after_a_warm_up() -> None:
    ran: list[str] = []
    cases = [Case(way, whole(lambda way=way: ran.append(way)), items=2, unit="text", flops=3) for way in "abc"]  # type: ignore[misc]
    rows = pd.DataFrame(measure(cases, HostClock(), 3))
    assert "".join(ran) == "abc" + "abc" + "bca" + "cab"
    assert rows.groupby("way").size().tolist() == [3, 3, 3]
    assert rows["round"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert set(rows["items"]) == {2}
    assert set(rows["flops"]) == {3}


def test_memory_is_that_of_the_child() -> None:
    """A small child of a large parent is small, and one that holds more by as much is larger by as much."""
    parent = np.ones(400_000_000 // 8)
    small, large = clock.in_child(hold, 1), clock.in_child(hold, 301)
    assert large - small == pytest.approx(0.3, abs=0.02)
    assert small < clock.peak_gigabytes("cpu") - 0.2
    assert parent[0] == 1


def test_the_record_says_what_measured() -> None:
    found = clock.machine("cpu")
    assert {"processor", "threads", "commit", "device", "load_before", "megahertz", "memory_gigabytes"} <= found.keys()
    assert found["threads"] == torch.get_num_threads()
    assert {"torch", "transformers", "sentence-transformers", "torch_geometric"} <= found["libraries"].keys()
    json.dumps(found)


def test_a_lock_admits_one_at_a_time_on_a_device() -> None:
    first, second, other = clock.lock("test:0"), clock.lock("test:0"), clock.lock("test:1")
    with first:
        assert not _taken(second)
        assert _taken(other)
    assert _taken(second)


def _taken(lock: Any) -> bool:
    try:
        with lock.acquire(timeout=0):
            return True
    except TimeoutError:
        return False


@pytest.fixture(scope="module")
def sizes(small_bert: Path) -> dict[str, dict[str, Any]]:
    weights, models = {"weights": str(small_bert)}, ["baselines.mlp", "sgn.model"]
    return {
        "encode": weights | {"texts": 6, "tokens": 16, "lengths": [8], "batches": [2]},
        "propagate": {"students": 50, "edges": 200, "width": 8},
        "train": weights
        | {"models": models, "students": 60, "edges": 200, "writers": [60, 40], "tokens": 8, "layers": 1, "batch": 16}
        | {"compiled": True},
        "grow": weights | {"states": 8, "students": [50, 100, 200], "edges": [200, 400], "lengths": [8, 16]},
    }


@pytest.fixture(scope="module")
def rows(sizes: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """All suites, in this very process; product and copy are small."""
    patch = pytest.MonkeyPatch()
    patch.setattr("benchmarks.speed.peaks.SIDE", {"cpu": 32})
    patch.setattr("benchmarks.speed.peaks.BYTES", {"cpu": 2**12})
    patch.setattr(torch, "compile", lambda function, dynamic: function)  # takes a compiler and a minute
    found = []
    with patch.context():
        for suite, of in sizes.items():
            for group in load(f"benchmarks.speed.{suite}").groups(**of):
                gc.freeze()  # else the collection before each measurement walks all that this session has loaded
                key = {"suite": suite, "group": group.name, "size": group.size}
                found += [key | row for row in timing.measured(suite, group, 2, "cpu")]
    gc.unfreeze()
    patch.undo()
    return pd.DataFrame(found).reindex(columns=list(timings.ROWS))


def test_every_suite_is_tried_here(sizes: dict[str, dict[str, Any]]) -> None:
    assert sizes.keys() | MINUTES == SUITES
    for suite, of in sizes.items():
        assert of.keys() == keywords(f"benchmarks.speed.{suite}", "groups").keys()


class Once:
    """Stops after an epoch, whatever the score."""

    improved = True

    def __init__(self, score: float, seconds: float) -> None:
        assert 0 <= score <= 1
        assert seconds > 0

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        return True


def test_both_pipelines_run(small_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "Until", Once)
    monkeypatch.setattr(pipeline, "EPOCHS", 2)
    (group,) = pipeline.groups(str(small_bert), students=60, tokens=8, padded=12, layers=1, rounds=1)
    rows = timing.measured("pipeline", group, 7, "cpu")
    assert [row["way"] for row in rows] == [names.OURS, names.STRAIGHTFORWARD]


def test_the_straightforward_way_ends_at_the_score_or_when_the_time_is_up() -> None:
    assert pipeline.Until(0.7, 60)(1, 0.7)
    assert not pipeline.Until(0.7, 60)(1, 0.69)
    assert pipeline.Until(0.7, -1)(1, 0.69)


def test_the_straightforward_way_asks_on_the_device_of_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices of students may lie on the host, but not where rows of a device are filled with them."""
    view: Any = SimpleNamespace(graph=None, train=torch.arange(9), labels=torch.empty(20, device="meta"))
    asked: list[torch.Tensor] = []
    monkeypatch.setattr(straightforward, "run_epochs", lambda m, o, batches, *rest: asked.extend(batches()))
    module = straightforward.EndToEnd(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1), None, 1, 1)  # type: ignore[arg-type]
    straightforward.fit(module, view, 2, 0.1, 0.1, pipeline.Until(1, 1))
    assert {batch.device.type for batch in asked} == {"meta"}


def test_the_timed_workflow_finds_the_raw_files_and_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, dict[str, str]]] = []

    def call(command: list[str], cwd: Path, env: dict[str, str], **options: bool) -> None:
        data = cwd / "results/smoke/data/mooc-ed-day20"
        data.mkdir(parents=True, exist_ok=True)
        Outcome("not available" if calls else "ok", "no raw file").write(data)
        calls.append((cwd, env))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SGN_MIRROR", "../raw")
    monkeypatch.setattr(workflow.subprocess, "run", call)
    monkeypatch.setattr(workflow.tempfile, "TemporaryDirectory", lambda: SimpleNamespace(name=str(tmp_path)))
    cold, warm, _ = workflow.cases("cpu", "smoke")
    cold.work(clock.HostClock())
    (cwd, env), *_ = calls
    assert env["SGN_MIRROR"] == str(tmp_path.parent / "raw")
    assert Path(env["TMPDIR"]) == cwd, "a job of the outer workflow that holds a GPU must not keep these waiting"
    with pytest.raises(RuntimeError, match="ran without mooc-ed-day20, so its time is of another: no raw file"):
        warm.work(clock.HostClock())


def test_every_way_of_every_group_is_measured(rows: pd.DataFrame) -> None:
    assert rows["seconds"].gt(0).all()
    ways = rows.groupby(["suite", "group"])["way"].unique().map(set)
    assert {names.OURS, names.SENTENCE_TRANSFORMERS, names.PLAIN, names.PRODUCT} == ways["encode", names.MIXED]
    assert {names.OURS, names.PYG} == ways["propagate", names.BOTH_WAYS]
    assert {names.OURS, names.COPY} == ways["propagate", "product"]
    assert {names.TRANSFORMER, names.JOINT, train.EXACT} == ways["train", names.THROUGH]
    assert {"mlp", "model"} == ways["train", train.MODELS]
    assert {names.TRANSFORMER, train.COMPILED} == ways["train", train.COMPILATION]
    alone = rows.groupby(["suite", "group", "size"], dropna=False)["way"].transform("nunique") == 1
    assert rows.loc[alone, "peak_gigabytes"].gt(0).all()
    assert rows.loc[~alone, "peak_gigabytes"].isna().all()


def test_the_ways_of_an_encoding_agree(small_bert: Path) -> None:
    """What is compared is the same work: the three ways give the same states."""
    results: list[torch.Tensor] = []
    for case in encode.cases("cpu", str(small_bert), texts=5, low=4, high=16)[:3]:
        results.append(_result(case))
    for other in results[1:]:
        assert torch.allclose(results[0], other, atol=1e-5)


def test_the_ways_of_a_convolution_agree() -> None:
    ours, theirs = (_result(case) for case in propagate.cases("cpu", "forward", 30, 120, 8))
    assert torch.allclose(ours, theirs, atol=1e-5)


def _result(case: Case) -> Any:
    """What the timed call returns."""
    (function,) = [cell.cell_contents for cell in case.work.__closure__ or () if callable(cell.cell_contents)]
    return function()


def test_without_the_cache_the_same_layers_learn(small_bert: Path) -> None:
    from benchmarks.training import weights

    model, where = weights.load(str(small_bert), None), torch.device("cpu")
    read = tokenize(model.tokenizer, ["student writes a", "late"], 8)
    (short, below), (full, tokens) = (way(model, 1, read, where) for way in (students.cached, students.uncached))
    assert torch.allclose(short(*below.padded(torch.arange(2))), full(*tokens.padded(torch.arange(2))), atol=1e-5)
    counts = [sum(p.numel() for p in reader.parameters() if p.requires_grad) for reader in (short, full)]
    assert counts[0] == counts[1] > 0


def test_what_is_compiled_is_what_learns(sizes: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def compiler(function: Any, dynamic: bool) -> Any:
        assert function is Reader.hidden

        def made(reader: Reader, *given: torch.Tensor) -> torch.Tensor:
            calls.append(reader.training)
            return function(reader, *given)

        return made

    monkeypatch.setattr(torch, "compile", compiler)
    (group,) = [g for g in train.groups(**sizes["train"]) if g.name == train.COMPILATION]
    plain, compiled = train.cases("cpu", **group.options)
    plain.work(clock.HostClock())
    assert not calls
    compiled.work(clock.HostClock())
    assert {True, False} == set(calls)  # in training and in validation


def test_flops_are_those_that_torch_counts(small_bert: Path) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.training import weights

    model = weights.load(str(small_bert), None).model
    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.ones(3, 10, dtype=torch.long), attention_mask=torch.ones(3, 10, dtype=torch.long))
    pooler = 2 * 3 * model.config.hidden_size**2
    assert encode.flops(model.config, torch.full((3,), 10)) == counter.get_total_flops() - pooler


def test_growth_finds_the_exponent_and_its_interval() -> None:
    sizes = np.array([1e3, 1e4, 1e5, 1e6])
    exact = timings.growth(sizes, 2e-6 * sizes**1.5)
    assert exact.exponent == pytest.approx(1.5)
    assert exact.factor == pytest.approx(2e-6)
    noisy = timings.growth(sizes, sizes * np.array([1.1, 0.9, 1.05, 1.0]))
    assert noisy.low < 1 < noisy.high < 1.2
    assert timings.growth(sizes[:2], sizes[:2]).high == np.inf


def times(median: float, seed: int, n: int = 10) -> np.ndarray:
    """Seconds as machines give them: a floor, some scatter, now and then an interruption."""
    rng = np.random.default_rng(seed)
    return median * (1 + rng.gamma(2, 0.02, n) + (rng.random(n) < 0.05))


def test_a_change_is_seen_and_its_interval_holds_it() -> None:
    change = compare_timing.compare(times(1.0, 0), times(0.8, 1))
    assert change.verdict == "faster"
    assert change.low < 0.8 < change.high
    assert compare_timing.compare(times(0.8, 1), times(1.0, 0)).verdict == "slower"
    assert compare_timing.compare(times(1.0, 0)[:1], times(0.1, 1)[:1]).verdict == "no difference"


def test_no_change_is_rarely_called_one() -> None:
    called = [compare_timing.compare(times(1, i), times(1, 1000 + i)).verdict != "no difference" for i in range(400)]
    assert np.mean(called) < 0.08


def save(folder: Path, seconds: dict[str, np.ndarray], group: str = "g", suite: str = "s", size: float = nan) -> Path:
    folder.mkdir(parents=True)
    of = {"suite": suite, "group": group, "size": size, "items": 1.0, "unit": "call", "error": ""}
    rows = [of | {"way": way, "round": i, "seconds": s} for way, all_ in seconds.items() for i, s in enumerate(all_)]
    pd.DataFrame(rows).reindex(columns=list(timings.ROWS)).to_parquet(folder / "timings.parquet")
    write_json(folder / "machine.json", clock.machine("cpu"))
    Outcome(OK).write(folder)
    return folder


def test_compare_timing_says_it_of_each_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = save(tmp_path / "a", {"x": times(1, 0), "y": times(1, 1), "gone": times(1, 2)})
    after = save(tmp_path / "b", {"x": times(0.5, 3), "y": times(1, 4), "new": times(1, 5)})
    compare_timing.run(before, after)
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("faster ")
    assert lines[1].startswith("no difference ")
    assert "[" in lines[0]
    assert "s: g: gone, s: g: new" in said.err
    assert "different machines" not in said.err
    write_json(after / "machine.json", clock.machine("cpu") | {"threads": 99})
    compare_timing.run(before, after)
    assert "different machines, threads or versions (threads)" in capsys.readouterr().err


def test_compare_timing_reads_pytest_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, median in zip(files, (1.0, 2.0), strict=True):
        one = {"fullname": "t", "stats": {"data": times(median, int(median)).tolist()}}
        write_json(file, {"benchmarks": [one], "machine_info": {"cpu": {"brand_raw": "one"}}})
    compare_timing.run(*files)
    assert capsys.readouterr().out.startswith("slower")


def of(folders: list[Path]) -> records.Records:
    return records.load([], [], "snakemake", timed=folders)


def test_an_aim_is_met_missed_or_not_measured(tmp_path: Path) -> None:
    ours, far = {names.OURS: times(1, 0)}, {names.SENTENCE_TRANSFORMERS: times(3, 1)}
    near = {names.SENTENCE_TRANSFORMERS: times(1.1, 1)}
    for ways, verdict in ((ours | far, "met"), (ours | near, "missed"), (ours, "not measured")):
        frame = aims.make(of([save(tmp_path / verdict, ways, names.MIXED, "encode")]))
        assert frame["Verdict", ""].tolist() == [verdict] + ["not measured"] * (len(aims.AIMS) - 1)
    slower = {names.SENTENCE_TRANSFORMERS: times(2, 1), names.PRODUCT: times(1, 2)}
    folder = save(tmp_path / "ceiling", ours | slower, names.MIXED, "encode")
    pd.read_parquet(folder / "timings.parquet").assign(flops=1e9).to_parquet(folder / "timings.parquet")
    (note,) = aims.make(of([folder])).attrs["notes"][1:]
    assert re.search(r"itself comes to (49|50|51)% .* no way can be more than (1.9\d|2.0\d) times as fast", note)
    at_most = next(aim for aim in aims.AIMS if aim.most)
    assert at_most.verdict(0.5, at_most.bound - 0.01) == "met"
    assert at_most.verdict(0.5, at_most.bound + 0.01) == "undecided"
    assert at_most.verdict(at_most.bound + 0.01, 9) == "missed"


@pytest.mark.parametrize(("last", "verdict"), [(1.5, "missed"), (1.1, "met"), (None, "not measured")])
def test_joint_training_is_judged_at_its_worst_size(tmp_path: Path, last: float | None, verdict: str) -> None:
    rows = [
        {"suite": "train", "group": names.THROUGH, "size": size, "way": way, "seconds": second, "items": 1.0}
        for size, joint in ((100.0, 1.1), (2000.0, last))
        for way, median in ((names.TRANSFORMER, 1.0), (names.JOINT, joint))
        if median
        for second in times(median, int(size)).tolist()
    ]
    folder = save(tmp_path / "joint", {names.OURS: times(1, 0)}, names.MIXED, "encode")
    pd.DataFrame(rows).reindex(columns=list(timings.ROWS)).to_parquet(folder / "timings.parquet")
    frame = aims.make(of([folder]))
    assert frame.loc["training: joint / Transformer alone", ("Verdict", "")] == verdict


def test_a_share_of_the_peak_is_by_work_done(tmp_path: Path) -> None:
    folder = save(tmp_path / "a", {names.OURS: times(2, 1), names.PRODUCT: times(1, 0)}, "g", "encode", 64)
    frame = pd.read_parquet(folder / "timings.parquet")
    frame["flops"] = frame["way"].map({names.OURS: 30.0, names.PRODUCT: 20.0})
    frame.to_parquet(folder / "timings.parquet")
    value, low, high = timings.share(timings.load([folder]), "encode", "g", 64, names.OURS, names.PRODUCT, "flops")
    assert low < value < high
    assert value == pytest.approx(30 / 2 / (20 / 1), rel=0.1)


def test_the_pareto_front_holds_whom_nobody_beats_for_less() -> None:
    cost_, score = np.array([1.0, 2.0, 3.0, 3.0, 9.0]), np.array([0.5, 0.4, 0.8, 0.7, 0.8])
    assert front(cost_, score).tolist() == [0, 2]


def test_a_group_that_ends_the_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(timing, "in_child", out_of_memory)
    (row,) = timing._measured("grow", Group("students", {}, 1e9), 2, "cpu")
    assert row["error"] == "memory ended: RuntimeError"


def test_a_group_with_an_error_of_ours_is_no_end_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(timing, "in_child", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        timing._measured("grow", Group("students", {}, 1.0), 2, "cpu")


def test_parameters_are_counted_while_a_model_is_built() -> None:
    with costs.registered() as sizes:
        torch.nn.Linear(3, 2)
    torch.nn.Linear(50, 50)
    assert sum(sizes) == 3 * 2 + 2


def test_edges_of_a_random_graph_stand_in_both_directions() -> None:
    graph = students.random_graph(50, 200, 3, 8)
    assert not graph.directed
    assert 150 < graph.edges.shape[1] <= 200
    pairs = set(map(tuple, graph.edges.T.tolist()))
    assert all((b, a) in pairs for a, b in pairs)
    assert grow.DEGREE > 0


SIZES = (1000, 2000, 4000)


@pytest.fixture
def measured(tmp_path: Path) -> records.Records:
    """Made-up timings of all that tables and figures look for, and costs of two models, of which one failed."""
    grown = [save(tmp_path / f"grow{n}", {"bert-gcn": times(n / 1e4, n)}, names.STUDENTS, "grow", n) for n in SIZES]
    for n, folder in zip(SIZES, grown, strict=True):
        rows = pd.read_parquet(folder / "timings.parquet").assign(base_gigabytes=0.3, peak_gigabytes=0.3 + n / 1e4)
        rows.to_parquet(folder / "timings.parquet")
    product = save(tmp_path / "product", {names.OURS: times(2, 1), names.COPY: times(1, 2)}, "product", "propagate", 50)
    batch = save(tmp_path / "batch", {"fp32": times(2, 3), names.PRODUCT: times(1, 4)}, "batch", "encode", 64)
    for folder in (product, batch):
        pd.read_parquet(folder / "timings.parquet").assign(flops=4e9, moved=2e9).to_parquet(folder / "timings.parquet")
    good = {"dataset": "toy", "model": "bert-gcn", "recipe": "r", "parameters": 1234.0, "peak_gigabytes": 0.5}
    good |= {"tuning": 10.0, "recipe_tuning": 20.0, "training": 1.0, "recipe_training": 2.0, "inference": 0.1}
    good |= {"recipe_inference": 0.2, "recipe_peak_gigabytes": 0.9, "recipe_parameters": 5e6, "recipe_learned": 2e6}
    failed = {"dataset": "toy", "model": "gcn", "recipe": "", "reason": "RuntimeError: no luck"}
    costs = tmp_path / "cost-toy"
    costs.mkdir()
    pd.DataFrame([good, failed]).reindex(columns=list(timings.COSTS)).to_parquet(costs / "costs.parquet")
    write_json(costs / "machine.json", clock.machine("cpu"))
    Outcome(OK).write(costs)
    lost = tmp_path / "train"
    lost.mkdir()
    Outcome("failed", "TimeoutError: too slow").write(lost)
    found = of([*grown, product, batch, costs, lost])
    run = {"dataset": "toy", "model": "bert-gcn", "variant": "base", "roc_auc": 0.75}
    found.cards["toy"] = {"kind": "binary"}
    return replace(found, runs=pd.DataFrame([run, run | {"model": "gcn"}]))


def test_tables_say_what_was_measured(measured: records.Records) -> None:
    frame = table_cost.make(measured)
    row = frame.loc[("toy", "BERT+GCN")]
    assert (row["Tuning s"], row["Training s"], row["Both s"]) == (30, 3, 33)
    assert row["Prediction s"] == pytest.approx(0.3)
    assert (row["Peak GB"], row["Parameters"], row["Transformer"]) == (0.9, "1,234", "5,000,000")
    assert row["ROC-AUC"] == 0.75
    assert np.isnan(frame.loc[("toy", "GCN"), "Both s"])
    assert "GCN on toy: RuntimeError: no luck" in frame.attrs["notes"]
    assert "On a GPU: not measured." in frame.attrs["notes"][0]
    shown = speed.make(measured)
    assert len(shown) == 7
    assert "train was not measured: TimeoutError: too slow." in shown.attrs["notes"]
    shares = shown["Share of peak", ""].dropna()
    assert shares.to_list() == pytest.approx([0.5, 0.5], rel=0.1)


def test_the_cost_on_a_dataset_that_is_not_available_is_a_note(measured: records.Records) -> None:
    measured.cards.clear()
    frame = table_cost.make(measured)
    assert frame.empty
    assert [note for note in frame.attrs["notes"] if note.startswith("toy: ")] == ["toy: RuntimeError: no luck"]
    assert "| Dataset" in table.markdown(table.rounded(frame))
    assert "\\midrule" in table.latex(table.rounded(frame), "cost")
    assert "no cost was measured" in load("benchmarks.figures.cost").make(measured).texts[0].get_text()


@pytest.mark.parametrize("name", ["cost", "growth", "roofline"])
def test_figures_show_what_was_measured(measured: records.Records, name: str) -> None:
    figure = load(f"benchmarks.figures.{name}").make(measured)
    assert figure.axes, "a figure without axes says that nothing was measured"
    said = " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    assert {"cost": "BERT+GCN", "growth": "exponent", "roofline": ""}[name] in said


def test_timings_at_other_sizes_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "propagate").mkdir()
    ran = """sgn timing --suite propagate --sizes '{"students": 10}' --output x"""
    write_json(tmp_path / "propagate" / "provenance.json", {"command": ran})
    keep.check_sizes(tmp_path, {"propagate": {"students": 10}, "absent": {}})
    with pytest.raises(SystemExit, match=r"was timed at {'students': 10}, and the config has {'students': 20}"):
        keep.check_sizes(tmp_path, {"propagate": {"students": 20}})
