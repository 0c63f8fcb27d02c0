"""Glasgow: a small made-up year group for what the building rules mean, the real one for the counts that are known."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import glasgow_teenage
from benchmarks.jobs.source import literal

EDGES, PUPILS = glasgow_teenage.FILES
SUBSTANCES = ("tobacco", "alcohol", "cannabis")


def school() -> tuple[pd.DataFrame, pd.DataFrame]:
    """30 pupils who used nothing until wave 2; at wave 3, the first ten smoke and every third takes cannabis."""
    pupils = pd.DataFrame({"student": np.arange(30), "sex_f": np.arange(30) % 2, "age": 13.5})
    pupils[[f"{name}_{wave}" for name in SUBSTANCES for wave in (1, 2, 3)]] = 1.0
    pupils["tobacco_3"] = np.where(pupils["student"] < 10, 3.0, 1.0)
    pupils["cannabis_3"] = np.where(pupils["student"] % 3 == 0, 2.0, 1.0)
    pupils[[f"in_network_{wave}" for wave in (1, 2, 3)]] = 1
    rows = [(1, 0, 1, 1), (1, 0, 2, 2), (2, 0, 1, 2), (2, 1, 0, 2), (3, 5, 6, 1)]
    return pupils, pd.DataFrame(rows, columns=["wave", "source", "target", "friend_code"])


def saved(folder: Path, pupils: pd.DataFrame, friends: pd.DataFrame) -> Path:
    """A folder with the two tables."""
    pupils.to_csv(folder / PUPILS, index=False)
    friends.to_csv(folder / EDGES, index=False)
    return folder


def without_wave_3(pupils: pd.DataFrame, friends: pd.DataFrame, outcome: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables as they stood after wave 2, but for the outcome, which is turned upside down."""
    early = pupils.assign(**{name: np.nan for name in pupils if name.endswith("_3")})
    early[outcome] = pupils[outcome].map(lambda answer: 1 if answer > 1 else 2, na_action="ignore")
    return early, friends[friends["wave"] < 3]


def differences(a: Dataset, b: Dataset) -> set[str]:
    """What of the inputs differs."""
    different = {"features"} if a.graph.features != b.graph.features else set()
    return different | {
        name for name in ("x", "edges", "weights") if not torch.equal(getattr(a.graph, name), getattr(b.graph, name))
    }


@pytest.fixture
def real() -> Path:
    """The folder with the real files, checked."""
    folder = MIRROR / glasgow_teenage.FOLDER
    if not all((folder / name).is_file() for name in glasgow_teenage.FILES):
        pytest.skip(
            f"no {glasgow_teenage.FOLDER}/ with its files in {MIRROR}; set SGN_MIRROR to a folder that holds it"
        )
    checked = folder_for(glasgow_teenage, {}, MIRROR)
    assert checked is not None
    return checked


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(glasgow_teenage.__name__, name) == getattr(glasgow_teenage, name)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in glasgow_teenage.FILES.values())


def test_labeled_is_who_was_without_and_answered(tmp_path: Path) -> None:
    pupils, friends = school()
    pupils.loc[10, "tobacco_2"] = 2  # smoked before
    pupils.loc[11, "tobacco_2"] = np.nan  # nobody knows
    pupils.loc[12, "tobacco_3"] = np.nan
    pupils.loc[13, "tobacco_1"] = 3  # had stopped
    dataset = glasgow_teenage.make(saved(tmp_path, pupils, friends), [])
    assert dataset.labels.tolist() == [1] * 10 + [-1] * 3 + [0] * 17
    assert dataset.target == "takes up smoking"
    assert dataset.graph.texts == ("",) * 30
    cannabis = glasgow_teenage.make(tmp_path, [], substance="cannabis")
    assert cannabis.labels.tolist() == [1, 0, 0] * 10
    assert differences(dataset, cannabis) == set()


def test_edges_of_two_waves(tmp_path: Path) -> None:
    graph = glasgow_teenage.make(saved(tmp_path, *school()), []).graph
    assert graph.edges.T.tolist() == [[0, 1], [0, 2], [1, 0]]
    assert graph.weights.tolist() == [2, 1, 1], "number of waves, whether best friend or not"
    assert graph.directed


def test_features(tmp_path: Path) -> None:
    pupils, friends = school()
    pupils.loc[0, ["age", "alcohol_1", "cannabis_2"]] = [np.nan, np.nan, 4]
    graph = glasgow_teenage.make(saved(tmp_path, pupils, friends), []).graph
    first, second = (dict(zip(graph.features, row, strict=True)) for row in graph.x[:2].tolist())
    assert {name: value for name, value in first.items() if value} == {
        "years over 13 at wave 1, missing": 1,
        "alcohol, wave 1, missing": 1,
        "cannabis, wave 2": 3,
    }
    assert {name: value for name, value in second.items() if value} == {"girl": 1, "years over 13 at wave 1": 0.5}
    assert len(graph.features) == 15
    assert not any("3" in name.replace("13", "") for name in graph.features)


def test_nothing_of_wave_3_is_seen(tmp_path: Path) -> None:
    full = glasgow_teenage.make(saved(tmp_path, *school()), [])
    early = glasgow_teenage.make(saved(tmp_path, *without_wave_3(*school(), "tobacco_3")), [])
    assert differences(full, early) == set()
    assert (full.labels == 1 - early.labels).all()


def test_the_comparison_would_see_a_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pupils, friends = school()
    monkeypatch.setattr(glasgow_teenage, "WAVES", (1, 3, 2))  # wave 2 is still the last before the outcome
    full = glasgow_teenage.make(saved(tmp_path, pupils, friends), [])
    early = glasgow_teenage.make(saved(tmp_path, *without_wave_3(pupils, friends, "tobacco_3")), [])
    assert differences(full, early) == {"x", "edges", "weights"}


def test_splits(tmp_path: Path) -> None:
    folder = saved(tmp_path, *school())
    dataset = glasgow_teenage.make(folder, [str(i) for i in range(50)])
    assert dataset.replication == "folds"
    for repetition in range(10):
        folds = [dataset.splits[str(5 * repetition + fold)] for fold in range(5)]
        assert sorted(np.concatenate([split.test for split in folds]).tolist()) == list(range(30))
        assert [dataset.labels[split.test].sum() for split in folds] == [2] * 5
    with pytest.raises(ValueError, match=r"no split '50'; there are 0, 1, .*, 49"):
        glasgow_teenage.make(folder, ["50"])


def test_unknown_substance(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no substance 'alcohol'; there are tobacco, cannabis"):
        glasgow_teenage.make(tmp_path, [], substance="alcohol")


def test_too_few_to_split(tmp_path: Path) -> None:
    pupils, friends = school()
    pupils.loc[4:, "tobacco_3"] = 1.0
    with pytest.raises(
        ValueError, match=r"students\.csv: .*tobacco at wave 2, 4 use it at wave 3 and 26 do not; 5 folds"
    ):
        glasgow_teenage.make(saved(tmp_path, pupils, friends), [])


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (7, "student", 3, "row 9: student is 3; expected each once"),
        (7, "student", -1, "row 9: student is '-1'; expected a whole number from 0"),
        (7, "student", "", "row 9: student is ''; expected a whole number from 0"),
        (7, "sex_f", "", "row 9: sex_f is ''; expected one of 0, 1"),
        (7, "age", 133, "row 9: age is '133'; expected a number from 10 to 20, or nothing"),
        (7, "tobacco_1", 4, "row 9: tobacco_1 is '4'; expected a whole number from 1 to 3, or nothing"),
        (7, "alcohol_2", 0, "row 9: alcohol_2 is '0'; expected a whole number from 1 to 5"),
        (7, "cannabis_3", 1.5, "row 9: cannabis_3 is '1.5'; expected a whole number from 1 to 4"),
        (7, "cannabis_1", "often", "row 9: cannabis_1 is 'often'; expected a whole number"),
        (7, "cannabis_1", "NA", "row 9: cannabis_1 is 'NA'; expected a whole number"),
    ],
)
def test_bad_pupils(tmp_path: Path, row: int, column: str, value: object, message: str) -> None:
    pupils, friends = school()
    pupils = pupils.astype(object)
    pupils.loc[row, column] = value
    with pytest.raises(ValueError, match=rf"students\.csv, {message}"):
        glasgow_teenage.make(saved(tmp_path, pupils, friends), [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((4, 0, 1, 1), "wave is '4'; expected one of 1, 2, 3"),
        ((1, 0, 99, 1), "target is '99'; expected a student of students.csv"),
        ((1, 99, 0, 1), "source is '99'; expected a student of students.csv"),
        ((1, 3, 4, 10), "friend_code is '10'; expected 1, best friend, or 2, friend"),
        ((1, 3, 3, 1), "source is 3, target is 3; expected two pupils"),
        ((1, 0, 1, 2), "wave is 1, source is 0, target is 1; expected each once"),
    ],
    ids=["wave", "target", "source", "code", "own", "again"],
)
def test_bad_friends(tmp_path: Path, more: tuple[int, ...], message: str) -> None:
    pupils, friends = school()
    friends.loc[len(friends)] = more
    with pytest.raises(ValueError, match=rf"friendship_edges\.csv, row 7: {message}"):
        glasgow_teenage.make(saved(tmp_path, pupils, friends), [])


def test_tables_that_are_none(tmp_path: Path) -> None:
    spoilers: list[tuple[Callable[[bytes], bytes], str]] = [
        (lambda content: b"", " is not a whole table in UTF-8"),
        (lambda content: b"\xff\xfe" + content, " is not a whole table in UTF-8"),
        (lambda content: content + b"1,2,3,4,5,6\n", " is not a whole table in UTF-8"),
        (
            lambda content: content.replace(b"target", b"friend"),
            ": expected one column 'target'; there are wave, source, friend",
        ),
    ]
    for spoil, message in spoilers:
        file = saved(tmp_path, *school()) / EDGES
        file.write_bytes(spoil(file.read_bytes()))
        with pytest.raises(ValueError, match=rf"(?s)friendship_edges\.csv{message}"):
            glasgow_teenage.make(tmp_path, [])


# The real files


@pytest.mark.mirror
@pytest.mark.parametrize(("substance", "labeled", "positive"), [("tobacco", 103, 12), ("cannabis", 86, 29)])
def test_counts(real: Path, substance: str, labeled: int, positive: int) -> None:
    dataset = glasgow_teenage.make(real, list("01234"), substance=substance)
    assert len(dataset.graph) == 160
    assert ((dataset.labels >= 0).sum(), (dataset.labels == 1).sum()) == (labeled, positive)
    assert dataset.graph.weights.sum() == 586 + 516, "each naming of waves 1 and 2 counts once"
    assert dataset.graph.edges.shape[1] == 870
    assert 160 - len(dataset.graph.edges.unique()) == 3
    tested = {int(dataset.labels[split.test].sum()) for split in dataset.splits.values()}
    assert tested == {positive // 5, positive // 5 + 1}


@pytest.mark.mirror
@pytest.mark.parametrize("substance", ["tobacco", "cannabis"])
def test_real_waves_1_and_2_alone(real: Path, tmp_path: Path, substance: str) -> None:
    pupils, friends = pd.read_csv(real / PUPILS), pd.read_csv(real / EDGES)
    assert friends["wave"].value_counts().sort_index().tolist() == [586, 516, 497]
    saved(tmp_path, *without_wave_3(pupils, friends, f"{substance}_3"))
    full, early = (glasgow_teenage.make(folder, [], substance=substance) for folder in (real, tmp_path))
    assert differences(full, early) == set()


@pytest.mark.mirror
@pytest.mark.parametrize(("substance", "low", "high"), [("tobacco", 0.68, 0.90), ("cannabis", 0.64, 0.90)])
def test_friends_tell_the_onset(real: Path, substance: str, low: float, high: float) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = glasgow_teenage.make(real, [str(i) for i in range(25)], substance=substance)
    graph, labels = dataset.graph, dataset.labels
    use = graph.x[:, [i for i, name in enumerate(graph.features) if name.endswith("wave 2")]]
    inputs = {
        "sex and age": graph.x[:, :2].numpy(),
        "friends": torch.cat([graph.outgoing @ use, graph.incoming @ use], 1).numpy(),
    }
    scores = {}
    for name, x in inputs.items():
        logits = np.zeros((5, 160))
        for fold, split in dataset.splits.items():
            train = np.concatenate([split.train, split.validation])
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], labels[train])
            logits[int(fold) // 5, split.test] = model.decision_function(x[split.test])
        known = labels >= 0
        scores[name] = np.mean([roc_auc_score(labels[known], row[known]) for row in logits])
    assert low < scores["friends"] < high  # 0.79 and 0.80
    assert 0.38 < scores["sex and age"] < 0.62
