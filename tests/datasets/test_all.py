"""Every dataset file, as the paper tier asks for it, built from the mirror's files: the contract that all keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import MIRROR, ROOT

from benchmarks import cards
from benchmarks.data import raw
from benchmarks.data.leaks import suspicions
from benchmarks.data.storage import save_dataset
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.planning.entries import options_of, single, source_of

PAPER = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))
SLOW = {  # nothing new beside the smaller ones, or beside who else validates
    *("synthetic", "facebook100-cornell5", "facebook100-johns-hopkins55", "planetoid-citeseer"),
    *("webkb-validation1", "webkb-validation2"),
}


def entries() -> list[str]:
    """The first and the last entry of each dataset file: what lies between differs by a cut-off."""
    by_file: dict[str, list[str]] = {}
    for name in single(PAPER):
        if name not in SLOW:
            by_file.setdefault(source_of(PAPER, name), []).append(name)
    return [name for names in by_file.values() for name in dict.fromkeys((names[0], names[-1]))]


@pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of raw files")
@pytest.mark.parametrize("name", entries())
def test_the_contract(name: str, tmp_path: Path) -> None:
    entry: dict[str, Any] = PAPER["datasets"][name]
    module, options = load(entry["make"]), options_of(PAPER, name)
    try:
        folder = raw.folder_for(module, options, MIRROR)
        dataset = module.make(folder, splits=[str(split) for split in entry["splits"]], **options)
    except NotAvailableError as missing:
        pytest.skip(str(missing)[:60])
    graph = dataset.graph
    assert list(dataset.splits) == [str(split) for split in entry["splits"]]
    assert graph.num_features > 0
    assert len(set(graph.features)) == graph.num_features
    assert not [f for f in graph.features if f.lower() in ("degree", "in-degree", "out-degree", "id", "label")]
    assert any(graph.texts) == (dataset.text != "none")
    assert suspicions(dataset) == []
    assert all(isinstance(remark, str) and remark.endswith((".", ")")) for remark in dataset.remarks)
    source, target = graph.edges.numpy()
    assert (source != target).all(), "a convolution adds loops by itself"
    codes = source * len(graph) + target
    assert len(np.unique(codes)) == len(codes), "an edge stands once"
    if not graph.directed:
        assert set(codes.tolist()) == set((target * len(graph) + source).tolist()), (
            "an undirected edge stands both ways"
        )
    for split in dataset.splits.values():
        for side in (split.train, split.validation, split.test):
            known = dataset.labels[side]
            assert len(np.unique(known[known >= 0])) >= 2, "every side has more than one class"
    (tmp_path / "sealed").mkdir()
    save_dataset(dataset, tmp_path, tmp_path / "sealed")
    card = (ROOT / "docs" / "datasets" / f"{entry['make'].rpartition('.')[2]}.md").read_text(encoding="utf-8")
    again = "the data card is older than the code: prepare the paper tier and run `sgn cards`"
    assert cards.row(name, tmp_path) in card, again
    assert all(f"- {remark}" in card for remark in dataset.remarks), again
