"""MOOC urgency: how the constructed graph is built, on made-up posts; and the counts of the real ones."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import mooc_urgency
from benchmarks.jobs.source import literal

RUNS = [(course, run) for course in mooc_urgency.COURSES for run in (1, 2)]
DAY = 86_400


def posts(each: int = 6) -> list[dict[str, Any]]:
    """`each` posts in both runs of all courses, two days apart; every third is urgent."""
    return [
        {
            "id": 10 * i + 3,
            "post_time": 1_400_000_000 + 2 * DAY * i,
            "post_text": f" {course}  post\n{i}?" + "!" * (i % 2),
            "urgency_1_7": 4 if i % 3 == 0 else 3,
            "course": course,
            "run": run,
        }
        for course, run in RUNS
        for i in range(each)
    ]


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A folder with the file of these posts."""
    folder.mkdir(exist_ok=True)
    with pyarrow.output_stream(folder / "posts.csv.zst", compression="zstd") as file:
        file.write(pd.DataFrame(rows).to_csv(index=False).encode())
    return folder


def same_graph(a: Dataset, b: Dataset) -> bool:
    """Features, text, edges and weights, not labels."""
    tensors = ((a.graph.x, b.graph.x), (a.graph.edges, b.graph.edges), (a.graph.weights, b.graph.weights))
    return all(torch.equal(*pair) for pair in tensors) and a.graph.texts == b.graph.texts


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    return mooc_urgency.make(written(tmp_path, posts()), ["acc", "vaccines"])


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(mooc_urgency.__name__, name) == getattr(mooc_urgency, name)


def test_text_is_the_post_with_plain_spaces(small: Dataset) -> None:
    assert small.graph.texts[:2] == ("acc post 0?", "acc post 1?!")
    assert small.text == "genuine"


def test_urgent_is_four_and_above(small: Dataset) -> None:
    assert small.labels[:6].tolist() == [1, 0, 0, 1, 0, 0]


def test_features_are_counts_and_the_day_in_the_run(small: Dataset) -> None:
    assert small.graph.features == ("words", "question marks", "exclamation marks", "days since the run's first post")
    assert small.graph.x[[0, 5]].expm1().round(decimals=4).tolist() == [[3, 1, 0, 0], [3, 1, 1, 10]]


def test_edges_join_the_three_nearest_on_both_sides_in_a_run(small: Dataset) -> None:
    pairs = {(a, b) for a, b in small.graph.edges.T.tolist()}
    expected = {(a, b) for a in range(108) for b in range(108) if 0 < abs(a - b) <= 3 and a // 6 == b // 6}
    assert pairs == expected
    assert len(pairs) == small.graph.edges.shape[1], "each once"
    assert not small.graph.directed
    assert (small.graph.weights == 1).all()


def test_order_is_time_not_place_in_the_file(tmp_path: Path, small: Dataset) -> None:
    shuffled = [posts()[i] for i in np.random.RandomState(0).permutation(len(posts()))]
    assert same_graph(mooc_urgency.make(written(tmp_path, shuffled), []), small)


def test_ratings_change_nothing_but_labels(tmp_path: Path, small: Dataset) -> None:
    other = mooc_urgency.make(written(tmp_path, [row | {"urgency_1_7": 7} for row in posts()]), [])
    assert same_graph(other, small)
    assert other.labels.all()


def test_what_is_written_later_changes_no_earlier_post(tmp_path: Path, small: Dataset) -> None:
    early = mooc_urgency.make(written(tmp_path, [row for row in posts() if row["id"] < 40]), [])
    kept = torch.tensor([i for i in range(len(small.graph)) if i % 6 < 4])
    then = small.graph.subgraph(kept)
    assert torch.equal(early.graph.x, then.x)
    assert early.graph.texts == then.texts
    assert {tuple(e) for e in early.graph.edges.T.tolist()} == {tuple(e) for e in then.edges.T.tolist()}
    late = [row | {"post_time": row["post_time"] - DAY} if row["id"] == 3 else row for row in posts()]
    earlier_start = mooc_urgency.make(written(tmp_path, late), [])
    assert not torch.equal(earlier_start.graph.x, small.graph.x), "the comparison sees a shifted start of the run"


def test_a_course_is_tested_and_hidden(tmp_path: Path, small: Dataset) -> None:
    assert small.replication == "groups"
    split = small.splits["vaccines"]
    assert split.test.tolist() == split.hidden.tolist() == list(range(96, 108))
    assert (len(split.train), len(split.validation)) == (77, 19)
    with pytest.raises(ValueError, match="no split 'history'; there are acc, calc"):
        mooc_urgency.make(tmp_path, ["history"])


def test_a_hidden_course_leaves_no_trace_in_the_others(tmp_path: Path, small: Dataset) -> None:
    rows = [
        row | {"post_text": "other words", "post_time": row["post_time"] // 2} if row["course"] == "vaccines" else row
        for row in posts()
    ]
    other = mooc_urgency.make(written(tmp_path, rows), [])
    assert torch.equal(other.graph.x[:96], small.graph.x[:96])
    assert other.graph.texts[:96] == small.graph.texts[:96]
    inside = (small.graph.edges < 96).sum(0)
    assert set(inside.tolist()) == {0, 2}, "no edge joins the hidden course with another"


def test_folds_are_stratified_over_all_courses(tmp_path: Path) -> None:
    dataset = mooc_urgency.make(written(tmp_path, posts()), ["0", "1", "2", "3", "4", "14"])
    assert dataset.replication == "folds"
    tested = np.concatenate([dataset.splits[str(fold)].test for fold in range(5)])
    assert sorted(tested.tolist()) == list(range(108))
    for split in dataset.splits.values():
        assert len(split.hidden) == 0
        assert 7 <= dataset.labels[split.test].sum() <= 8, "of 36 urgent posts"
    with pytest.raises(ValueError, match="mix courses and folds"):
        mooc_urgency.make(tmp_path, ["0", "acc"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"urgency_1_7": 8}, "row 3: urgency_1_7 is '8'; expected a whole number from 1 to 7"),
        ({"urgency_1_7": ""}, "urgency_1_7 is ''"),
        ({"post_time": "2014-05-13"}, "post_time is '2014-05-13'"),
        ({"post_text": " \n"}, "post_text is"),
        ({"course": "history"}, "course is 'history'; expected one of acc, calc"),
        ({"run": 3}, "run is '3'"),
        ({"id": 3}, "row 3: course is 'acc', run is '1', id is 3; expected each once"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_rows_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    rows = posts()
    rows[1] |= change
    with pytest.raises(ValueError, match=rf"posts\.csv\.zst, .*{message}"):
        mooc_urgency.make(written(tmp_path, rows), [])


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one column 'run'; there are id, "):
        mooc_urgency.make(written(tmp_path, pd.DataFrame(posts()).drop(columns="run").to_dict("records")), [])
    with pytest.raises(ValueError, match="no post of the course 'gam'"):
        mooc_urgency.make(written(tmp_path, [row for row in posts() if row["course"] != "gam"]), [])
    file = written(tmp_path, posts()) / "posts.csv.zst"
    for content in (file.read_bytes()[:-40], b"id,post_time\n"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"posts\.csv\.zst is not a whole table in UTF-8"):
            mooc_urgency.make(tmp_path, [])


# the real files


@pytest.fixture(scope="module")
def real() -> Dataset:
    folder = MIRROR / mooc_urgency.FOLDER
    if not (folder / "posts.csv.zst").is_file():
        pytest.skip(f"no {folder / 'posts.csv.zst'}; set SGN_MIRROR to a folder that holds {mooc_urgency.FOLDER}/")
    return mooc_urgency.make(folder_for(mooc_urgency, {}, MIRROR), list(mooc_urgency.COURSES))


@pytest.mark.mirror
def test_real_counts(real: Dataset) -> None:
    assert Counter(real.labels.tolist()) == {0: 2830, 1: 673}
    assert real.graph.edges.shape == (2, 20802)
    assert len(real.graph.edges.unique()) == 3503, "nobody is isolated"
    shares = {name: round(float(real.labels[split.test].mean()), 3) for name, split in real.splits.items()}
    assert min(shares.items(), key=lambda item: item[1]) == ("modern", 0.058)
    assert max(shares.items(), key=lambda item: item[1]) == ("calc", 0.306)
    assert [len(split.test) for split in real.splits.values()] == [387, 396, 380, 379, 387, 398, 390, 396, 390]


@pytest.mark.mirror
def test_real_ids_number_posts_and_not_learners(real: Dataset) -> None:
    table = mooc_urgency._posts(MIRROR / mooc_urgency.FOLDER / "posts.csv.zst")
    for _, run in table.groupby(["course", "run"]):
        assert (run["id"].diff().dropna() > 0).all(), "in order of time, each once"


@pytest.mark.mirror
def test_real_words_matter_and_neighbors_hardly(real: Dataset) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    found = {}
    for course in ("global", "modern"):  # the easiest and the hardest
        split = real.splits[course]
        learned = np.concatenate([split.train, split.validation])
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        model = LogisticRegression().fit(
            words.fit_transform([real.graph.texts[i] for i in learned]), real.labels[learned]
        )
        scores = model.decision_function(words.transform([real.graph.texts[i] for i in split.test]))
        found[course] = roc_auc_score(real.labels[split.test], scores)
    assert found["global"] == pytest.approx(0.94, abs=0.03)
    assert found["modern"] == pytest.approx(0.62, abs=0.05)
    neighbors = real.graph.incoming @ torch.from_numpy(real.labels).float()[:, None]
    assert roc_auc_score(real.labels, neighbors[:, 0]) == pytest.approx(0.60, abs=0.04)
