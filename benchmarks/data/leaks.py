"""Signs of a leak in a dataset as built: columns and words that know too much. Level 2.

What is found stands among the dataset's remarks, and below the table of the datasets.
"""

import re
from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from benchmarks.data.dataset import Dataset

TELLS = 0.95
"""Area under the ROC curve from which on one feature or one word tells a class too well.

The best of any column or word of the public datasets here is 0.87 (the word "genetic" tells papers on genetic
algorithms); a copy of a balanced label with 3 % of errors has 0.97.
"""

FOLLOWS = 0.99
"""Rank correlation with the order of the students from which on a feature is a number or date of entry."""

PURE, WIDESPREAD, OTHERS = 0.99, 0.1, 0.1
"""A word in a tenth of the texts or more, whose writers are of one class but for 1 %, is a mark and no word; if a tenth
of all are of other classes.

In fewer texts it may be the word of a topic: "syllabus" stands on 8 % of WebKB's pages, nearly all of them of courses.
"""

FEWEST = 5
"""Students of a class, and of the others, below which nothing can be said."""

WRITERS = 20
"""Of a word: with fewer it may be chance, and a report does not repeat it."""

READ = 20_000
"""Texts read at most, drawn by chance."""

WORD = re.compile(r"\w+")


def suspicions(dataset: Dataset) -> list[str]:
    """A sentence for each feature or word that tells a class by itself, or the place of the student in the table.

    A number of entry is seen in the order of the rows only: where rows are shuffled, it looks like any other number.
    Two features, or two words, that tell a class together are not seen either.
    """
    return [*_features(dataset), *_words(dataset)]


def _features(dataset: Dataset) -> Iterator[str]:
    """Sentences about columns."""
    for name, column in zip(dataset.graph.features, dataset.graph.x.numpy().T, strict=True):
        if len(np.unique(column)) < 2:
            continue
        ranks = rankdata(column)
        areas = [_area(rankdata(ranks[known]), positive) for known, positive in _classes(dataset.labels)]
        if max(areas, default=0) > TELLS:
            yield f"suspicious: feature {name!r} alone tells a class (ROC-AUC {max(areas):.3f})"
        order = np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]
        if abs(order) > FOLLOWS:
            yield f"suspicious: feature {name!r} follows the order of the students (rank correlation {order:.3f})"


def _words(dataset: Dataset) -> Iterator[str]:
    """A sentence about each class that the presence of one word tells."""
    writers = np.flatnonzero([bool(text) for text in dataset.graph.texts])
    if len(writers) > READ:
        writers = np.sort(np.random.default_rng(0).choice(writers, READ, replace=False))
    if len(writers) < WRITERS:
        return
    from sklearn.feature_extraction.text import CountVectorizer

    # "" stands in every text, so that there always is a word
    counter = CountVectorizer(binary=True, analyzer=lambda text: ["", *WORD.findall(text.lower())], min_df=WRITERS)
    has = counter.fit_transform([dataset.graph.texts[i] for i in writers]).tocsr()  # [writers, words]
    words = counter.get_feature_names_out()
    for known, positive in _classes(dataset.labels[writers]):
        used = has[known].sum(0).A1  # by how many
        within = has[known][positive].sum(0).A1
        n, m = positive.sum(), (~positive).sum()
        area = (within / n + 1 - (used - within) / m) / 2
        area = np.maximum(area, 1 - area)
        mark = (within > PURE * used) & (used >= WIDESPREAD * len(positive)) & (m >= OTHERS * len(positive))
        found = np.where((used >= WRITERS) & ((area > TELLS) | mark), area, 0.0)
        if found.any():
            best = found.argmax()
            yield (
                f"suspicious: the word {words[best]!r} in a text alone tells a class (ROC-AUC {area[best]:.3f}, "
                f"{within[best]} of its {used[best]} writers)"
            )


def _classes(labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Who is known [N], and which of them are in the class [known], for each class (or answer) with enough students."""
    for answers in labels.reshape(len(labels), -1).T:
        known = answers >= 0
        for value in np.unique(answers[known]):
            positive = answers[known] == value
            if min(positive.sum(), (~positive).sum()) >= FEWEST:
                yield known, positive


def _area(ranks: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve of a feature for a class, whichever way it points."""
    n, m = positive.sum(), (~positive).sum()
    area = float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
    return max(area, 1 - area)
