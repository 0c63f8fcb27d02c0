"""Arrays of an archive as a dataset file says they are, none of them a pickle.

Level 2.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data.raw import RawFileError


def read_arrays(file: Path, kinds: Mapping[str, tuple[type, tuple[Any, ...]]]) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` file by name, each of its type and shape.

    A letter in a shape is a length, the same wherever it stands. Raises RawFileError for a file that is none, holds a
    pickle or lacks an array, and for an array of another type or shape.
    """
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in kinds}
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise RawFileError(
            f"{file}: expected the plain arrays {', '.join(kinds)}, and reading them failed ({error})"
        ) from error
    lengths: dict[Any, int] = {}
    for name, (kind, shape) in kinds.items():
        found = arrays[name]
        expected = tuple(lengths.get(length, length) for length in shape)
        fits = [isinstance(e, str) or e == length for e, length in zip(expected, found.shape, strict=False)]
        if found.dtype != kind or found.ndim != len(shape) or not all(fits):
            raise RawFileError(f"{file}: {name} is {found.dtype} {found.shape}; expected {np.dtype(kind)} {expected}")
        lengths |= zip(shape, found.shape, strict=True)
    return arrays


def refuse(file: Path, name: str, array: np.ndarray, wrong: np.ndarray, expected: str) -> None:
    """Raise RawFileError about the first marked place of an array, or row where rows are marked, if there is one."""
    if wrong.any():
        place = np.argwhere(wrong)[0].tolist()
        raise RawFileError(f"{file}: {name}{place} is {array[tuple(place)].tolist()}; expected {expected}")
