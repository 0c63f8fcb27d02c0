"""What a value of a config may be, as messages say it."""

from collections.abc import Iterable
from typing import Any

from benchmarks.jobs import source
from benchmarks.jobs.typed import meant


def mismatch(value: Any, kind: str) -> str:
    """What is allowed where a value is not of the annotated kind, as far as this can be told; "" where it is."""
    known: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "str": str, "bool": bool}
    if choices := source.choices(kind):
        fits = any(value == choice and type(value) is type(choice) for choice in choices)
        return "" if fits else ", ".join(map(repr, choices))
    fits = kind not in known or (isinstance(value, known[kind]) and (kind == "bool") == isinstance(value, bool))
    return "" if fits else kind


def outside(value: Any, low: float | None, high: float | None) -> str:
    """What is allowed where a number lies outside a range, either end of which may be open; "" where it is inside."""
    if (low is None or value >= low) and (high is None or value <= high):
        return ""
    return f"a number from {low}" + ("" if high is None else f" to {high}")


def unknown(word: str, allowed: Iterable[str], what: str = "") -> str:
    """That a word is none of those allowed, and which was meant."""
    return f"unknown {what + ' ' if what else ''}{word!r}{meant(word, allowed)}; allowed: {', '.join(allowed)}"
