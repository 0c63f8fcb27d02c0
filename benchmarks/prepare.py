"""Verb `prepare`: raw files to a label-free graph with its splits, and apart, sealed, the labels of test students."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.data import raw
from benchmarks.data.dataset import check_classes
from benchmarks.data.edges import simple
from benchmarks.data.leaks import suspicions
from benchmarks.data.storage import save_dataset, write_json
from benchmarks.jobs.modules import load
from benchmarks.training.labeling import thinned


def run(make: str, splits: list[str], options: dict[str, Any], mirror: Path, output: Path, sealed_output: Path) -> None:
    """Build the dataset that module `make` describes, with `options`, from the raw files under `mirror` or data/.

    Its `provenance.json` begins with the SHA-256 of the raw files, by name. Loops and repeated edges are mended, and
    the card says so. One option is every dataset's: "labeled", the share of students whose labels are known, see
    `labeling.thinned`.
    """
    module, own = load(make), {name: value for name, value in options.items() if name != "labeled"}
    dataset = raw.made(module, splits, own, mirror)
    if getattr(module, "TEXT", True) is False and any(dataset.graph.texts):
        raise ValueError(f"{make} says TEXT = False, and {sum(map(bool, dataset.graph.texts))} students have one")
    if "labeled" in options:
        dataset = thinned(dataset, options["labeled"])
    graph, said = simple(dataset.graph)
    dataset = replace(dataset, graph=graph, remarks=(*dataset.remarks, *said))
    try:
        check_classes(dataset)
    except ValueError as error:
        raise ValueError(f"{make}: {error}") from error
    found = suspicions(dataset)
    for line in found:
        print(line)
    save_dataset(replace(dataset, remarks=(*dataset.remarks, *found)), output, sealed_output)
    write_json(output / "provenance.json", {"raw": raw.used(module, own, mirror)})
