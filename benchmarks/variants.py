"""Variants of a model: what an ablation's cell changes."""

from typing import Any

BASE = "base"
"""The variant without a change."""


def overrides(changes: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """A variant's changes, apart: the name of the change to the graph, and those to the model's config."""
    return changes.get("graph"), {key: value for key, value in changes.items() if key != "graph"}
