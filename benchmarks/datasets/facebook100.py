"""Facebook100: in which year did a student enter, told from whom they are friends with?

Nodes are all members of a college's Facebook on one day in September 2005, edges are friendships. The class is the
year of graduation, 2005 to 2009; members with another year or none are context. There is no text: a template puts the
codes of major, minor and high school into words, so that a row with text can be filled, and it is called a template.

A. L. Traud, P. J. Mucha, M. A. Porter, "Social structure of Facebook networks", Physica A 391 (2012),
https://arxiv.org/abs/1102.2166. Status and dorm are no inputs, for they give the year away (a missing dorm does, too),
and neither is gender, which is sensitive and not needed. It is a task only to compare with published numbers, those of
D. Lim et al., "Large Scale Learning on Non-Homophilous Graphs", NeurIPS 2021, https://arxiv.org/abs/2110.14446.
Level 2.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.io
import scipy.sparse
import torch

from benchmarks.data.arrays import refuse
from benchmarks.data.dataset import Dataset, Split, named, random_split
from benchmarks.data.raw import DOWNLOADS, RawFileError
from benchmarks.jobs.outcome import NotAvailableError
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "facebook100"
FILES = {
    "Reed98.mat": "d12ec74dc8c6e237385975b976c3709555a83629a1260be693fb688e3446070e",
    "Amherst41.mat": "3108e4b2edb01be05c5a61147583a40e61012820fff7eebe621dd26018caaf00",
    "Johns Hopkins55.mat": "fc7243bf257155df03afbc397ab34b5f8eb8e75f40cd1603398e207a033ef50f",
    "Cornell5.mat": "d9ff76ae34e855cb77b0779a3a320f7f73f848901cb13352e2734c17804c4aec",
    "splits/fb100-Penn94-splits.npz": "ca3a67935dc53db56748e398a4a4d564f7b3f6cce19f1f96cbbc8865e9d350f5",
    "Penn94.mat": "",
}
URLS = {
    "Reed98.mat": "https://raw.githubusercontent.com/CUAI/Non-Homophily-Large-Scale/82f8f05c5c3ec16bd5b505cc7ad62ab5e09051e6/data/facebook100/Reed98.mat",
    "Amherst41.mat": "https://raw.githubusercontent.com/CUAI/Non-Homophily-Large-Scale/82f8f05c5c3ec16bd5b505cc7ad62ab5e09051e6/data/facebook100/Amherst41.mat",
    "Johns Hopkins55.mat": "https://raw.githubusercontent.com/CUAI/Non-Homophily-Large-Scale/82f8f05c5c3ec16bd5b505cc7ad62ab5e09051e6/data/facebook100/Johns%20Hopkins55.mat",
    "Cornell5.mat": "https://raw.githubusercontent.com/CUAI/Non-Homophily-Large-Scale/82f8f05c5c3ec16bd5b505cc7ad62ab5e09051e6/data/facebook100/Cornell5.mat",
}
SOURCE = (
    "the authors' facebook100 data, copy at https://archive.org/details/oxford-2005-facebook-matrix, "
    "and for splits/ a conversion that docs/datasets/facebook100.md describes"
)

COLUMNS = ("status", "gender", "major", "minor", "dorm", "year", "high school")  # of local_info; 0 is missing
SPLITS = 5
SEEDS = range(SPLITS)
NUMBERS = ("double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
PENN, PENN_SPLITS = "Penn94", "splits/fb100-Penn94-splits.npz"  # the splits of the published numbers
SIDES = ("train", "valid", "test")  # names of arrays there
MISSING, POOLED = -2, -1  # stand for codes that are 0, and for rare ones
WORDS = {MISSING: "missing", POOLED: "rare"}


@dataclass(frozen=True)
class Target:
    """What is predicted from what; a code of an input that fewer than `rare` members have is pooled with all such."""

    column: str
    codes: tuple[int, ...]
    inputs: tuple[str, ...]
    rare: int
    remarks: tuple[str, ...]


TASKS = {
    "cohort": Target(
        column="year",
        codes=(2005, 2006, 2007, 2008, 2009),
        inputs=("major", "minor", "high school"),
        rare=5,
        remarks=(
            "The text is a template of codes without a meaning in words: a gain by text is no gain by language.",
            "Status, gender and dorm are no inputs: status and a missing dorm tell of the year, gender is not needed.",
            "Which codes are rare is counted over all members, test students included; no label is needed for it.",
            "Not checkable: when a friendship began. The network is of one day, and first-years had just arrived, so "
            "the number of friends tells of the year, too.",
        ),
    ),
    "gender": Target(
        column="gender",
        codes=(1, 2),
        inputs=("status", "major", "minor", "dorm", "year", "high school"),
        rare=1,
        remarks=(
            "Gender is a sensitive entry with two codes: only compare with published numbers, and headline nothing.",
            "Inputs and accuracy are those of the published task.",
            "Not checkable: which code is which, and why it is missing.",
        ),
    ),
}


def needed(school: str) -> list[str]:
    """Raw files that a school needs; raises ValueError with the schools' names for another.

    Of Penn94 no checksum is known; the user puts it where the splits are, or into data/.
    """
    if school == PENN:
        return [PENN_SPLITS]
    if f"{school}.mat" not in FILES:
        schools = [name.removesuffix(".mat") for name in FILES if name.endswith(".mat")]
        raise ValueError(f"no school {school!r}; there are {', '.join(schools)}")
    return [f"{school}.mat"]


def make(
    raw: Path,
    splits: Sequence[str],
    school: Literal["Reed98", "Amherst41", "Johns Hopkins55", "Cornell5", "Penn94"],
    task: Literal["cohort", "gender"] = "cohort",
) -> Dataset:
    """A college's network and the `task` "cohort" or, to compare with published numbers, "gender".

    A split is named by the seed, 0 to 4, that draws half, a quarter and a quarter; for the gender in Penn94 it is one
    of those published. That file is looked for in `raw` and in data/facebook100. Raises ValueError for another school
    or task, and for a file without a friendship matrix and seven columns of codes; NotAvailableError for no Penn94.
    """
    needed(school)
    if task not in TASKS:
        raise ValueError(f"no task {task!r}; there are {', '.join(TASKS)}")
    if school == PENN and task != "gender":
        raise ValueError(f"{PENN} has no task {task!r}: its splits and published numbers are those of 'gender'")
    target, file = TASKS[task], _file(raw, school)
    friends, info = _read(file)
    columns = dict(zip(COLUMNS, info.T, strict=True))
    inputs = {name: columns[name] for name in target.inputs}
    codes = columns[target.column]
    labels = np.where(np.isin(codes, target.codes), codes - target.codes[0], -1)
    x, features = _one_hot(inputs, target.rare)
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x),
            features=features,
            texts=tuple(
                _words(dict(zip(inputs, member, strict=True))) for member in zip(*inputs.values(), strict=True)
            ),
            edges=torch.from_numpy(np.stack([friends.row, friends.col]).astype(np.int64)),
            weights=torch.ones(friends.nnz),
            directed=False,
        ),
        labels=labels,
        task=Task("multiclass", tuple(map(str, target.codes))),
        target=task,
        text="template",
        replication="folds",
        splits=named(splits, _splits(raw, school, labels)),
        remarks=(*target.remarks, *_unverified(file)),
        protected={} if target.column == "gender" else {"gender": _codes_as_words(columns["gender"])},
    )


def _file(raw: Path, school: str) -> Path:
    """The school's file; the one without a checksum may lie in either place, wherever its splits are."""
    file = raw / f"{school}.mat"
    if school != PENN or file.is_file():
        return file
    own = DOWNLOADS / FOLDER / file.name
    if not own.is_file():
        raise NotAvailableError(f"{FOLDER}/{file.name} is neither at {file} nor at {own}: get it from {SOURCE}")
    return own


def _unverified(file: Path) -> list[str]:
    """What a reader should know of a file that nobody has checked."""
    if FILES[file.name]:
        return []
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return [
        f"Not checkable: whether {file.name} is the right file, for no SHA-256 of it is known. This one has {digest}."
    ]


def _splits(raw: Path, school: str, labels: np.ndarray) -> dict[str, Split]:
    """All splits of the labeled members; raises ValueError where the published ones are about others."""
    if school != PENN:
        return {str(seed): random_split(labels, seed, 0.5, 0.25) for seed in SEEDS}
    labeled, nobody = np.flatnonzero(labels >= 0), np.array([], np.int64)
    splits = {}
    with np.load(raw / PENN_SPLITS, allow_pickle=False) as arrays:
        for i in SEEDS:
            train, validation, test = (np.sort(arrays[f"{side}_{i}"]).astype(np.int64) for side in SIDES)
            splits[str(i)] = Split(train, validation, test, nobody)
            if not np.array_equal(np.sort(np.concatenate([train, validation, test])), labeled):
                raise RawFileError(
                    f"{PENN}.mat has a gender of {len(labeled)} members, and {raw / PENN_SPLITS} is about others"
                )
    return splits


def _read(file: Path) -> tuple[scipy.sparse.coo_matrix, np.ndarray]:
    """Friendships (N x N, both directions) and codes [N, 7] int64 of a MATLAB 5 file, which cannot hold a pickle.

    Only the two variables are read, after their types are known: no objects, no functions. What scipy's C code makes
    of a damaged file is not certain, so the checksum is to be right before (`benchmarks.data.raw`).
    """
    with file.open("rb") as content:
        try:
            types = {name: kind for name, _, kind in scipy.io.whosmat(content)}
        except Exception as error:  # of half a dozen kinds, for scipy trusts a file to be whole
            raise RawFileError(f"{file}: not a whole MATLAB 5 file ({error})") from error
        if types.get("A") != "sparse" or types.get("local_info") not in NUMBERS:
            raise RawFileError(f"{file}: expected a sparse matrix A and numbers local_info, found {types}")
        try:
            variables = scipy.io.loadmat(content, variable_names=["A", "local_info"])
            variables["A"].check_format(full_check=True)  # indices outside the matrix would be written outside it
        except Exception as error:
            raise RawFileError(f"{file}: not a whole MATLAB 5 file ({error})") from error
    friends, info = scipy.sparse.coo_matrix(variables["A"]), variables["local_info"]
    if friends.shape != (len(info), len(info)) or info.shape[1:] != (len(COLUMNS),):
        raise RawFileError(
            f"{file}: A is {friends.shape} and local_info {info.shape}; expected n x n and n x {len(COLUMNS)}"
        )
    strange = friends.data != 1  # NaN, too
    if strange.any():
        row, column, value = friends.row[strange][0], friends.col[strange][0], friends.data[strange][0]
        raise RawFileError(f"{file}: row {row}, column {column} (from 0) of A holds {value}; expected 0 and 1 only")
    if (friends.row == friends.col).any():
        raise RawFileError(
            f"{file}: member {friends.row[friends.row == friends.col][0]} (from 0) is their own friend in A"
        )
    if (friends != friends.T).nnz:
        raise RawFileError(f"{file}: A is not symmetric, and friendship is mutual")
    codes = (info >= 0) & (info < 2**31) & (info == np.floor(info))
    refuse(file, "local_info", info, ~codes, "a code from 0 on")
    return friends, info.astype(np.int64)


def _one_hot(columns: Mapping[str, np.ndarray], rare: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Indicators [N, F] of the columns' codes, with their names; "missing" is a value, rare codes are pooled.

    Which codes are rare is counted over all members: it needs no label, and all members are there in training.
    """
    names: list[str] = []
    places = []
    for name, codes in columns.items():
        seen, place, times = np.unique(codes, return_inverse=True, return_counts=True)
        kinds = np.where(seen == 0, MISSING, np.where(times < rare, POOLED, seen))[place]
        values, column = np.unique(kinds, return_inverse=True)
        places.append(column + len(names))
        names += [f"{name}: {WORDS.get(value, value)}" for value in values.tolist()]
    x = np.zeros((len(places[0]), len(names)), np.float32)
    np.put_along_axis(x, np.stack(places, axis=1), 1, axis=1)
    return x, tuple(names)


def _codes_as_words(codes: np.ndarray) -> np.ndarray:
    """Codes [N] without a known meaning as words, "" where one is missing."""
    return np.where(codes == 0, "", np.char.add("code ", codes.astype(str)))


def _words(codes: dict[str, int]) -> str:
    """The codes of one member put into words."""
    return ", ".join(f"{name} {code or 'unknown'}" for name, code in codes.items()).capitalize() + "."
