"""PyG's convolutions in our scaffold: which there are, where weights go, and that each keeps the contract."""

import functools
import inspect
import re
from dataclasses import replace
from types import ModuleType
from typing import get_args

import pytest
import torch
from conftest import ROOT, random_graph
from test_baselines import GRAPHS, both_ways
from torch_geometric.nn import conv as theirs

from baselines import pyg
from benchmarks.contract.conformance import CHECKS, OK

NAMES = get_args(pyg.Config.__annotations__["conv"])
ON_A_MESH = "MeshCNNConv"
"""Has the arguments of a graph convolution, and expects four neighbors of each edge of a mesh."""


def fits(name: str) -> bool:
    """Whether a convolution is built from (in_channels, out_channels), called with (x, edge_index), and works."""
    made = getattr(theirs, name)
    built, called = (list(inspect.signature(f).parameters.values()) for f in (made, made.forward))
    required = [p.name for p in built if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    asked = [p.name for p in called if p.default is p.empty][1:]  # without self
    if required != ["in_channels", "out_channels"] or asked != ["x", "edge_index"] or name == ON_A_MESH:
        return False
    try:
        return made(16, 16)(torch.ones(3, 16), torch.tensor([[0], [1]])).shape == (3, 16)
    except ImportError:  # RAPIDS
        return False


def test_every_convolution_that_fits_is_there() -> None:
    assert sorted({*filter(fits, theirs.__all__), *pyg.ADAPTERS}) == sorted(NAMES)


def test_the_docs_say_where_weights_go() -> None:
    docs = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")
    rows = {"as `edge_weight`": "edge_weight", "log(1 + weight) as `edge_attr`": "edge_attr", "ignored": None}
    said = {
        name: rows[where]
        for where, names in re.findall(r"^\| (.*) \| ((?:`\w+`(?:, )?)+) \|$", docs, re.M)
        if where in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert said == {name: pyg.weights_as(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_where_the_docs_say_so(name: str) -> None:
    graph = random_graph()
    stronger = replace(graph, weights=graph.weights * (1 + torch.arange(len(graph.weights))))
    torch.manual_seed(0)
    block, h = pyg.Convolution(pyg.Config(width=16, conv=name)).eval(), torch.randn(40, 16)
    assert block(h, graph).shape == (40, 16)
    assert torch.equal(block(h, graph), block(h, stronger)) == (pyg.weights_as(name) is None)


@GRAPHS
@pytest.mark.parametrize("name", ["GCNConv", "GATConv", "SAGEConv"])
def test_a_block_is_pygs_convolution_of_both_directions(name: str, directed: bool) -> None:
    graph = random_graph(directed=directed)
    block, h = pyg.Convolution(pyg.Config(width=16, conv=name)), torch.randn(40, 16)
    edges, weights = both_ways(graph)
    given = {"GCNConv": [weights], "GATConv": [weights.log1p()[:, None]], "SAGEConv": []}[name]
    options = {"heads": 8, "edge_dim": 1} if name == "GATConv" else {}
    conv = getattr(theirs, name)(16, 16 // options.get("heads", 1), **options)
    conv.load_state_dict(block.conv.state_dict())
    assert torch.allclose(block(h, graph), conv(h, edges, *given), atol=1e-5)


@functools.cache
def row(conv: str) -> ModuleType:
    """The model file as a row of the config that sets `conv`."""
    module = ModuleType(conv)
    module.__dict__.update(Config=functools.partial(pyg.Config, conv=conv), build=pyg.build, SPACE=pyg.SPACE)
    return module


@pytest.mark.parametrize("conv", ["GATConv", *pyg.ADAPTERS])
@pytest.mark.parametrize("name", ["the predictor", "it predicts", "students in another", "same seed", "it learns"])
def test_rows_of_the_config_keep_the_contract(conv: str, name: str) -> None:
    [check] = [check for check in CHECKS if check.name.startswith(name)]
    assert check.verdict(row(conv)) == (OK, "")


def test_an_unknown_convolution_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"conv = 'GATv3'; expected one of APPNP, ARMAConv, .*TransformerConv"):
        pyg.Convolution(pyg.Config(conv="GATv3"))
    with pytest.raises(ValueError, match="width = 30, heads = 8: expected a multiple"):
        pyg.Convolution(pyg.Config(width=30, conv="GATConv"))
