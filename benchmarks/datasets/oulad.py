"""OULAD: which students of the Open University withdraw, told from who they are and what they handed in so far?

Nodes are enrolments in 22 presentations of seven modules, 2013 and 2014. Nobody's words and no contact between
students were recorded: the text is a template of the codes, and there are no edges. Edges between students of one
region, or who handed in on the same day, can be constructed as a control, in which a graph convolution should gain
nothing over an MLP. With the log of clicks, which is large and brought by the user, weekly clicks become features and
similar use of the course's pages becomes edges.

J. Kuzilek, M. Hlosta, Z. Zdrahal, "Open University Learning Analytics dataset", Scientific Data 4:170171 (2017),
https://doi.org/10.1038/sdata.2017.171.
Level 2.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, Columns, read_table, refuse
from benchmarks.datasets.oulad_edges import alike
from sgn.graph import StudentGraph
from sgn.task import Task

SPLITS = ("2014", "2014-known", "2014-new")
FOLDER = "oulad"
FILES = {
    "studentVle.csv": "",  # not known: whoever has the file answers for it; first, so that it is named as missing first
    "studentInfo.csv": "3f063c980f0e39bce4886e1adc85ee51bf8678e6ec4181339d58664a43766e52",
    "studentRegistration.csv": "bf0e34ab44bab1108021c35bd74fc264b6cd34f6f6ec91ee072b6c571da4dcbd",
    "studentAssessment.csv": "a4a7718dc1f701b2cc5799b51d75859150bba622ab51d0f392a9de9329e1777c",
    "assessments.csv": "31e32a82c839898ce059d5888158bddcd1b4dc77af1ba0333a11c7102729f653",
}
SOURCE = "https://analyse.kmi.open.ac.uk/open_dataset"

CLICKS, INFO, REGISTRATIONS, HAND_INS, PLAN = FILES
CLICK_ROWS = 10_655_280  # as published
RESULTS = ("Withdrawn", "Fail", "Pass", "Distinction")
TASKS = {
    "withdrawn": ("withdraws", Task("binary", ("stays", "withdraws"))),
    "result": ("final result", Task("multiclass", RESULTS)),
    "multilabel": ("withdraws; withdraws or fails", Task("multilabel", ("withdrawn", "withdrawn or failed"))),
}
CUTOFFS = (0, 30, 60, 90)
EDGES = ("none", "region", "day", "clicks")
VALIDATION = 0.2  # of the students of 2013

PRESENTATION = ["code_module", "code_presentation"]
ENROLMENT = [*PRESENTATION, "id_student"]
CODES = {
    "code_module": "module",
    "start": "start",
    "region": "region",
    "highest_education": "education",
    "imd_band": "deprivation band",
    "age_band": "age",
    "gender": "gender",
    "disability": "disability",
}
PROTECTED = ("gender", "age_band", "disability", "imd_band")
STARTS = {"B": "February", "J": "October"}
PRESENTATIONS = ("2013B", "2013J", "2014B", "2014J")

COURSE = {"code_module": Column(str), "code_presentation": Column(str, PRESENTATIONS)}
COUNT, DAY = Column(int, range(2**31)), Column(int, empty=True)
COLUMNS: dict[str, Columns] = {
    INFO: {
        **COURSE,
        "id_student": int,
        **dict.fromkeys(["region", "highest_education", "age_band", "gender", "disability"], Column(str)),
        "imd_band": str,
        "num_of_prev_attempts": COUNT,
        "studied_credits": COUNT,
        "final_result": Column(str, RESULTS),
    },
    REGISTRATIONS: {**COURSE, "id_student": int, "date_registration": DAY, "date_unregistration": DAY},
    PLAN: {**COURSE, "id_assessment": int, "date": DAY},
    HAND_INS: {
        "id_student": int,
        "date_submitted": int,
        "is_banked": Column(int, (0, 1)),
        "score": Column(int, range(101), empty=True),
    },
    CLICKS: {**COURSE, "id_student": int, "id_site": int, "date": int, "sum_click": Column(int, range(1, 2**31))},
}

REMARKS = (
    "The text is a template: the codes and counts of the features put into a sentence, hand-ins first.",
    "93 students who withdrew on an unknown day are left out, for whether they were still there at the cut-off is not "
    "known. This is the one rule of the cohort that looks at the outcome; 87 of them are of autumn 2014.",
    "An unknown day of registration counts as registered in time, and as the median day in features and text.",
    "Training ends later than testing begins: the outcome of autumn 2013 was known when spring 2014 was under way. "
    "A score says how well one year carries over to the next, not what could have been known in February 2014.",
    "Who is in both years is not tested. One person may train, or be tested, with several enrolments.",
    "A module that only 2014 has (CCC) has no indicator, for its weight could not be trained; in the text it has a "
    "name that training never saw.",
    "Not checkable: when a score became known. It is used from the day of the hand-in on.",
)
CONSTRUCTED = {
    "none": ("There are no edges: no contact between students was recorded.",),
    "region": (
        "Edges are constructed, a control: pairs of one region in one presentation, at most ten each, taken by chance. "
        "They say nothing that the region does not say.",
    ),
    "day": (
        "Edges are constructed, a control: pairs of a presentation who handed the same assessments in on the same "
        "days, at most ten each. They repeat a student's own days of hand-in.",
    ),
    "clicks": (
        "Edges are constructed: pairs of a presentation who opened the same pages on the same days, at most ten each. "
        "It is not known that they knew each other.",
    ),
}
UNKNOWN_BYTES = (
    f"Not checkable: whether {CLICKS} is the published file, byte for byte, for its checksum is not known here. Its "
    f"columns, its values, its enrolments and the number of its rows ({CLICK_ROWS:,}) are checked."
)


def needed(edges: str = "none", clicks: bool = False) -> list[str]:
    """Raw files that these options need: all, without the log of clicks where nothing is made of it."""
    return [name for name in FILES if name != CLICKS or clicks or edges == "clicks"]


def make(
    raw: Path,
    splits: Sequence[str],
    task: Literal["withdrawn", "result", "multilabel"] = "withdrawn",
    cutoff: Literal[0, 30, 60, 90] = 30,
    edges: Literal["none", "region", "day", "clicks"] = "none",
    clicks: bool = False,
) -> Dataset:
    """Enrolments registered and not yet unregistered on day `cutoff` (0, 30, 60, 90), and how they end.

    Days count from the start of a presentation. `task` is "withdrawn", "result" (four classes) or "multilabel" (two
    questions: withdrawn; withdrawn or failed). `edges` is "none", "region", "day" or, with the log of clicks,
    "clicks"; `clicks` adds weekly clicks to features and text. Features, text and edges come from events up to and on
    the cut-off day.

    Split "2014" trains and validates on 2013 and tests all of 2014, which is hidden from training, without students
    of both years. "2014-known" tests the modules that 2013 has, too, and "2014-new" the one that it has not; these
    two are groups, and "2014" stands alone. Raises ValueError for another value of an option or split, and for tables
    with missing columns, wrong values, repeated or unknown enrolments.
    """
    for option, value, allowed in (("task", task, TASKS), ("cutoff", cutoff, CUTOFFS), ("edges", edges, EDGES)):
        if value not in allowed:
            raise ValueError(f"{option} = {value!r}; expected {', '.join(map(str, allowed))}")
    everybody = _enrolments(raw, cutoff)
    students = everybody[everybody["node"] >= 0].reset_index(drop=True)
    handed, due = _assessments(raw, everybody, cutoff)
    log = _log(raw / CLICKS, everybody, cutoff) if CLICKS in needed(edges, clicks) else None
    did = _hand_ins(handed, due, students, cutoff)
    weeks = _weeks(log, len(students), cutoff) if clicks and log is not None else pd.DataFrame(index=students.index)
    x = pd.concat([did, weeks.apply(np.log1p), _background(students)], axis=1)
    pairs, weights = _edges(edges, students, handed, log)
    target, question = TASKS[task]
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=_texts(students, did, weeks),
            edges=torch.from_numpy(pairs),
            weights=torch.from_numpy(weights),
            directed=False,
        ),
        labels=_labels(task, students["final_result"]),
        task=question,
        target=target,
        text="template",
        replication="fixed" if "2014" in map(str, splits) else "groups",
        splits=_splits(splits, students),
        persons=students["id_student"].to_numpy(),
        clock="day",
        lead=(students["date_unregistration"] - cutoff).to_numpy(),  # until they withdraw
        remarks=(*REMARKS, *CONSTRUCTED[edges], *([] if log is None else [UNKNOWN_BYTES])),
        protected={CODES[code]: students[code].replace("unknown", "").to_numpy(np.str_) for code in PROTECTED},
    )


def _splits(splits: Sequence[str], students: pd.DataFrame) -> dict[str, Split]:
    if "2014" in map(str, splits) and len(splits) > 1:
        raise ValueError("split '2014' stands alone: the others are parts of it")
    first, person = (students["year"] == "2013").to_numpy(), students["id_student"]
    learned = np.unique(person[first])
    validating = np.random.RandomState(0).permutation(learned)[: int(VALIDATION * len(learned))]
    validates = person.isin(validating).to_numpy()
    tested = ~first & ~person.isin(learned).to_numpy()
    known = students["code_module"].isin(students["code_module"][first]).to_numpy()
    return named(
        splits,
        {
            name: Split(
                train=np.flatnonzero(first & ~validates),
                validation=np.flatnonzero(first & validates),
                test=np.flatnonzero(tested & part),
                hidden=np.flatnonzero(~first),
            )
            for name, part in (("2014", True), ("2014-known", known), ("2014-new", ~known))
        },
    )


def _labels(task: str, results: pd.Series) -> np.ndarray:
    withdrawn = results == "Withdrawn"
    labels = {
        "withdrawn": withdrawn,
        "result": pd.Categorical(results, RESULTS).codes,
        "multilabel": np.stack([withdrawn, withdrawn | (results == "Fail")], axis=1),
    }
    return np.asarray(labels[task], np.int64)


def _background(students: pd.DataFrame) -> pd.DataFrame:
    """What is known of each enrolment before the start. A code that 2013 does not have gets no column."""
    numbers = pd.DataFrame(
        {
            "previous attempts": students["num_of_prev_attempts"],
            "credits": np.log1p(students["studied_credits"]),
            "day of registration": students["date_registration"],
        }
    )
    training = students[students["year"] == "2013"]
    codes = {
        f"{name}: {value}": students[code] == value
        for code, name in CODES.items()
        for value in sorted(training[code].unique())
    }
    return numbers.assign(**codes)


def _hand_ins(handed: pd.DataFrame, due: pd.Series, students: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """What each enrolment handed in so far; zeros and a flag where there is nothing to tell."""
    own = handed.groupby("node")
    in_time = handed[handed["due"] <= cutoff].groupby("node").size()
    there = due.reindex(pd.MultiIndex.from_frame(students[PRESENTATION]), fill_value=0).set_axis(students.index)
    columns = {
        "assessments due": there,
        "handed in": own.size(),
        "missed": there - in_time.reindex(students.index, fill_value=0),
        "mean score": own["score"].mean(),
        "latest score": own["score"].last(),
        "days before due": (handed["due"] - handed["day"]).groupby(handed["node"]).mean(),
        "days since last hand-in": cutoff - own["day"].max(),
    }
    did = pd.DataFrame(columns, index=students.index)
    return did.assign(**{"no score": did["mean score"].isna()}).astype(np.float64).fillna(0.0)


def _weeks(log: pd.DataFrame, n: int, cutoff: int) -> pd.DataFrame:
    """Clicks of each enrolment before the start and in each week since; the last week ends on the cut-off day."""
    names = ["clicks before the start", *(f"clicks in week {week}" for week in range(1, cutoff // 7 + 2))]
    places = log["node"], (log["day"] // 7).clip(lower=-1) + 1
    return pd.DataFrame(scipy.sparse.coo_array((log["clicks"], places), (n, len(names))).toarray(), columns=names)


def _texts(students: pd.DataFrame, did: pd.DataFrame, weeks: pd.DataFrame) -> tuple[str, ...]:
    """The features of each enrolment in words."""
    newest_first = weeks.iloc[:, ::-1].to_numpy().tolist()
    return tuple(map(_words, students.to_dict("records"), did.to_dict("records"), newest_first))


def _words(who: Mapping[Any, Any], did: Mapping[Any, Any], clicks: list[int]) -> str:
    done = "Assessments handed in {handed in:.0f}, due {assessments due:.0f}, missed {missed:.0f}"
    when = "On average {days before due:.0f} days before due, last {days since last hand-in:.0f} days ago"
    scores = "Mean score {mean score:.0f}, latest {latest score:.0f}"
    parts = [done, *([when] if did["handed in"] else []), *([] if did["no score"] else [scores])]
    parts = [part.format_map(did) for part in parts]
    if clicks:
        parts.append("Clicks by week, newest first: " + ", ".join(map(str, clicks)))
    parts.append("Enrolled in " + ", ".join(f"{name} {who[code]}" for code, name in CODES.items()))
    parts.append(
        "Previous attempts {num_of_prev_attempts}, credits {studied_credits}, "
        "registered on day {date_registration:.0f}".format_map(who)
    )
    return ". ".join(parts) + "."


def _edges(
    edges: str, students: pd.DataFrame, handed: pd.DataFrame, log: pd.DataFrame | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a presentation who have much in common [2, E], both ways, and how much [E].

    What they have in common is a region, days on which they handed something in, or pages that they opened on a day.
    """
    if edges == "none":
        return np.empty((2, 0), np.int64), np.empty(0, np.float32)
    shared, by = {
        "region": (students, ["region"]),
        "day": (handed, ["id_assessment", "day"]),
        "clicks": (log, ["id_site", "day"]),
    }[edges]
    assert shared is not None, "needed() asks for the log of clicks"
    presentations = students.groupby(PRESENTATION).indices.values()
    return alike(shared["node"], shared.groupby(by).ngroup(), presentations, len(students))


def _enrolments(raw: Path, cutoff: int) -> pd.DataFrame:
    """All enrolments, each with its number in the cohort of `cutoff` as "node", -1 for who is not in it."""
    info, registered = (read_table(raw / name, COLUMNS[name], key=ENROLMENT) for name in (INFO, REGISTRATIONS))
    _joined(raw / REGISTRATIONS, registered, info[ENROLMENT], INFO)
    everybody = _joined(raw / INFO, info, registered, REGISTRATIONS)
    registered_on, left_on = everybody["date_registration"], everybody["date_unregistration"]
    lost = (everybody["final_result"] == "Withdrawn") & left_on.isna()
    there = ~(registered_on > cutoff) & ~(left_on <= cutoff) & ~lost
    year, start = everybody["code_presentation"].str[:4], everybody["code_presentation"].str[4].map(STARTS)
    return everybody.assign(
        node=np.where(there, there.cumsum() - 1, -1),
        year=year,
        start=start,
        imd_band=everybody["imd_band"].replace({"": "unknown", "10-20": "10-20%"}),
        date_registration=registered_on.fillna(registered_on[there & (year == "2013")].median()),
    )


def _assessments(raw: Path, everybody: pd.DataFrame, cutoff: int) -> tuple[pd.DataFrame, pd.Series]:
    """What the cohort handed in up to the cut-off, in time order; and how many assessments a presentation had due."""
    file, plan = raw / HAND_INS, read_table(raw / PLAN, COLUMNS[PLAN], key=["id_assessment"])
    known: Columns = {"id_assessment": Column(int, plan["id_assessment"], f"an assessment of {PLAN}")}
    handed = read_table(file, known | COLUMNS[HAND_INS], key=["id_assessment", "id_student"])
    handed = handed.rename(columns={"date_submitted": "day"}).join(
        plan.rename(columns={"date": "due"}).set_index("id_assessment"), on="id_assessment"
    )
    so_far = handed[(handed["is_banked"] == 0) & (handed["day"] <= cutoff)]
    own = _joined(file, so_far, everybody[[*ENROLMENT, "node"]], INFO)
    return (
        own[own["node"] >= 0].sort_values(["day", "id_assessment"], kind="stable"),
        plan[plan["date"] <= cutoff].groupby(PRESENTATION).size(),
    )


def _log(file: Path, everybody: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """The cohort's clicks up to the cut-off: node, id_site, day, clicks."""
    log = read_table(file, COLUMNS[CLICKS])
    if len(log) != CLICK_ROWS:
        raise RawFileError(f"{file}: {len(log):,} rows; expected {CLICK_ROWS:,}")
    own = _joined(file, log[log["date"] <= cutoff], everybody[[*ENROLMENT, "node"]], INFO)
    return own[own["node"] >= 0].rename(columns={"date": "day", "sum_click": "clicks"})


def _joined(file: Path, rows: pd.DataFrame, other: pd.DataFrame, where: str) -> pd.DataFrame:
    """Each row with what `other`, the table `where`, knows of its enrolment; the first without one is refused."""
    joined = rows.merge(other, on=ENROLMENT, how="left", indicator="found").set_axis(rows.index)
    refuse(file, rows[ENROLMENT], joined["found"] == "left_only", f"an enrolment of {where}")
    return joined.drop(columns="found")
