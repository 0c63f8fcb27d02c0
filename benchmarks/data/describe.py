"""What a dataset is like: its size, contacts, texts and labels in numbers, and a sample of its network to draw.

Called by `score`, which alone knows all labels. Level 2.
"""

import re
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from sgn.graph import StudentGraph

DRAWN = 500
"""Students in a picture at most: more make a hairball."""

WORD = re.compile(r"\w+")
NEAR = 0.9
"""Cosine of the TF-IDF vectors from which on two texts count as nearly the same."""

COMPARED = 10_000
"""Different texts compared by their words at most, drawn by chance where there are more. Equal ones all count."""

ROWS = 500
"""Texts compared with all others at once."""


def description(graph: StudentGraph, labels: np.ndarray, *sides: np.ndarray) -> dict[str, Any]:
    """A row of numbers. `labels` [N] or [N, K], -1 where unknown.

    `sides` are ids, split after split: of the students learned from (trained or validated on), and of those tested.
    Homophily is over edges between labeled students: the share that joins equal labels, and the same adjusted for
    the classes' degrees (Platonov et al., 2023, https://arxiv.org/abs/2209.06177). It is NaN for a multilabel task.
    """
    contacts = symmetric(graph)
    degree = np.diff(contacts.indptr)
    count, component = connected_components(contacts, directed=False)
    words = np.array([len(text.split()) for text in graph.texts])
    simple = labels.ndim == 1
    edge, adjusted = _homophily(contacts, labels) if simple else (np.nan, np.nan)
    known = labels[labels >= 0] if simple else labels[(labels >= 0).any(1)]
    return {
        "students": len(graph),
        "labeled": len(known),
        "edges": graph.edges.shape[1] // (1 if graph.directed else 2),
        "directed": graph.directed,
        "degree": degree.mean(),
        "isolated": (degree == 0).mean(),
        "components": count,
        "largest": np.bincount(component).max() / len(graph),
        "homophily": edge,
        "adjusted": adjusted,
        "features": graph.num_features,
        "words": np.median(words[words > 0]) if words.any() else 0.0,
        "wordless": (words == 0).mean(),
        "majority": np.bincount(known).max() / len(known) if simple else np.nan,
        "repeated": _repeated(graph.texts, sides),
        "tested": len(np.unique(np.concatenate(sides[1::2]))),
    }


def picture(graph: StudentGraph, labels: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A sample of the network with a layout: nodes (x, y, label) and links (from, to: rows of the nodes)."""
    contacts = symmetric(graph)
    code = labels if labels.ndim == 1 else labels.max(1)  # any answer yes
    chosen = _sample(contacts, np.flatnonzero(code >= 0))
    part = contacts[chosen][:, chosen].tocoo()
    ends = np.stack([part.row, part.col])[:, part.row < part.col]
    network: nx.Graph[int] = nx.Graph()
    network.add_nodes_from(range(len(chosen)))
    network.add_edges_from(ends.T.tolist())
    place = nx.spring_layout(network, seed=0, k=2.2 / np.sqrt(max(len(chosen), 1)), iterations=80)
    at = np.array([place[i] for i in range(len(chosen))]).round(3)
    nodes = pd.DataFrame({"x": at[:, 0], "y": at[:, 1], "label": code[chosen]})
    return nodes, pd.DataFrame(ends.T, columns=["from", "to"])


def symmetric(graph: StudentGraph) -> csr_array:
    """Who has anything to do with whom, without weights and loops."""
    source, target = graph.edges.numpy()
    matrix = coo_array((np.ones(len(source)), (source, target)), shape=(len(graph), len(graph))).tocsr()
    matrix = ((matrix + matrix.T) > 0).astype(float).tocsr()
    matrix.setdiag(0)
    matrix.eliminate_zeros()
    return matrix


def _homophily(contacts: csr_array, labels: np.ndarray) -> tuple[float, float]:
    pairs = contacts.tocoo()
    inside = (labels[pairs.row] >= 0) & (labels[pairs.col] >= 0)
    ends = labels[pairs.row[inside]], labels[pairs.col[inside]]
    if not len(ends[0]):
        return np.nan, np.nan
    edge = float((ends[0] == ends[1]).mean())
    chance = float(((np.bincount(ends[0]) / len(ends[0])) ** 2).sum())
    return edge, (edge - chance) / (1 - chance) if chance < 1 else np.nan


def _sample(contacts: csr_array, labeled: np.ndarray) -> np.ndarray:
    """All labeled students where they are few, else those nearest to a student of the largest component."""
    if len(labeled) <= DRAWN:
        return labeled
    among = contacts[labeled][:, labeled]
    component = connected_components(among, directed=False)[1]
    inside = np.flatnonzero(component == np.bincount(component).argmax())
    middle = inside[np.argsort(np.diff(among.indptr)[inside], kind="stable")[len(inside) // 2]]
    return labeled[np.sort(breadth_first_order(among, middle, directed=False, return_predecessors=False)[:DRAWN])]


def _repeated(texts: tuple[str, ...], sides: tuple[np.ndarray, ...]) -> float:
    """Share of the test texts that are, or nearly are, one that is learned from: that of the worst split.

    Empty texts do not count; NaN where there are no others.
    """
    distinct = list(dict.fromkeys(texts))
    number = {text: i for i, text in enumerate(distinct)}
    place = np.array([number[text] for text in texts])
    near, shares = _near(distinct), []
    written = np.array([bool(text) for text in texts])
    for learned, tested in zip(sides[::2], sides[1::2], strict=True):
        seen = np.zeros(len(distinct))
        seen[place[learned[written[learned]]]] = 1
        asked = place[tested[written[tested]]]
        if seen.any() and len(asked):
            shares.append(float(((near @ seen)[asked] > 0).mean()))
    return max(shares, default=np.nan)


def _near(distinct: list[str]) -> csr_array:
    """Which of the different texts [D] are nearly the same [D, D]; each is the same as itself."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    n = len(distinct)
    pairs = [np.stack([np.arange(n), np.arange(n)])]
    compared = np.flatnonzero([bool(WORD.search(text)) for text in distinct])
    if len(compared) > COMPARED:
        compared = np.random.default_rng(0).choice(compared, COMPARED, replace=False)
    if len(compared):
        words = TfidfVectorizer(token_pattern=WORD.pattern).fit_transform([distinct[i] for i in compared])
    for start in range(0, len(compared), ROWS):
        similar = (words[start : start + ROWS] @ words.T).tocoo()
        close = similar.data >= NEAR
        pairs.append(compared[np.stack([similar.row[close] + start, similar.col[close]])])
    ends = np.concatenate(pairs, axis=1)
    return coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(n, n)).tocsr()
