"""What a dataset file hands over: a student graph, one task, and a list of splits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from sgn.graph import StudentGraph
from sgn.task import Task

REPLICATIONS = ("fixed", "folds", "groups")
TEXTS = ("genuine", "titles", "drawn", "template", "none")


@dataclass(frozen=True)
class Split:
    """Who trains, who validates, who is tested; and whom training must not see at all.

    `hidden` is empty in the transductive regime; in the inductive one it holds the test students and every
    unlabeled student of theirs.
    """

    train: np.ndarray  # [n] int64 ids
    validation: np.ndarray
    test: np.ndarray
    hidden: np.ndarray

    def __post_init__(self) -> None:
        together = np.concatenate([self.train, self.validation, self.test])
        if len(np.unique(together)) != len(together):
            raise ValueError("a student stands on two sides of a split")
        if len(self.hidden) and not np.isin(self.test, self.hidden).all():
            raise ValueError("an inductive split shows a test student to training")
        if np.isin(self.hidden, np.concatenate([self.train, self.validation])).any():
            raise ValueError("a split hides a training or validation student from training")


@dataclass(frozen=True, eq=False)
class Truth:
    """How a synthetic network of N students and K behaviors was drawn, all but the behaviors themselves.

    Student i has a behavior z, and shows a behavior u in her text and v in her contacts, drawn together from
    `prior[z, u, v]`. Her text has the log-likelihood `text[i, u]`, her features `features[i, z]`, her label follows
    `noise[z, y]`. Students i and j who show a and b in their contacts meet with the Poisson rate
    `activity[i] * activity[j] * affinity[a, b]`; an edge is at least one meeting and has the weight
    1 + Poisson(`strength[a, b]`).

    An undirected graph lists each pair that met once, a directed one each ordered pair.
    """

    prior: np.ndarray  # [K, K, K]: P(z, u, v)
    noise: np.ndarray  # [K, K]: P(y | z)
    text: np.ndarray  # [N, K]: log P(text | u) up to a constant a student
    features: np.ndarray  # [N, K]: log p(x | z), likewise
    activity: np.ndarray  # [N]
    affinity: np.ndarray  # [K, K]
    strength: np.ndarray  # [K, K]
    pairs: np.ndarray  # [2, E] int64
    weights: np.ndarray  # [E]
    directed: np.ndarray  # [] bool

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Dataset:
    """A student graph with one task at one cut-off and its splits.

    `labels` is -1 for an unlabeled student, who stays in the graph as context; it is [N, K] for a multilabel task,
    in which -1 is a missing answer and a student without any answer is unlabeled.
    """

    graph: StudentGraph
    labels: np.ndarray  # [N] or [N, K] int64
    task: Task
    target: str  # what is predicted, in words a table can show
    text: str  # one of TEXTS: what kind of text the Transformer reads
    replication: str  # one of REPLICATIONS
    splits: Mapping[str, Split]
    persons: np.ndarray | None = None  # [N] who a node is, where one person may be several nodes
    remarks: tuple[str, ...] = ()  # sentences for the data card: choices made, checks that cannot be made and why
    truth: Truth | None = None  # of a synthetic network, for its oracle
    protected: Mapping[str, np.ndarray] = field(default_factory=dict)  # [N] words, "" unknown: what must not matter
    clock: str = ""  # what a cut-off counts: "day", "week"
    lead: np.ndarray | None = None  # [N] days from the cut-off until the outcome shows; NaN where nobody knows

    def __post_init__(self) -> None:
        if self.text not in TEXTS:
            raise ValueError(f"text kind {self.text!r} is not one of {', '.join(TEXTS)}")
        if self.replication not in REPLICATIONS:
            raise ValueError(f"replication {self.replication!r} is not one of {', '.join(REPLICATIONS)}")
        if len(self.labels) != len(self.graph):
            raise ValueError(f"{len(self.labels)} labels for {len(self.graph)} students")
        if self.labels.dtype != np.int64:
            raise ValueError(
                f"labels are {self.labels.dtype}: make them whole numbers, labels.astype(np.int64), -1 for none"
            )
        if (self.labels < -1).any():
            student = int((self.labels < -1).reshape(len(self.labels), -1).any(1).argmax())
            raise ValueError(f"student {student} has the label {self.labels[student].min()}: -1 is for none")
        for student, text in enumerate(self.graph.texts):
            _check_text(student, text)
        for name, words in self.protected.items():
            if words.shape != (len(self.graph),) or words.dtype.kind != "U":
                raise ValueError(f"protected {name!r} is not a word for each of {len(self.graph)} students")
        if self.lead is not None and self.lead.shape != (len(self.graph),):
            raise ValueError(f"{len(self.lead)} lead times for {len(self.graph)} students")
        values = 2 if self.task.kind == "multilabel" else len(self.task.classes)
        if self.labels.max() >= values:
            raise ValueError(f"label {self.labels.max()}, but the classes are {self.task.classes}")
        known = np.any(self.labels.reshape(len(self.labels), -1) >= 0, axis=1)
        for name, split in self.splits.items():
            for side in ("train", "validation", "test"):
                ids = getattr(split, side)
                if not known[ids].all():
                    raise ValueError(f"split {name!r}: student {ids[~known[ids]][0]} of its {side} side has no label")
            self._check_persons(name, split)

    def _check_persons(self, name: str, split: Split) -> None:
        """The same person may not be tested and trained or validated on."""
        if self.persons is None:
            return
        learned = self.persons[np.concatenate([split.train, split.validation])]
        twice = np.intersect1d(learned, self.persons[split.test])
        if len(twice):
            raise ValueError(f"split {name!r}: person {twice[0]} is both trained on and tested ({len(twice)} in all)")


def _check_text(student: int, text: object) -> None:
    """Raise ValueError for what is no text that a file can hold."""
    if not isinstance(text, str):
        raise ValueError(f"the text of student {student} is {text!r}: what nobody wrote is the empty text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the text of student {student} has half a character ({text[error.start]!r}, a lone surrogate) at place "
            f"{error.start}: read the file with errors='replace'"
        ) from error


def check_classes(dataset: Dataset) -> None:
    """Raise ValueError for the first side of a split that is empty, has no score, or leaves nothing to learn.

    ROC-AUC wants both classes, of a multilabel task both answers to each question. With several classes the score is
    accuracy and one may be missing on a side, but not all but one.
    """
    classes = dataset.task.classes
    for name, split in dataset.splits.items():
        for side in ("train", "validation", "test"):
            labels = dataset.labels[getattr(split, side)]
            if not len(labels):
                raise ValueError(f"split {name!r} has no {side} students: give the side some, or leave the split out")
            if dataset.task.kind == "multilabel":
                asked = [(k, yes) for k in range(len(classes)) for yes in (0, 1)]
                absent = [f"{classes[k]}: {('no', 'yes')[yes]}" for k, yes in asked if yes not in labels[:, k]]
            else:
                absent = [word for value, word in enumerate(classes) if value not in labels]
                absent = absent if len(absent) >= len(classes) - 1 else []
            if absent:
                raise ValueError(
                    f"split {name!r}: none of the {len(labels)} {side} students has the label {absent[0]!r}, and "
                    f"{dataset.task.metric} means nothing there. Give the side more students, stratify the split where "
                    "it is not, or leave it out of the config"
                )


def random_split(labels: np.ndarray, seed: int, train: float, validation: float) -> Split:
    """Transductive split of the labeled students (label >= 0), each class in proportion; what remains is test.

    Each class in random order lies evenly over a line, which is cut at the sizes of the sides. scikit-learn's
    `train_test_split` would refuse a class of one or two students, which is legal where the score is accuracy. Raises
    ValueError for labels that are not one whole number a student.
    """
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels are {labels.dtype} of shape {labels.shape}: give one whole number a student, -1 for none, and for "
            "several questions the answers to the one that the split is to be stratified by"
        )
    rng = np.random.RandomState(seed)
    order = rng.permutation(np.flatnonzero(labels >= 0))
    place = np.empty(len(order))
    for value in np.unique(labels[order]):
        mine = np.flatnonzero(labels[order] == value)
        place[mine] = (np.arange(len(mine)) + rng.random_sample()) / len(mine)
    order = order[np.argsort(place, kind="stable")]
    first = int(train * len(order))
    second = first + int(validation * len(order))
    return Split(np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]), np.array([], np.int64))


def stratified_fold(labels: np.ndarray, name: str, folds: int, validation: float) -> Split:
    """Fold `name` of a repeated stratified k-fold over the labeled students: "7" with k = 5 is repetition 1, fold 2.

    `validation` is the share of the students outside the test fold that validate, stratified too. Raises ValueError
    for a name that is no whole number.
    """
    if not name.isdecimal():
        raise ValueError(f"no split {name!r}; splits are whole numbers, 7 is repetition {7 // folds}, fold {7 % folds}")
    from sklearn.model_selection import StratifiedKFold, train_test_split

    repetition, fold = divmod(int(name), folds)
    labeled = np.flatnonzero(labels >= 0)
    cv = StratifiedKFold(folds, shuffle=True, random_state=repetition)
    rest, test = list(cv.split(labeled, labels[labeled]))[fold]
    train, val = train_test_split(
        labeled[rest], test_size=validation, stratify=labels[labeled[rest]], random_state=int(name)
    )
    return Split(np.sort(train), np.sort(val), labeled[test], np.array([], np.int64))


def named(splits: Iterable[str | int], make: Mapping[str, Split]) -> dict[str, Split]:
    """The asked-for splits; raises ValueError with the allowed names for another."""
    unknown = [str(s) for s in splits if str(s) not in make]
    if unknown:
        raise ValueError(f"no split {unknown[0]!r}; there are {', '.join(make)}")
    return {str(s): make[str(s)] for s in splits}
