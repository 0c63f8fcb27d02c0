"""Tolokers: made-up archives for what they mean, the real one for its counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import tolokers
from benchmarks.jobs.source import literal


def archive() -> dict[str, np.ndarray]:
    """Eight workers, the last of whom shares no task; split i trains i, i + 1, ..., around the circle."""
    start = (np.arange(8) - np.arange(10)[:, None]) % 8  # [10, 8] how far a worker is from the split's first
    return {
        "node_features": np.arange(80, dtype=np.float32).reshape(8, 10),
        "node_labels": np.array([0, 1] * 4),
        "edges": np.array([[0, 1], [2, 1], [3, 6]]),
        "train_masks": start < 4,
        "val_masks": (start == 4) | (start == 5),
        "test_masks": start > 5,
    }


def saved(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(folder / "tolokers.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "URLS", "SOURCE"):
        assert literal(tolokers.__name__, name) == getattr(tolokers, name)
    assert set(tolokers.URLS) == set(tolokers.FILES)


def test_graph(tmp_path: Path) -> None:
    dataset = tolokers.make(saved(tmp_path, archive()), [])
    assert sorted(dataset.graph.edges.T.tolist()) == [[0, 1], [1, 0], [1, 2], [2, 1], [3, 6], [6, 3]]
    assert not dataset.graph.directed
    assert dataset.graph.x[1].tolist() == list(range(10, 20)), "as they are"
    assert len(dataset.graph.features) == 10
    assert dataset.labels.tolist() == [0, 1] * 4
    assert (dataset.task.kind, dataset.text, set(dataset.graph.texts)) == ("binary", "none", {""})


def test_education_can_be_left_out(tmp_path: Path) -> None:
    graph = tolokers.make(saved(tmp_path, archive()), [], education=False).graph
    assert not any("education" in name for name in graph.features)
    assert graph.x[0].tolist() == [0, 1, 2, 3, 8, 9]


def test_splits_are_the_authors(tmp_path: Path) -> None:
    dataset = tolokers.make(saved(tmp_path, archive()), ["0", "9"])
    found = {
        name: [side.tolist() for side in (s.train, s.validation, s.test, s.hidden)]
        for name, s in dataset.splits.items()
    }
    assert found == {"0": [[0, 1, 2, 3], [4, 5], [6, 7], []], "9": [[1, 2, 3, 4], [5, 6], [0, 7], []]}
    assert dataset.replication == "folds"
    with pytest.raises(ValueError, match="no split '10'; there are 0, 1, 2"):
        tolokers.make(tmp_path, ["10"])


def put(name: str, place: tuple[int, ...], value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][place] = value

    return change


def replace(name: str, value: np.ndarray) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda arrays: arrays.update({name: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: arrays.pop("edges"), "reading them failed .*edges is not a file"),
        (replace("node_labels", np.array([{}] * 8)), "reading them failed .*allow_pickle=False"),
        (
            replace("node_features", np.zeros((8, 9), np.float32)),
            r"node_features is float32 \(8, 9\); expected float32 \('N', 10\)",
        ),
        (replace("node_features", np.zeros((8, 10))), "node_features is float64"),
        (put("node_features", (3, 1), np.nan), r"node_features\[3, 1\] is nan"),
        (put("node_labels", (5,), 2), r"node_labels\[5\] is 2; expected 0 or 1"),
        (replace("node_labels", np.zeros(8)), "node_labels is float64"),
        (replace("edges", np.zeros((3, 3), np.int64)), r"edges is int64 \(3, 3\)"),
        (put("edges", (1, 0), 8), r"edges\[1, 0\] is 8; expected a worker from 0 to 7"),
        (put("edges", (1, 0), -1), r"edges\[1, 0\] is -1; expected"),
        (put("edges", (2, 1), 3), r"edges\[2\] is \[3, 3\]; expected two workers"),
        (replace("edges", np.array([[0, 1], [1, 0]])), r"edges\[1\] is \[1, 0\]; expected each pair once"),
        (replace("val_masks", np.zeros((9, 8), bool)), r"val_masks is bool \(9, 8\); expected bool \(10, 8\)"),
        (replace("val_masks", np.zeros((10, 8))), "val_masks is float64"),
    ],
    ids=range(14),
)
def test_bad_archives(tmp_path: Path, spoil: Callable[[dict[str, np.ndarray]], None], message: str) -> None:
    arrays = archive()
    spoil(arrays)
    with pytest.raises(ValueError, match=rf"tolokers\.npz: .*{message}"):
        tolokers.make(saved(tmp_path, arrays), ["0"])


def test_sides_may_not_overlap(tmp_path: Path) -> None:
    arrays = archive()
    arrays["val_masks"][0, 0] = True
    with pytest.raises(ValueError, match="two sides of a split"):
        tolokers.make(saved(tmp_path, arrays), ["0"])


def test_what_is_no_whole_archive(tmp_path: Path) -> None:
    file = saved(tmp_path, archive()) / "tolokers.npz"
    whole = file.read_bytes()
    for content in (b"", b"no archive" * 10, whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"tolokers\.npz: "):
            tolokers.make(tmp_path, [])


# The real file


def real(splits: list[str]) -> Dataset:
    file = MIRROR / tolokers.FOLDER / "tolokers.npz"
    if not file.is_file():
        pytest.skip(f"the mirror lacks {file}; set SGN_MIRROR to a folder that holds {tolokers.FOLDER}/")
    folder = folder_for(tolokers, {}, MIRROR)
    assert folder is not None
    return tolokers.make(folder, splits)


@pytest.mark.mirror
def test_counts() -> None:
    dataset = real([str(i) for i in range(10)])
    graph = dataset.graph
    assert (len(graph), graph.edges.shape[1], len(graph.edges.unique())) == (11758, 2 * 519000, 11758)
    assert np.bincount(dataset.labels).tolist() == [9192, 2566]
    education = [graph.features.index(name) for name in tolokers.EDUCATION]
    assert graph.x[:, education].sum(0).tolist() == [3965, 835, 445, 6513]
    torch.testing.assert_close(graph.x[:, :4].sum(1), torch.ones(11758), atol=1e-4, rtol=0)
    assert graph.x[:, 8:].mean(0).tolist() == pytest.approx([0.982, 0.843], abs=5e-4)
    assert len(np.unique(graph.x.numpy(), axis=0)) == 6745
    degrees = np.bincount(graph.edges[0])
    assert (degrees.min(), np.median(degrees), degrees.max()) == (1, 30, 2138)
    assert (dataset.labels[graph.edges[0]] == dataset.labels[graph.edges[1]]).mean() == pytest.approx(0.595, abs=5e-4)
    for split in dataset.splits.values():
        assert (len(split.train), len(split.validation), len(split.test)) == (5879, 2939, 2940)
        assert dataset.labels[split.test].mean() == pytest.approx(0.2184, abs=1e-4)


@pytest.mark.mirror
def test_neighbors_tell_of_bans() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    dataset = real([str(i) for i in range(10)])
    x = dataset.graph.x
    once = dataset.graph.symmetric @ x
    both = torch.cat([x, once, dataset.graph.symmetric @ once], dim=1)
    for inputs, expected in ((x, 0.7189), (both, 0.7765)):
        scores = []
        for split in dataset.splits.values():
            scale = inputs[split.train].std(0)
            scaled = (inputs - inputs[split.train].mean(0)) / scale
            model = LogisticRegression(C=1, max_iter=300).fit(scaled[split.train], dataset.labels[split.train])
            scores.append(roc_auc_score(dataset.labels[split.test], model.decision_function(scaled[split.test])))
        assert np.mean(scores) == pytest.approx(expected, abs=0.02)
