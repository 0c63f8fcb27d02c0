"""Verb `each`: another verb for each cell of a family of datasets, in one process.

A family is one dataset file under many options (a grid of a synthetic network's dials, a series of cut-offs). Its cells
are small, and starting Python for each would cost more than the cells themselves.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.cli import call
from benchmarks.grid import cells
from benchmarks.progress import Progress


def run(
    grid: dict[str, list[Any]],
    output: Path,
    command: list[str],
    options: dict[str, Any] = {},  # noqa: B006  read only
    sealed_output: Path | None = None,
    after: list[Path] = [],  # noqa: B006  read only
) -> None:
    """Run `command` (a verb and its flags, but for the outputs) once a cell of `grid`, into `output`/<cell>.

    In the flags, {cell} stands for the cell's name, and {options} for `options` with its own as JSON. `after` names
    the artifacts that the command reads: where one of them has failed, so has this.
    """
    found = cells(grid)
    progress = Progress(len(found), "cell")
    for cell, own in found.items():
        outputs = {"--output": output, "--sealed-output": sealed_output}
        verb, *flags = [
            part.replace("{cell}", cell).replace("{options}", json.dumps(options | own)) for part in command
        ]
        for flag, folder in outputs.items():
            if folder is not None:
                (folder / cell).mkdir(parents=True, exist_ok=True)
                flags += [flag, str(folder / cell)]
        call(verb, flags)
        progress.step(cell)
