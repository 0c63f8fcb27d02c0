"""Facebook100: a made-up college for what the building rules mean, the real ones for the counts that are known."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import facebook100
from benchmarks.jobs.outcome import NotAvailableError


def real(splits: list[str], **options: Any) -> Dataset:
    """The dataset made from the mirror's files; skips the test where there is no mirror."""
    folder = MIRROR / facebook100.FOLDER
    missing = [name for name, pinned in facebook100.FILES.items() if pinned and not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the mirror lacks {folder / missing[0]}; set SGN_MIRROR to a folder that holds {folder.name}/")
    return facebook100.make(folder_for(facebook100, options, MIRROR), splits, **options)


def sizes(dataset: Dataset) -> dict[str, tuple[int, int, int]]:
    """Train, validation, test of each split."""
    return {name: (len(s.train), len(s.validation), len(s.test)) for name, s in dataset.splits.items()}


def pairs(dataset: Dataset) -> set[tuple[int, int]]:
    """Edges as pairs."""
    return {(a, b) for a, b in dataset.graph.edges.T.tolist()}


def undirected(dataset: Dataset) -> set[tuple[int, int]]:
    """Edges as pairs without a direction."""
    return {(min(pair), max(pair)) for pair in pairs(dataset)}


def isolated(dataset: Dataset) -> int:
    """How many nodes have no edge."""
    return len(dataset.graph) - len(dataset.graph.edges.unique())


def college() -> dict[str, Any]:
    """Sixty members in a ring; five of each cohort-and-other year have major 7, all others major 8 or none."""
    ring = np.roll(np.eye(60), 1, axis=1)
    info = np.zeros((60, 7))
    info[:, 0] = 1  # status
    info[:, 1] = np.arange(60) % 3  # gender
    info[:, 2] = np.where(np.arange(60) % 6 == 0, 7, 8)
    info[:3, 2] = 0, 9, 9  # major missing, and two who share a rare one
    info[:, 5] = 2004 + np.arange(60) % 6
    info[5, 5] = 0
    info[:, 6] = 3041
    return {"A": scipy.sparse.csc_matrix(ring + ring.T), "local_info": info}


def saved(folder: Path, content: dict[str, Any]) -> Path:
    """A folder with a made-up Reed."""
    scipy.io.savemat(folder / "Reed98.mat", content)
    return folder


def test_graph(tmp_path: Path) -> None:
    dataset = facebook100.make(saved(tmp_path, college()), ["0", "4"], school="Reed98")
    assert len(undirected(dataset)) == 60
    assert len(pairs(dataset)) == 120
    assert not dataset.graph.directed
    assert dataset.labels[:7].tolist() == [-1, 0, 1, 2, 3, -1, -1]
    assert set(dataset.splits) == {"0", "4"}
    assert dataset.graph.texts[:2] == (
        "Major unknown, minor unknown, high school 3041.",
        "Major 9, minor unknown, high school 3041.",
    )


def test_inputs_are_codes_rare_and_missing(tmp_path: Path) -> None:
    dataset = facebook100.make(saved(tmp_path, college()), [], school="Reed98")
    majors = [name for name in dataset.graph.features if name.startswith("major")]
    assert majors == ["major: missing", "major: rare", "major: 7", "major: 8"]
    values = [majors[i] for i in dataset.graph.x[:7, :4].argmax(1)]
    assert values == ["major: missing", *["major: rare"] * 2, *["major: 8"] * 3, "major: 7"]
    assert (dataset.graph.x.sum(1) == 3).all()
    assert {name.split(":")[0] for name in dataset.graph.features} == {"major", "minor", "high school"}


def test_gender_is_the_published_task(tmp_path: Path) -> None:
    content = college()
    content["local_info"][:, 3] = 9  # minor
    content["local_info"][3, 3] = 0
    dataset = facebook100.make(saved(tmp_path, content), ["0"], school="Reed98", task="gender")
    assert dataset.labels[:4].tolist() == [-1, 0, 1, -1]
    assert dataset.task.metric == "accuracy"
    assert sizes(dataset) == {"0": (20, 10, 10)}
    assert {name.split(":")[0] for name in dataset.graph.features} == {*facebook100.COLUMNS} - {"gender"}
    assert [name for name in dataset.graph.features if name.startswith(("major", "minor"))] == [
        *("major: missing", "major: 7", "major: 8", "major: 9"),
        *("minor: missing", "minor: 9"),
    ], "no code is pooled, and zero is one"
    assert (dataset.graph.x.sum(1) == 6).all()
    assert dataset.graph.texts[2] == ("Status 1, major 9, minor 9, dorm unknown, year 2006, high school 3041.")


def penn(folder: Path) -> Path:
    """A made-up Penn94 of sixty members with the published splits of its forty labeled."""
    scipy.io.savemat(folder / "Penn94.mat", college())
    labeled = np.flatnonzero(np.arange(60) % 3)
    arrays = {}
    for i in range(5):
        order = np.roll(labeled, i)
        arrays |= {f"train_{i}": order[:20], f"valid_{i}": order[20:30], f"test_{i}": order[30:]}
    (folder / "splits").mkdir()
    np.savez_compressed(
        folder / facebook100.PENN_SPLITS, **{name: ids.astype(np.int32) for name, ids in arrays.items()}
    )
    return folder


def test_penn94_has_the_published_splits(tmp_path: Path) -> None:
    dataset = facebook100.make(penn(tmp_path), ["0", "4"], school="Penn94", task="gender")
    assert sizes(dataset) == {"0": (20, 10, 10), "4": (20, 10, 10)}
    labeled = np.flatnonzero(dataset.labels >= 0)
    assert dataset.splits["4"].train.tolist() == sorted(np.roll(labeled, 4)[:20])
    digest = hashlib.sha256((tmp_path / "Penn94.mat").read_bytes()).hexdigest()
    assert dataset.remarks[-1].endswith(f"no SHA-256 of it is known. This one has {digest}.")
    assert not any("SHA" in r for r in facebook100.make(saved(tmp_path, college()), [], school="Reed98").remarks)


def test_penn94_is_for_the_published_task_and_of_the_published_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert facebook100.needed("Penn94") == ["splits/fb100-Penn94-splits.npz"]
    folder = penn(tmp_path)
    with pytest.raises(ValueError, match="Penn94 has no task 'cohort': its splits and published numbers are those of"):
        facebook100.make(folder, ["0"], school="Penn94")
    own = tmp_path / "data" / "facebook100" / "Penn94.mat"
    own.parent.mkdir(parents=True)
    (folder / "Penn94.mat").rename(own)
    assert len(facebook100.make(folder, ["0"], school="Penn94", task="gender").graph) == 60, "the user's own place"
    own.unlink()
    with pytest.raises(NotAvailableError, match=r"Penn94\.mat is neither at .* nor at data.*: get it from"):
        facebook100.make(folder, ["0"], school="Penn94", task="gender")
    content = college()
    content["local_info"][0, 1] = 1
    scipy.io.savemat(folder / "Penn94.mat", content)
    with pytest.raises(ValueError, match=r"Penn94\.mat has a gender of 41 members, and .* is about others"):
        facebook100.make(folder, ["0"], school="Penn94", task="gender")


def test_unknown_school_or_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no school '\.\./Reed98'; there are Reed98, Amherst41"):
        facebook100.make(tmp_path, ["0"], school="../Reed98")
    with pytest.raises(ValueError, match="no task 'dorm'; there are cohort, gender"):
        facebook100.make(tmp_path, ["0"], school="Reed98", task="dorm")
    with pytest.raises(ValueError, match="no split '5'; there are 0, 1, 2, 3, 4"):
        facebook100.make(saved(tmp_path, college()), ["5"], school="Reed98")
    assert facebook100.needed("Johns Hopkins55") == ["Johns Hopkins55.mat"]
    assert facebook100.URLS["Johns Hopkins55.mat"].endswith("/Johns%20Hopkins55.mat")


def asymmetric(content: dict[str, Any]) -> None:
    content["A"] = scipy.sparse.csc_matrix(np.roll(np.eye(60), 1, axis=1))


def own_friend(content: dict[str, Any]) -> None:
    content["A"] = content["A"] + scipy.sparse.eye(60, format="csc")


def weighted(content: dict[str, Any]) -> None:
    content["A"] = content["A"] * 2


def too_few(content: dict[str, Any]) -> None:
    content["local_info"] = content["local_info"][:50]


def negative(content: dict[str, Any]) -> None:
    content["local_info"][7, 2] = -1


def no_number(content: dict[str, Any]) -> None:
    content["local_info"][8, 5] = np.nan


def dense(content: dict[str, Any]) -> None:
    content["A"] = content["A"].toarray()


def an_object(content: dict[str, Any]) -> None:
    content["local_info"] = {"field": 1}


def nothing(content: dict[str, Any]) -> None:
    del content["local_info"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (asymmetric, "A is not symmetric"),
        (own_friend, r"member 0 \(from 0\) is their own friend"),
        (weighted, r"row \d+, column \d+ \(from 0\) of A holds 2.0; expected 0 and 1"),
        (too_few, r"A is \(60, 60\) and local_info \(50, 7\)"),
        (negative, r"local_info\[7, 2\] is -1.0; expected a code from 0"),
        (no_number, r"local_info\[8, 5\] is nan; expected a code from 0"),
        (dense, "expected a sparse matrix A and numbers local_info"),
        (an_object, "expected a sparse matrix A and numbers local_info"),
        (nothing, "expected a sparse matrix A and numbers local_info"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_files(tmp_path: Path, spoil: Callable[[dict[str, Any]], None], message: str) -> None:
    content = college()
    spoil(content)
    with pytest.raises(ValueError, match=rf"Reed98\.mat: {message}"):
        facebook100.make(saved(tmp_path, content), [], school="Reed98")


def test_refuses_what_is_no_matlab_5_file(tmp_path: Path) -> None:
    file = saved(tmp_path, college()) / "Reed98.mat"
    whole = file.read_bytes()
    for content in (b"", b"not MATLAB" * 100, whole[:200], whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"Reed98\.mat: "):
            facebook100.make(tmp_path, [], school="Reed98")


# The real files. Counts are those of the data card; scores are those of plain scikit-learn, within their noise.


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("school", "members", "friendships", "cohorts", "homophily"),
    [
        ("Reed98", 962, 18812, [117, 131, 165, 209, 158], 0.512),
        ("Amherst41", 2235, 90954, [309, 358, 363, 380, 377], 0.604),
        ("Johns Hopkins55", 5180, 186586, [635, 849, 843, 926, 910], 0.576),
        ("Cornell5", 18660, 790777, [2518, 2690, 2942, 2882, 2647], 0.619),
    ],
)
def test_counts(school: str, members: int, friendships: int, cohorts: list[int], homophily: float) -> None:
    dataset = real(["0"], school=school)
    assert (len(dataset.graph), dataset.graph.edges.shape[1], isolated(dataset)) == (members, 2 * friendships, 0)
    assert np.bincount(dataset.labels[dataset.labels >= 0]).tolist() == cohorts
    ends = dataset.labels[dataset.graph.edges.numpy()]
    known = (ends >= 0).all(0)
    assert (ends[0] == ends[1])[known].mean() == pytest.approx(homophily, abs=5e-4)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("school", "size"),
    [
        ("Reed98", (390, 195, 195)),
        ("Amherst41", (893, 446, 448)),
        ("Johns Hopkins55", (2081, 1040, 1042)),
        ("Cornell5", (6839, 3419, 3421)),
    ],
)
def test_split_sizes(school: str, size: tuple[int, int, int]) -> None:
    assert sizes(real(list("01234"), school=school)) == dict.fromkeys("01234", size)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("school", "features", "genders"),
    [("Reed98", 745, [504, 361]), ("Amherst41", 1193, [1015, 1017]), ("Johns Hopkins55", 2406, [2153, 2609])],
)
def test_gender_counts(school: str, features: int, genders: list[int]) -> None:
    dataset = real(["0"], school=school, task="gender")
    assert dataset.graph.num_features == features, "as in the published code"
    assert np.bincount(dataset.labels[dataset.labels >= 0]).tolist() == genders


@pytest.mark.mirror
def test_published_splits_of_penn94() -> None:
    folder = folder_for(facebook100, {"school": "Penn94"}, MIRROR) if MIRROR.is_dir() else pytest.skip("no mirror")
    with np.load(folder / facebook100.PENN_SPLITS, allow_pickle=False) as arrays:
        labeled = np.sort(np.concatenate([arrays[f"{side}_0"] for side in facebook100.SIDES]))
        assert [len(arrays[f"{side}_4"]) for side in facebook100.SIDES] == [19407, 9703, 9705]
    assert (len(labeled), labeled[-1] < 41554) == (38815, True)
    known = np.full(41_554, -1)
    known[labeled] = 0
    splits = facebook100._splits(folder, "Penn94", known)
    assert list(splits) == list("01234")


@pytest.mark.mirror
def test_friends_tell_the_cohort() -> None:
    from sklearn.linear_model import LogisticRegression

    dataset = real(["0"], school="Reed98")
    split, n = dataset.splits["0"], len(dataset.graph)
    friends = scipy.sparse.csr_matrix((dataset.graph.weights.numpy(), dataset.graph.edges.numpy()), (n, n))
    for x, low, high in (
        (friends, 0.65, 0.90),
        (dataset.graph.x.numpy(), 0.15, 0.40),
    ):  # 0.79, and 0.28 without friends
        model = LogisticRegression(C=0.1).fit(x[split.train], dataset.labels[split.train])
        assert low < model.score(x[split.test], dataset.labels[split.test]) < high
