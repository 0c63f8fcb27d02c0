"""Variants of a model: what an ablation's or a control's cell changes."""

from dataclasses import dataclass
from typing import Any

from benchmarks.data.grid import cells

BASE = "base"
"""The variant without a change."""

SUBJECT = "bert-gcn"
"""The model that the paper is about; the other tuned ones are its baselines."""

CONTROLS = PERMUTED, SHUFFLED, REWIRED = "permuted labels", "shuffled text", "rewired edges"
"""Variants that stand in the main table: where their source matters they must do worse."""

TOLD = "text told"
"""The variant of a synthetic network that is told what each text says: what it lacks of the optimum is not reading."""

MADE_BY = {
    PERMUTED: {"labels": "permuted"},
    SHUFFLED: {"graph": "shuffled_text"},
    REWIRED: {"graph": "rewired"},
    TOLD: {"text": "told"},
}
"""What such a variant changes, whatever else its entry says; a check or a table knows it by its name."""

KEYS = ("graph", "text", "labels", "recipe", "draws")
"""Keys of a variant that are no knobs of its model."""

LABELS = ("permuted", "connected")
"""What may be done to labels: dealt out anew (a control), or taken from training students who interact with nobody."""

TEXTS = ("told",)
"""What may be read instead of text: on a synthetic network, what the text says of each behavior (its likelihood)."""


@dataclass(frozen=True)
class Changes:
    """What a variant changes: the graph (a function of `benchmarks.training.edits`), text (of TEXTS), labels (of
    LABELS), recipe, and knobs.

    With `draws` it runs on that many seeds, 0 and up, in the place of those that report.
    """

    graph: str | None
    text: str | None
    labels: str | None
    recipe: str | None
    draws: int | None
    knobs: dict[str, Any]


def expanded(variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Variants by name, where every combination of a `grid`'s values, a list a knob, has become a variant."""
    named = {name: change for name, change in variants.items() if name != "grid"}
    return named | (cells(variants["grid"]) if "grid" in variants else {})


def changes(variant: dict[str, Any]) -> Changes:
    """A variant's entry in the config, sorted."""
    knobs = {key: value for key, value in variant.items() if key not in KEYS}
    return Changes(*(variant.get(key) for key in KEYS), knobs)  # type: ignore[arg-type, call-arg]  # in the order of KEYS
