"""Threads of student communities on Reddit: from the files of emorynlp/reddit-college to the table of their posts.

A file is one thread: its first post and the tree of comments under it. The table, a row a post, holds the three
communities and the thirteen weeks that were crawled nearly whole; names become numbers, bots fall silent, addresses,
phone numbers and names in a text are masked. docs/datasets/reddit_college.md states these rules in words.
Level 2.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data.tables import Column, Columns, refuse

SOURCE = "https://github.com/emorynlp/reddit-college at commit 86b4acbf92d8c2c8642bba91be93acacdb8b95fb"
COMMUNITIES = ("College", "GradSchool", "CollegeMajors")
DAY = 86_400  # seconds
START, END = 1_632_096_000, 1_639_958_400  # 20 September and 20 December 2021, 0:00 UTC, in Unix seconds
NUMBER = Column(int, range(2**31))
OPTIONAL = ("parent_id", "author_id")  # empty for a first post, and for an account that was deleted
COLUMNS: Columns = {
    "post_id": NUMBER,
    "thread_id": NUMBER,
    **dict.fromkeys(OPTIONAL, replace(NUMBER, empty=True)),
    "community": Column(str, COMMUNITIES),
    "time": Column(int, range(START, END)),
    "depth": NUMBER,
    "upvotes": int,
    "bot": Column(int, (0, 1)),
    "title": str,
    "text": str,
}

BOT = re.compile(r"^AutoModerator$|(?i:(?:^|[_-])bot$|[a-z]Bot$|RemindMe|SmileBot|haikusbot|sneakpeek)")
MASKS = {  # in this order
    re.compile(r"(https?://|www\.)\S+", re.IGNORECASE): "[url]",
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"): "[email]",
    re.compile(r"(?<![\w])/?u/[\w-]{3,20}", re.IGNORECASE): "[user]",
    re.compile(r"(?<!\d)(\+?\d{1,2}[\s.-]?)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?!\d)"): "[phone]",
    re.compile(
        r"\b(discord|insta(?:gram)?|snap(?:chat)?|ig|sc|telegram|whatsapp)\s*[:=@]\s*\S+|\b[\w.]{2,32}#\d{4}\b",
        re.IGNORECASE,
    ): "[handle]",
    re.compile(r"(?<!\w)@[A-Za-z0-9_.]{3,}"): "[handle]",
}
WORD = re.compile(r"[A-Za-z0-9_-]{6,20}")  # that may be a name
NO_PLAIN_WORD = re.compile(r"[0-9_]|[a-z][A-Z]")  # many names are words that mean something in a text
BLANKS = re.compile(r"[ \t]+")


def posts_of(folder: Path) -> pd.DataFrame:
    """The table (COLUMNS) of the thread files `folder`/<community>/*.json, in time order.

    Raises ValueError for a community without files, a file that is no thread, an id that stands there twice, or
    when no thread began in the thirteen weeks.
    """
    rows = [row for community in COMMUNITIES for file in _files(folder / community) for row in _thread(file, community)]
    if not rows:
        raise ValueError(
            f"{folder}: no thread began from 20 September to 19 December 2021, so there is no post to take"
        )
    posts = pd.DataFrame(rows).sort_values(["time", "depth", "id"], ignore_index=True)
    repeated = posts["id"].duplicated()
    if repeated.any():
        raise ValueError(
            f"{folder}: the post {posts['id'][repeated].iloc[0]!r} stands in two places; keep one thread file"
        )
    row_of = pd.Series(posts.index, posts["id"])
    names = posts["author"]
    posts["post_id"] = posts.index
    posts["thread_id"] = posts["thread"].map(row_of)
    posts["parent_id"] = posts["parent"].map(row_of)
    posts["author_id"] = pd.Series(pd.factorize(names.where(names != ""))[0]).replace(-1, pd.NA)
    posts["bot"] = names.str.contains(BOT).astype(int)
    taken = {name.lower() for name in names if len(name) >= 6}
    for column in ("title", "text"):
        posts[column] = _masked(posts[column], taken)
    posts["text"] = posts["text"].where(posts["bot"] == 0, "")
    return posts.astype(dict.fromkeys(OPTIONAL, "Int64"))[list(COLUMNS)]


def check(where: Path, posts: pd.DataFrame) -> None:
    """Raise RawFileError for the first post that does not fit to the others; an absent parent is -1 here."""
    post, parent, thread, first = posts["post_id"], posts["parent_id"], posts["thread_id"], posts["depth"] == 0
    above = np.where(first, parent == -1, parent.between(0, post - 1))
    refuse(where, post, post != np.arange(len(posts)), "0, 1, 2 and so on")
    refuse(where, posts["time"], posts["time"] < posts["time"].shift(fill_value=START), "no time before that above")
    refuse(where, posts[["depth", "parent_id"]], ~above, "an earlier post, and none (-1) for depth 0 alone")
    refuse(where, thread, ~thread.isin(post[first]) | (thread > post), "a thread's first post (depth 0)")


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"{folder} holds no thread (*.json): expected the folder dat/ of {SOURCE}")
    return files


def _thread(file: Path, community: str) -> Iterator[dict[str, Any]]:
    """The thread's posts within the thirteen weeks, as rows; none if the thread began before or after."""
    try:
        thread = json.loads(file.read_text(encoding="utf-8"))
        if not START <= thread["created"] < END:
            return
        first = thread | {"title": thread["title:"] if "title:" in thread else thread["title"]}
        for name, parent, depth, post in _flat(thread["sid"], first):
            if START <= post["created"] < END:
                yield {"thread": thread["sid"], "community": community} | _row(name, parent, depth, post)
    except KeyError as error:
        raise ValueError(f"{file}: a post has no {error}; expected a thread as in {SOURCE}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:  # broken JSON; JSON of another shape
        raise ValueError(f"{file} is no thread as the repository keeps it ({error}). Get it again: {SOURCE}") from error


def _row(name: str, parent: str | None, depth: int, post: dict[str, Any]) -> dict[str, Any]:
    """What the table takes of a post; raises TypeError for a value of another type."""
    words = {"id": name, "author": post["author"] or "", "title": post.get("title") or "", "text": post["text"] or ""}
    numbers = {"time": post["created"], "upvotes": post["upvotes"]}
    for key, value in (words | numbers).items():
        if not isinstance(value, int if key in numbers else str):
            raise TypeError(f"{key} is {value!r}")
    return words | numbers | {"parent": parent, "depth": depth}


def _flat(sid: str, first: dict[str, Any]) -> Iterator[tuple[str, str | None, int, dict[str, Any]]]:
    """Id, parent's id, depth and content of a thread's posts."""
    yield sid, None, 0, first
    open_ = [(sid, 1, first["comments"])]
    while open_:
        parent, depth, answers = open_.pop()
        for name, post in answers.items():
            yield name, parent, depth, post
            open_.append((name, depth + 1, post["replies"]))


def _masked(texts: pd.Series, names: set[str]) -> pd.Series:
    """Texts without addresses, numbers and names (in lower case) that lead to a person."""

    def mask(word: re.Match[str]) -> str:
        return "[user]" if word[0].lower() in names and NO_PLAIN_WORD.search(word[0]) else word[0]

    for pattern, masked in MASKS.items():
        texts = texts.str.replace(pattern, masked, regex=True)
    return texts.str.replace(WORD, mask, regex=True).str.replace(BLANKS, " ", regex=True).str.strip()
