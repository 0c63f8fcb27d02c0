"""Dataclasses that are what a config, or JSON on a command line, says: each field knows what it takes."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, field, fields
from typing import Any, ClassVar, Self


def key(takes: str, fits: Callable[[Any], bool], **default: Any) -> Any:
    """A field with what it takes, in words and as a test; required without a default, which is not tested."""
    return field(metadata={"takes": takes, "fits": fits}, **default)


def count(of: str, low: int, **default: Any) -> Any:
    """A field that is a whole number from `low`."""
    return key(f"a number of {of} from {low}", lambda value: type(value) is int and value >= low, **default)


def word(*words: str, **default: Any) -> Any:
    """A field that is one of some words."""
    return key(f"{', '.join(words[:-1])} or {words[-1]}", lambda value: value in words, **default)


class Typed:
    """Base of frozen dataclasses; raises ValueError with a line an error: field, value, what it takes."""

    ABOVE: ClassVar[str] = ""
    """Where it stands in another one, for errors."""
    PARTS: ClassVar[Mapping[str, "type[Typed]"]] = {}
    """Fields that are `Typed`, too."""

    def __post_init__(self) -> None:
        found = [(own, getattr(self, own.name)) for own in fields(self)]  # type: ignore[arg-type]  # of a subclass
        unfit = [
            f"{own.name} = {value!r}; expected {own.metadata['takes']}"
            for own, value in found
            if value is not own.default and not own.metadata["fits"](value)
        ]
        self._raise(unfit or self.inconsistent())

    def inconsistent(self) -> Iterable[str]:
        """What is wrong where each field by itself is not."""
        return ()

    @classmethod
    def of(cls, entry: Any) -> Self:
        """What a mapping says."""
        known = {own.name: own for own in fields(cls)}  # type: ignore[arg-type]
        if not isinstance(entry, Mapping):
            raise ValueError(f"{cls.ABOVE.removesuffix('.')} = {entry!r}; expected key: value pairs")
        unknown, allowed = [name for name in entry if name not in known], ", ".join(known)
        lines = [f"{name} = {entry[name]!r}: unknown key{meant(name, known)}; allowed: {allowed}" for name in unknown]
        for name, own in known.items():
            if name not in entry and own.default is own.default_factory is MISSING:
                lines.append(f"{name} is missing; expected {own.metadata['takes']}")
        cls._raise(lines)
        return cls(**{name: cls.PARTS[name].of(value) if name in cls.PARTS else value for name, value in entry.items()})

    @classmethod
    def _raise(cls, lines: Iterable[str]) -> None:
        if told := "\n".join(cls.ABOVE + line for line in lines):
            raise ValueError(told)


def meant(word: str, allowed: Iterable[str]) -> str:
    """Which of the allowed words an unknown one is like."""
    near = difflib.get_close_matches(word, list(allowed), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
