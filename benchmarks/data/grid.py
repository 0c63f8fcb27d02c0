"""Cells of a family or of an ablation: every combination of the values of a grid of options."""

import itertools
from typing import Any


def cells(grid: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """The options of each cell by its name, such as "text_signal=0.2,draw=1"."""
    points = (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    return {",".join(f"{name}={value}" for name, value in point.items()): point for point in points}


def values(cell: str) -> dict[str, str]:
    """The options in a cell's name; none in another name."""
    return dict(part.split("=", 1) for part in cell.split(",")) if "=" in cell else {}
