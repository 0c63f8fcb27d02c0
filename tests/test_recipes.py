"""A recipe: what its fields take and imply, and that it is opened once."""

import json
import re
from dataclasses import MISSING, fields, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT, learnable

from benchmarks import encode, finetune
from benchmarks.data.storage import save_dataset
from benchmarks.jobs import flags
from benchmarks.training import reading, weights
from benchmarks.training.reading import opened
from benchmarks.training.recipes import Pretraining, Recipe
from sgn.finetune import Config

LEAST = {"weights": "w", "tokens": 8, "finetune": "top-2"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": 1}, "tokens = 1; expected a number of tokens from 2"),
        ({"tokens": True}, "tokens = True; expected a number of tokens from 2"),
        ({"tokens": 8.0}, "tokens = 8.0; expected a number of tokens from 2"),
        ({"weights": 5}, "weights = 5; expected a hub name or a folder"),
        ({"finetune": "lora-0"}, "finetune = 'lora-0'; expected frozen, top-K, full, lora-K or adalora-K"),
        ({"finetune": 2}, "finetune = 2; expected frozen, top-K"),
        ({"lr": 0}, "lr = 0; expected the default learning rate, above 0"),
        ({"lr": "1e-3"}, "lr = '1e-3'; expected the default learning rate, above 0"),
        ({"set": [1]}, "set = [1]; expected hyper-parameters of the fine-tuning with values"),
        ({"epoch": 3}, "epoch = 3: unknown key (did you mean 'epochs'?); allowed: weights, tokens, finetune, "),
        ({"pretrain": "graph"}, "pretrain = 'graph'; expected key: value pairs"),
        ({"pretrain": {"arm": "graph", "layers": 2}}, "pretrain.epochs is missing; expected a number of epochs from 1"),
        ({"pretrain": {"arm": "all", "epochs": 1, "layers": 2}}, "pretrain.arm = 'all'; expected train-only, transduc"),
        (
            {"pretrain": {"arm": "graph", "epochs": 1, "layers": 1}},
            "pretrain.layers = 1; expected 2, as in finetune = ",
        ),
    ],
)
def test_what_a_recipe_does_not_take(
    change: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}"):
        Recipe.of(LEAST | change)
    given = {"data": tmp_path, "cache": tmp_path, "device": "cpu", "output": tmp_path}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    with pytest.raises(SystemExit):
        flags.check("encode", [*words, "--recipe", json.dumps(LEAST | change)])
    assert f"argument --recipe: {said}" in capsys.readouterr().err


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"tokens = 0; .*\nlr = -1; "):
        Recipe.of(LEAST | {"tokens": 0, "lr": -1})
    with pytest.raises(ValueError, match=r"a = 1: unknown key; .*\ntokens is missing; .*\nfinetune is missing"):
        Recipe.of({"weights": "w", "a": 1})
    with pytest.raises(ValueError, match=r"= 3; expected key: value pairs"):
        Recipe.of(3)


def test_one_made_by_hand_is_checked_as_well() -> None:
    with pytest.raises(ValueError, match=r"pooling = 'max'; expected cls, mean or last"):
        replace(Recipe.of(LEAST), pooling="max")


PRETRAINED = Pretraining("graph", 1, 3)


@pytest.mark.parametrize(
    ("recipe", "finetuned", "per_split", "charged", "method", "changed", "how"),
    [
        (Recipe("w", 8, "frozen", trials=3), False, False, 0, "layers", 0, "frozen"),
        (Recipe("w", 8, "frozen", pretrain=PRETRAINED), False, True, 0, "layers", 3, "top-3"),
        (Recipe("w", 8, "top-2", trials=3), True, True, 3, "layers", 2, "top-2"),
        (Recipe("w", 8, "lora-12", trials=3), True, True, 3, "lora", 12, "lora-12"),
        (Recipe("w", 8, "adalora-3", pretrain=PRETRAINED), True, True, 0, "adalora", 3, "adalora-3"),
        (Recipe("w", 8, "full", pretrain=PRETRAINED), True, True, 0, "layers", inf, "full"),
    ],
)
def test_what_a_recipe_implies(
    recipe: Recipe, finetuned: bool, per_split: bool, charged: int, method: str, changed: float, how: str
) -> None:
    assert (recipe.finetuned, recipe.per_split, recipe.charged) == (finetuned, per_split, charged)
    assert (recipe.method, recipe.changed) == (method, changed)
    assert recipe.reading == Recipe("w", 8, "frozen")
    assert recipe.encoding == {"weights": "w", "tokens": 8, "precision": "auto", "finetune": how}


def test_what_a_fine_tuning_does_not_depend_on() -> None:
    recipe = Recipe.of(LEAST)
    assert replace(recipe, trials=5, folds=2, tuned_as="other").one_fit == recipe
    assert replace(recipe, epochs=5).one_fit != recipe


def test_defaults_are_those_of_the_fine_tuning() -> None:
    recipe, config = Recipe.of(LEAST), Config()
    assert (recipe.method, recipe.texts, recipe.epochs, recipe.lr) == (
        config.method,
        config.texts,
        config.epochs,
        config.lr,
    )


def test_the_documentation_lists_every_field() -> None:
    """In order, each with its default."""
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .+ \|$", text.partition("## Fields")[2].partition("\n## ")[0], re.M)
    words = {MISSING: "required", None: "none"}
    defaults = {own.name: words.get(own.default, f"`{own.default}`") for own in fields(Recipe)}
    assert rows == list((defaults | {"set": "none"}).items())
    (row,) = re.findall(r"^\| `pretrain` .*$", text, re.M)
    assert all(f"`{own.name}`" in row for own in fields(Pretraining))


def test_weights_are_read_and_the_model_is_cut_once_for_all_splits(
    small_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data", "sealed", "encoded", "out"):
        (tmp_path / name).mkdir()
    save_dataset(learnable(), tmp_path / "data", tmp_path / "sealed")
    recipe = Recipe(str(small_bert), 8, "top-1", texts=20, epochs=1, pretrain=Pretraining("train-only", 1, 1))
    data, encoded, common = tmp_path / "data", tmp_path / "encoded", {"cache": tmp_path / "cache", "device": "cpu"}
    calls: list[str] = []
    load, cut = weights.load, reading.cut
    monkeypatch.setattr(weights, "load", lambda *a: calls.append("load") or load(*a))  # type: ignore[func-returns-value]
    monkeypatch.setattr(reading, "cut", lambda *a: calls.append("cut") or cut(*a))  # type: ignore[func-returns-value]
    encode.run(data, recipe, output=encoded, **common)
    assert calls == ["load", "cut"]
    finetune.run(data, encoded, recipe, ["0", "1"], [0], output=tmp_path / "out", **common)
    assert calls == ["load", "cut"] * 2
    states = []
    for split in ("0", "1"):
        with np.load(tmp_path / "out" / split / "states.npz") as file:
            states.append(file["seed=0/states"])
    assert not np.array_equal(*states), "a split's pretraining is its own"


def test_more_layers_than_there_are_cannot_change(small_bert: Path, tmp_path: Path) -> None:
    for name in ("data", "sealed", "encoded"):
        (tmp_path / name).mkdir()
    save_dataset(learnable(), tmp_path / "data", tmp_path / "sealed")
    recipe = Recipe(str(small_bert), 8, "top-4")
    encode.run(tmp_path / "data", recipe, tmp_path / "cache", "cpu", tmp_path / "encoded")  # others read on
    encoder = opened(recipe, tmp_path / "encoded", tmp_path / "cache", torch.device("cpu"))
    with pytest.raises(ValueError, match="has 3 layers, and the recipe changes 4 of them"):
        _ = encoder.reader
