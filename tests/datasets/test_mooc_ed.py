"""MOOC-Ed: a small made-up forum for what the building rules mean, the real one for the counts that are known."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.data.tables import read_table
from benchmarks.datasets import mooc_ed

Row = tuple[str, str, str, str, str]  # sender, receiver, time, title, category

LEARNERS = [str(uid) for uid in range(1, 21)]  # even ones stay
STAFF, EXPERT, EARLY = "90", "91", "92"
HEADERS = {
    1: (
        ["UID", "Facilitator", "role1", "expert"],
        [
            "Sender",
            "Receiver",
            "Timestamp",
            "Discussion Title",
            "Discussion Category",
            "Discussion Identifier",
            "Comment ID",
        ],
    ),
    2: (
        ["uid", "facilitator", "role", "expert"],
        ["Sender", "Reciever", "Timestamp", "Title", "Category", "DiscussionID", "CommentID"],
    ),
}


def comment(sender: str, receiver: str, time: str, title: str = "Welcome, all", category: str = "Group") -> Row:
    return sender, receiver, time, title, category


def forum(folder: Path, *more: Row, people: Iterable[list[str]] = (), run: int = 1) -> Path:
    """A folder with a run's tables: everybody writes on day 10 with a cut-off on day 20, some on day 22."""
    nodes = [[uid, "0", "", "0"] for uid in LEARNERS]
    nodes += [[STAFF, "1", "", "0"], [EXPERT, "0", "", "1"], [EARLY, "0", "", "NULL"], *people]
    rows = [comment(EARLY, "1", "4/4/13 9:00", "Early bird"), comment(EXPERT, "1", "4/13/13 9:00")]
    rows += [comment(uid, STAFF, "4/14/13 9:00") for uid in LEARNERS]
    rows += [comment("1", "2", "4/15/13 9:00", 'A "new" thread\rin two lines'), comment("1", "2", "4/15/13 9:01")]
    rows += [comment("1", "1", "4/16/13 9:00"), comment("2", "1", "4/24/13 23:59"), comment(STAFF, "2", "4/16/13 9:00")]
    rows += [comment(uid, "1", "4/26/13 9:00") for uid in LEARNERS[1::2]]
    head, columns = HEADERS[run]
    write(folder / f"DLT{run}_Nodes.csv", [head, *nodes])
    write(folder / f"DLT{run}_Edgelist.csv", [columns, *(cells(row, run) for row in (*rows, *more))])
    return folder


def cells(row: Row, run: int) -> list[str]:
    """A row of the table of comments, numbered by minutes; the second run gives days only."""
    sender, receiver, time, title, category = row
    moment = pd.to_datetime(time, format="%m/%d/%y %H:%M", errors="coerce")
    number = 0 if moment is pd.NaT else int(moment.timestamp()) // 60
    return [sender, receiver, time.split()[0] if run == 2 else time, title, category, title + category, str(number)]


def write(file: Path, rows: Iterable[list[str]]) -> None:
    """Like the real files: bare carriage returns, also inside quotes."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened, lineterminator="\r").writerows(rows)


def read(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened))


def real_folder(run: int | str = 1) -> Path:
    """The mirror's files of a run, checked; skips the test where there is no mirror."""
    folder = MIRROR / mooc_ed.FOLDER
    missing = [name for name in mooc_ed.needed(run) if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the mirror lacks {folder / missing[0]}; set SGN_MIRROR to a folder that holds {folder.name}/")
    found = folder_for(mooc_ed, {"run": run}, MIRROR)
    assert found is not None
    return found


def real(splits: list[str], run: int | str, cutoff: int = 20) -> Dataset:
    return mooc_ed.make(real_folder(run), splits, cutoff, run)


def sizes(dataset: Dataset) -> dict[str, tuple[int, int, int, int]]:
    """Train, validation, test, hidden of each split."""
    return {name: (len(s.train), len(s.validation), len(s.test), len(s.hidden)) for name, s in dataset.splits.items()}


def pairs(dataset: Dataset) -> list[tuple[int, int]]:
    """Edges as pairs."""
    return [(a, b) for a, b in dataset.graph.edges.T.tolist()]


def column(dataset: Dataset, name: str) -> np.ndarray:
    """A feature of all nodes."""
    return dataset.graph.x[:, dataset.graph.features.index(name)].numpy()


def differences(a: Dataset, b: Dataset) -> set[str]:
    """What of the inputs differs."""
    different = {name for name in ("features", "texts") if getattr(a.graph, name) != getattr(b.graph, name)}
    return different | {
        name for name in ("x", "edges", "weights") if not torch.equal(getattr(a.graph, name), getattr(b.graph, name))
    }


@pytest.mark.parametrize("run", [1, 2])
def test_cohort_and_labels(tmp_path: Path, run: int) -> None:
    dataset = mooc_ed.make(forum(tmp_path, run=run), ["0"], run=run)
    assert len(dataset.graph) == 20, "no staff, no expert, nobody who left before"
    assert dataset.labels.tolist() == [1, 0] * 10
    assert dataset.task.classes[1] == "drops out"
    assert dataset.replication == "folds"
    assert sizes(dataset) == {"0": (12, 4, 4, 0)}


@pytest.mark.parametrize("run", [1, 2])
def test_text_is_titles_newest_first(tmp_path: Path, run: int) -> None:
    texts = mooc_ed.make(forum(tmp_path, run=run), [], run=run).graph.texts
    assert texts[0] == 'Welcome, all (Group); A "new" thread\rin two lines (Group)'
    assert texts[2] == "Welcome, all (Group)"


@pytest.mark.parametrize("run", [1, 2])
def test_edges_and_features(tmp_path: Path, run: int) -> None:
    twice = comment("1", "2", "4/15/13 9:01")
    dataset = mooc_ed.make(forum(tmp_path, twice, run=run), [], run=run)
    assert dict(zip(pairs(dataset), dataset.graph.weights.tolist(), strict=True)) == {(0, 1): 2, (1, 0): 1}
    first = {name: float(value) for name, value in zip(dataset.graph.features, dataset.graph.x[0], strict=True)}
    assert first == pytest.approx(
        {
            "comments": np.log(5),  # one to staff, two to 2, one to herself; the repeated row is one comment
            "discussions": np.log(3),
            "active days": np.log(4),
            "comments received": np.log(4),  # from two who are not in the cohort, too; not from herself
            "comments to staff": np.log(2),
            "comments from staff": 0,
            "days since last comment": 8,
            "day of first comment": 10,
            "words in titles": np.log(9),
        }
    )
    assert np.expm1(column(dataset, "comments from staff"))[1] == pytest.approx(1)


def test_comments_of_a_day_without_hours_are_not_one(tmp_path: Path) -> None:
    again = comment("1", "2", "4/15/13 17:00")
    dataset = mooc_ed.make(forum(tmp_path, again, run=2), [], run=2)
    assert dict(zip(pairs(dataset), dataset.graph.weights.tolist(), strict=True)) == {(0, 1): 3, (1, 0): 1}


def test_names_are_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [hashlib.sha256(word.encode()).hexdigest()[:8] for word in ("ada", "lovelace")]
    monkeypatch.setattr(mooc_ed, "NAMES", " ".join(digests))
    more = [
        comment("3", "1", "4/16/13 9:00", "Goals by ADA Lovelace-adamant"),
        comment("3", "1", "4/17/13 9:00", "Grace, dean of Yale", "Introductions"),
        comment("3", "1", "4/18/13 9:00", "Hello!", "Introductions"),
    ]
    dataset = mooc_ed.make(forum(tmp_path, *more), [])
    assert dataset.graph.texts[2] == (
        "[introduction] (Introductions); Goals by [name] [name]-adamant (Group); Welcome, all (Group)"
    )
    assert column(dataset, "discussions")[2] == pytest.approx(np.log(5)), "masked, and still four discussions"


def test_later_run_is_tested(tmp_path: Path) -> None:
    forum(tmp_path)
    forum(tmp_path, comment("1", "2", "4/15/13 17:00"), run=2)
    dataset = mooc_ed.make(tmp_path, ["fixed"], run="1 to 2")
    first, second = (mooc_ed.make(tmp_path, [], run=run) for run in (1, 2))
    assert sizes(dataset) == {"fixed": (16, 4, 20, 20)}
    split = dataset.splits["fixed"]
    assert split.test.tolist() == split.hidden.tolist() == list(range(20, 40))
    assert dataset.labels[split.validation].sum() == 2
    assert pairs(dataset) == pairs(first) + [(a + 20, b + 20) for a, b in pairs(second)], "two components"
    assert torch.equal(dataset.graph.weights, torch.cat([first.graph.weights, second.graph.weights]))
    assert torch.equal(dataset.graph.x, torch.cat([first.graph.x, second.graph.x]))
    assert dataset.graph.texts == first.graph.texts + second.graph.texts
    assert dataset.labels.tolist() == [*first.labels, *second.labels]
    assert dataset.replication == "fixed"
    assert dataset.persons is None
    assert any("each run numbers its people anew" in remark for remark in dataset.remarks)


def test_random_sides_are_as_large_as_those_of_the_later_run(tmp_path: Path) -> None:
    forum(tmp_path)
    dataset = mooc_ed.make(forum(tmp_path, run=2), ["0", "14"], run="1 to 2")
    assert sizes(dataset) == {"0": (16, 4, 20, 20), "14": (16, 4, 20, 20)}
    first, last = dataset.splits["0"], dataset.splits["14"]
    assert first.test.tolist() == first.hidden.tolist()
    assert {test < 20 for test in first.test.tolist()} == {True, False}, "learners of both runs are tested"
    assert first.test.tolist() != last.test.tolist()
    assert dataset.replication == "folds"
    assert any("drawn at random from both runs" in remark for remark in dataset.remarks)


def test_lead_time_lasts_until_the_end_of_a_run(tmp_path: Path) -> None:
    forum(tmp_path)
    forum(tmp_path, comment("1", "2", "5/15/13 17:00"), run=2)
    ends = [mooc_ed.make(tmp_path, [], run=run, cutoff=19).lead for run in (1, 2)]
    both = mooc_ed.make(tmp_path, [], run="1 to 2", cutoff=19).lead
    assert ends[0] is not None
    assert ends[1] is not None
    assert both is not None
    assert len(set(ends[0])) == len(set(ends[1])) == 1
    assert ends[1][0] > ends[0][0] > 0
    assert both.tolist() == [*ends[0], *ends[1]]


@pytest.mark.parametrize("run", [1, 2])
def test_knows_nothing_after_the_cutoff(tmp_path: Path, run: int) -> None:
    before = mooc_ed.make(forum(tmp_path, run=run), [], run=run)
    later = [
        comment("3", STAFF, "4/25/13 0:00", "Later"),
        comment(STAFF, "5", "5/1/13 9:00"),
        comment("7", "9", "5/2/13 9:00"),
    ]
    after = mooc_ed.make(forum(tmp_path, *later, run=run), [], run=run)
    assert differences(before, after) == set()
    assert np.flatnonzero(before.labels != after.labels).tolist() == [2, 6], "only whether 3 and 7 stay is new"


def test_a_planted_later_comment_would_be_seen(tmp_path: Path) -> None:
    planted = [comment("3", "5", "4/25/13 9:00", "Later"), comment("3", "5", "4/30/13 9:00")]
    before, after = (mooc_ed.make(forum(tmp_path, *more, planted[1]), [], cutoff=21) for more in ([], planted[:1]))
    assert differences(before, after) == {"x", "texts", "edges", "weights"}, "with the cut-off a day later"


def test_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    for run in (1, 2):
        newest = comment("3", "1", "4/20/13 9:00", "Newest"), comment("3", "1", "4/20/13 8:00", "Second")
        first = mooc_ed.make(forum(tmp_path, *newest, run=run), [], run=run)
        assert first.graph.texts[2] == "Newest (Group); Second (Group); Welcome, all (Group)"
        file = tmp_path / f"DLT{run}_Edgelist.csv"
        header, *rows = read(file)
        write(file, [header, *rows[::-1]])
        assert differences(first, mooc_ed.make(tmp_path, [], run=run)) == set()


@pytest.mark.parametrize(
    ("more", "people", "message"),
    [
        (
            [comment("77", "1", "4/4/13 9:00")],
            [],
            r"Edgelist\.csv, row 39: Sender is '77'; expected a UID of the table of nodes",
        ),
        ([comment("1", "77", "4/4/13 9:00")], [], r"Edgelist\.csv, row 39: Receiver is '77'; expected a UID"),
        (
            [comment("1", "2", "yesterday")],
            [],
            r"Edgelist\.csv, row 39: Timestamp is 'yesterday'; expected a time like 4/24/13 16:32",
        ),
        ([], [["1", "0", "", "0"]], r"Nodes\.csv, row 25: UID is '1'; expected each once"),
        ([], [["93", "maybe", "", "0"]], r"Nodes\.csv, row 25: Facilitator is 'maybe'; expected one of 0, 1"),
    ],
    ids=["sender", "receiver", "time", "uid", "facilitator"],
)
def test_bad_tables(tmp_path: Path, more: list[Row], people: list[list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mooc_ed.make(forum(tmp_path, *more, people=people), [])


def test_bad_columns_options_and_splits(tmp_path: Path) -> None:
    folder = forum(tmp_path)
    for cutoff in (0, 22, 1000, -5):
        with pytest.raises(ValueError, match=f"cutoff = {cutoff} leaves .* of run 1.* choose a day between 0 and 21"):
            mooc_ed.make(folder, [], cutoff=cutoff)
    with pytest.raises(ValueError, match="no run 3; there are 1, 2, 1 to 2"):
        mooc_ed.make(folder, [], run=3)
    assert mooc_ed.needed() == ["DLT1_Edgelist.csv", "DLT1_Nodes.csv"]
    assert set(mooc_ed.needed("1 to 2")) == set(mooc_ed.FILES)
    with pytest.raises(ValueError, match="no split 'cornell'; splits are whole numbers"):
        mooc_ed.make(folder, ["cornell"])
    with pytest.raises(ValueError, match="split 'fixed' stands alone"):
        mooc_ed.make(forum(folder, run=2), ["0", "fixed"], run="1 to 2")
    rows = read(folder / "DLT1_Edgelist.csv")
    rows[3][-1] = "third"
    write(folder / "DLT1_Edgelist.csv", rows)
    with pytest.raises(ValueError, match=r"Edgelist\.csv, row 4: Comment ID is 'third'; expected a whole number"):
        mooc_ed.make(folder, [])
    (folder / "DLT1_Edgelist.csv").write_text("Sender,Reciever\r1,2\r", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Edgelist\.csv: expected one column 'Receiver'; there are Sender, Reciever"):
        mooc_ed.make(folder, [])
    (folder / "DLT1_Nodes.csv").write_bytes(b"UID\r\xff\xfe\r")
    with pytest.raises(ValueError, match=r"Nodes\.csv is not a whole table in UTF-8"):
        mooc_ed.make(folder, [])


# The real files. Counts are those of the data card; scores are those of plain scikit-learn, within their noise.


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("run", "cutoff", "learners", "positive"),
    [
        (1, 20, 238, 0.622),
        (1, 27, 158, 0.506),
        (1, 34, 113, 0.460),
        (2, 20, 196, 0.520),
        (2, 27, 145, 0.441),
        (2, 34, 133, 0.414),
    ],
)
def test_counts(run: int, cutoff: int, learners: int, positive: float) -> None:
    dataset = real(["0", "9"], cutoff=cutoff, run=run)
    assert len(dataset.graph) == learners
    assert dataset.labels.mean() == pytest.approx(positive, abs=5e-4)
    assert column(dataset, "days since last comment").max() <= 13
    assert column(dataset, "day of first comment").max() <= cutoff
    assert all(sum(size) == learners for size in sizes(dataset).values())


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("cutoff", "size"), [(20, (190, 48, 196, 196)), (27, (126, 32, 145, 145)), (34, (90, 23, 133, 133))]
)
def test_counts_of_the_later_run(cutoff: int, size: tuple[int, int, int, int]) -> None:
    dataset = real(["fixed"], cutoff=cutoff, run="1 to 2")
    assert sizes(dataset) == {"fixed": size}
    hidden = torch.zeros(len(dataset.graph), dtype=torch.bool)
    hidden[torch.from_numpy(dataset.splits["fixed"].hidden)] = True
    assert (hidden[dataset.graph.edges[0]] == hidden[dataset.graph.edges[1]]).all()


@pytest.mark.mirror
@pytest.mark.parametrize(("run", "number"), [(1, 6), (2, 18)])
def test_names_in_real_titles_are_masked(run: int, number: int) -> None:
    layout = mooc_ed.LAYOUTS[run]
    table = read_table(real_folder(run) / f"DLT{run}_Edgelist.csv", dict.fromkeys(layout.comments, str))
    titles, categories = (table[layout.comments[place]] for place in (4, 5))
    introduced = categories == "Introductions"
    masked = mooc_ed._without_names(titles, categories)
    assert set(masked[introduced]) == ({"[introduction]"} if run == 2 else set())
    changed = (masked != titles) & ~introduced
    assert titles[changed].nunique() == number
    assert masked[changed].str.contains("[name]", regex=False).all()


@pytest.mark.mirror
@pytest.mark.parametrize("run", [1, 2])
def test_real_graph_is_that_of_the_log_up_to_the_cutoff(tmp_path: Path, run: int) -> None:
    name, folder = f"DLT{run}_Edgelist.csv", real_folder(run)
    (tmp_path / f"DLT{run}_Nodes.csv").write_bytes((folder / f"DLT{run}_Nodes.csv").read_bytes())
    header, *rows = read(folder / name)
    time = pd.to_datetime([row[2].split()[0] for row in rows], format="%m/%d/%y")
    day = (time - time.min()).days
    early = [row for row, number in zip(rows, day, strict=True) if number <= 20]
    last = next(row for row, number in zip(rows, day, strict=True) if number == 20)
    somebody_stays = [[*last[:2], rows[day.argmax()][2], *last[3:]]]  # without whom there would be no task
    write(tmp_path / name, [header, *early, *somebody_stays])
    whole, cut = mooc_ed.make(folder, [], run=run), mooc_ed.make(tmp_path, [], run=run)
    assert differences(whole, cut) == set()
    assert whole.labels.sum() < cut.labels.sum()
    later = mooc_ed.make(folder, [], cutoff=21, run=run)
    assert differences(whole, later) >= {"x", "texts", "edges"}


def test_the_text_may_be_its_length_alone(tmp_path: Path) -> None:
    whole = mooc_ed.make(forum(tmp_path), ["0"])
    control = mooc_ed.make(tmp_path, ["0"], text="length")
    assert differences(whole, control) == {"texts"}
    assert (whole.text, control.text) == ("titles", "template")
    assert control.graph.texts[0] == "8 words in 2 titles."
    words = whole.graph.x[:, whole.graph.features.index("words in titles")].expm1().round().int().tolist()
    assert [int(text.split()[0]) for text in control.graph.texts] == words
    assert any("A control" in remark for remark in control.remarks)
    assert not any("A control" in remark for remark in whole.remarks)


@pytest.mark.mirror
@pytest.mark.parametrize(("run", "low", "high"), [(1, 0.66, 0.82), (2, 0.67, 0.83), ("1 to 2", 0.68, 0.84)])
def test_activity_tells_dropout(run: int | str, low: float, high: float) -> None:  # 0.74, 0.75, 0.76
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = real(["fixed"] if run == "1 to 2" else [str(fold) for fold in range(15)], run=run)
    x, scores = dataset.graph.x.numpy(), []
    for split in dataset.splits.values():
        train = np.concatenate([split.train, split.validation])
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(x[train], dataset.labels[train])
        scores.append(roc_auc_score(dataset.labels[split.test], model.decision_function(x[split.test])))
    assert low < np.mean(scores) < high
