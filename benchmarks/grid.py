"""A family's cells: every combination of the values of a grid of options."""

import itertools
from typing import Any


def cells(grid: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """The options of each cell by its name, such as "text_signal=0.2,draw=1"."""
    points = (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    return {",".join(f"{name}={value}" for name, value in point.items()): point for point in points}
