"""WebKB: what kind of page is it, on the web of four computer-science departments in 1997?

Nodes are the 4161 pages collected at Cornell, Texas, Washington and Wisconsin, with the text that their authors wrote;
edges are hyperlinks. 1087 pages have a class (student, course, faculty, project, staff), the others are context.
One university is tested, three train, as the authors of the collection advise.

M. Craven et al., "Learning to extract symbolic knowledge from the World Wide Web", AAAI 1998.
Level 2.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import numpy as np
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.raw import RawFileError, tar_files
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "webkb"
FILES = {"webkb.tar.xz": "f6d0366763ad90cce8a3c9262c4f9664900609fb9abec895c4ff65c0ccc553ea"}
SOURCE = "CMU World Wide Knowledge Base, http://www.cs.cmu.edu/afs/cs.cmu.edu/project/theo-20/www/data/"

CLASSES = ("student", "course", "faculty", "project", "staff")
CONTEXT = ("department", "other")  # unlabeled: four home pages, and pages that are nobody's main page
UNIVERSITIES = SPLITS = ("cornell", "texas", "washington", "wisconsin")
RANGES = {"validation_seed": (0, None)}
ELSEWHERE = "misc"  # pages of other universities, collected for their class only, without the web around them
FEATURES = ("words", "links", "links elsewhere", "mail addresses", "images", "headings")
REMARKS = (
    "Addresses are cut from the text, with or without a scheme, mail and paths included, for that of a course page "
    "says what it is, and a host names the university; a page's own is no input either.",
    "Not checkable: whether every address is found; authors write relative paths and file names as they like.",
    "Of pages whose addresses differ in case or in a slash at the end only, links lead to the first.",
    "A classed page may stand word for word at two universities, so what is tested at one may be read in training.",
    "Not checkable: when a page or a link was made, so nothing here is a forecast.",
    "Not checkable: who else has pages at two universities.",
)

HEADER = re.compile(r"\n[ \t\r]*\n")  # its end
HREF = re.compile(r"""href\s*=\s*["']?([^"'> ]+)""", re.IGNORECASE)  # quotes are often missing, or opened only
NOT_TEXT = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<[^>]*>")
MARK = re.compile(r"\w[.:@]\w|[/~:]")  # which every address has
ADDRESS = re.compile(
    r"""  # in a word
    \b(?:\w+:/|(?:https?|ftp|gopher|telnet|news|mailto|file):)\S*  # with a scheme
    | ^\S*\w@\w\S*  # mail, which names the university
    | \b(?:www|ftp)\.\w\S*
    | \b(?:[\w-]+\.)+(?:edu|com|org|net|gov|mil|int)\b(?:[:/]\S*)?  # a host, and the path on it
    | \b(?:[\w-]{2,}\.){2,}[a-z]{2}\b(?:[:/]\S*)?  # likewise, of a country
    | \b[\w-]+\.(?:class|courses)\.\S+  # the news group of a course
    | ^\S*/~\S* | (?<![^(<"'])~[a-z]\S*  # somebody's folder
    | (?<![^(<"'])/[\w.+-]+/\S*  # a path of two steps or more from the root
    | ^\S+\.s?html?\b\S*  # a page
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Page:
    """A page as collected; `html` without the server's header."""

    kind: str
    university: str
    url: str
    html: str

    @property
    def address(self) -> str:
        """What a link to this page is compared with."""
        return _address(self.url)

    @property
    def text(self) -> str:
        """Words as a reader sees them. Addresses are cut: a course page's says that it is one, a host where it is."""
        words = html.unescape(TAG.sub(" ", NOT_TEXT.sub(" ", self.html)))
        parts = (ADDRESS.sub(" ", word) if MARK.search(word) else word for word in words.split())
        return " ".join(" ".join(parts).split())

    @property
    def targets(self) -> list[str]:
        """Addresses that the page's links lead to, in order, repeats included."""
        found = []
        for href in HREF.findall(self.html):
            try:
                found.append(_address(urljoin(self.url, href)))
            except ValueError:  # the author's typing error, such as an unclosed bracket in the host name
                continue
        return found


def make(raw: Path, splits: Sequence[str], validation_seed: int = 0) -> Dataset:
    """Graph of all four universities; a split is named by the university that it tests and hides from training.

    A fifth of the other universities' labeled pages, drawn with `validation_seed`, validates. Raises ValueError for
    an archive of another layout.
    """
    archive = raw / "webkb.tar.xz"
    pages = list(_pages(archive))
    if not pages:
        raise RawFileError(f"{archive} holds no page of {', '.join(UNIVERSITIES)}")
    addresses = [page.address for page in pages]
    labels = np.array([CLASSES.index(p.kind) if p.kind in CLASSES else -1 for p in pages], np.int64)
    universities = np.array([page.university for page in pages])
    texts = tuple(page.text for page in pages)
    targets = [page.targets for page in pages]
    edges = _edges(addresses, targets)
    graph = StudentGraph(
        x=torch.from_numpy(_features(pages, addresses, texts, targets)),
        features=FEATURES,
        texts=texts,
        edges=edges,
        weights=torch.ones(edges.shape[1]),
        directed=True,
    )
    return Dataset(
        graph=graph,
        labels=labels,
        task=Task("multiclass", CLASSES),
        target="page class",
        text="genuine",
        replication="groups",
        splits=named(splits, {u: _leave_out(universities == u, labels, validation_seed) for u in UNIVERSITIES}),
        remarks=REMARKS,
    )


def _pages(archive: Path) -> Iterator[Page]:
    """Pages of the four universities, in archive order."""
    for name, content in tar_files(archive):
        parts = name.split("/")  # webkb/<class>/<university>/<URL with ^ for />
        if len(parts) != 4 or parts[1] not in (*CLASSES, *CONTEXT) or parts[2] not in (*UNIVERSITIES, ELSEWHERE):
            raise RawFileError(f"{archive}: member {name!r} is not webkb/<class>/<university>/<URL>")
        if parts[2] != ELSEWHERE:
            document = content.decode("latin-1")
            # directory listings and a few old servers came without a header: those files start with a tag
            if not document.lstrip().startswith("<"):
                document = HEADER.split(document, maxsplit=1)[-1]
            yield Page(parts[1], parts[2], parts[3].replace("^", "/"), document)


def _address(url: str) -> str:
    return urldefrag(url).url.rstrip("/").lower()


def _edges(addresses: list[str], targets: list[list[str]]) -> torch.Tensor:
    """Distinct links [2, E] between pages; of two pages with one address, the first in the archive is meant."""
    page_at = {address: i for i, address in reversed(list(enumerate(addresses)))}
    links = {
        (i, page_at[target])
        for i, found in enumerate(targets)
        for target in found
        if target in page_at and target != addresses[i]
    }
    return torch.tensor(sorted(links), dtype=torch.long).reshape(-1, 2).T.contiguous()


def _features(pages: list[Page], addresses: list[str], texts: tuple[str, ...], targets: list[list[str]]) -> np.ndarray:
    """Counts [N, 6] that anybody makes on the page itself, as log(1 + count).

    "Elsewhere" is outside the pages collected at this page's own university, so that a training page's feature does
    not depend on which pages of a hidden university exist.
    """
    home = {u: {a for p, a in zip(pages, addresses, strict=True) if p.university == u} for u in UNIVERSITIES}
    counts = []
    for page, text, found in zip(pages, texts, targets, strict=True):
        mail = sum(target.startswith("mailto:") for target in found)
        away = sum(target not in home[page.university] for target in found) - mail
        images = len(re.findall(r"<img\b", page.html, re.IGNORECASE))
        headings = len(re.findall(r"<h[1-6]\b", page.html, re.IGNORECASE))
        counts.append((len(text.split()), len(found), away, mail, images, headings))
    return np.log1p(np.array(counts, np.float32))


def _leave_out(tested: np.ndarray, labels: np.ndarray, seed: int) -> Split:
    """Test the labeled pages where `tested` [N]; hide all pages there from training."""
    others = np.random.RandomState(seed).permutation(np.flatnonzero(~tested & (labels >= 0)))
    first = int(0.2 * len(others))
    return Split(
        train=np.sort(others[first:]),
        validation=np.sort(others[:first]),
        test=np.flatnonzero(tested & (labels >= 0)),
        hidden=np.flatnonzero(tested),
    )
