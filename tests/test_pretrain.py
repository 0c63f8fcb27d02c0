"""Pretraining: what is masked, what is learned, and whose texts and edges are read."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import learnable
from sklearn.metrics import log_loss
from test_encoder import save
from torch import Tensor

from benchmarks import encode, finetune, tune_recipe
from benchmarks.data.dataset import Dataset
from benchmarks.data.storage import load_graph, load_split, load_task, save_dataset
from benchmarks.training import pretraining, weights
from benchmarks.training.finetuning import Finetuning, trust
from benchmarks.training.pretraining import edges_of, texts_of, vocabulary_of
from benchmarks.training.reading import opened
from benchmarks.training.recipes import Pretraining, Recipe
from sgn import finetune as finetuning
from sgn.encoder import Reader, Reading, cut, distinct, read_below, tokenize
from sgn.graph import TrainingView
from sgn.pretrain import IGNORED, Config, Epoch, Vocabulary, contrast, following, language, masked
from sgn.task import Task


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, weights.Pretrained]:
    models = {}
    for kind in ("bert", "gpt2", "llama"):
        folder = tmp_path_factory.mktemp(kind)
        save(kind, folder)
        models[kind] = weights.load(str(folder), None)
    return models


def test_masking_has_berts_rates_and_leaves_special_tokens_and_padding_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    size = 2000
    vocabulary = Vocabulary(torch.arange(size) < 5, mask=4)
    ids = torch.randint(5, size, (400, 100), generator=generator)
    ids[:, 0], ids[:, 90] = 2, 3
    real = (torch.arange(100) <= 90).long().expand(400, 100)
    shown, labels = masked(ids, real, vocabulary, generator)
    chosen = labels != IGNORED
    assert torch.equal(labels[chosen], ids[chosen])
    assert not chosen[:, [0, 90]].any(), "special tokens"
    assert not chosen[:, 91:].any(), "padding"
    assert torch.equal(shown[~chosen], ids[~chosen])

    def near(count: int, of: int, rate: float) -> bool:
        return abs(count - of * rate) < 4.5 * math.sqrt(of * rate * (1 - rate))

    n = int(chosen.sum())
    assert near(n, 400 * 89, 0.15)
    assert near(int((shown[chosen] == 4).sum()), n, 0.8)
    assert near(int((shown[chosen] == ids[chosen]).sum()), n, 0.1)
    other = shown[chosen & (shown != 4) & (shown != ids)]
    assert near(len(other), n, 0.1)
    assert (other >= 5).all(), "a random token is an ordinary one"
    assert len(other.unique()) > 300
    again = masked(ids, real, vocabulary, generator)[1]
    assert not torch.equal(again, labels), "each draw is a new one"


def test_the_next_token_is_predicted_up_to_the_last_real_one() -> None:
    ids = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
    real = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
    assert following(ids, real).tolist() == [[6, 7, IGNORED, IGNORED], [9, IGNORED, IGNORED, IGNORED]]


def corpus(tokenizer: Any, texts: int, seed: int) -> Reading:
    """Texts with a grammar: numbers that count up."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(30, (texts,), generator=generator).tolist()
    return tokenize(tokenizer, [" ".join(str(s + i) for i in range(8)) for s in starts], 16)


def train_language(
    pretrained: weights.Pretrained, new_head: bool = True, epochs: int = 20
) -> tuple[Reader, list[Epoch], dict[str, Tensor]]:
    lower, top = cut(pretrained.model, 2)
    untouched = {name: p.clone() for name, p in top.named_parameters()}
    reader = Reader(top)
    head, _ = weights.language_head(pretrained)
    tokens, held_out = corpus(pretrained.tokenizer, 60, 0), corpus(pretrained.tokenizer, 20, 1)
    config = Config(epochs=epochs, lr=2e-3, head_lr=3e-3)
    below = Reader(lower)
    curve = language(config, below, reader, head, new_head, tokens, held_out, vocabulary_of(pretrained), seed=0)
    return reader, curve, untouched


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
def test_language_modeling_lowers_the_loss_of_unseen_texts(saved: dict[str, weights.Pretrained], kind: str) -> None:
    reader, curve, untouched = train_language(saved[kind])
    assert [row.epoch for row in curve] == list(range(21))
    assert curve[-1].held_out < curve[0].held_out - 0.3
    assert curve[-1].loss < curve[1].loss - 0.3
    assert any(not torch.equal(p, untouched[name]) for name, p in reader.top.named_parameters())
    assert not reader.training
    (first, curve, _), (second, again, _) = (train_language(saved[kind], epochs=2) for _ in range(2))
    assert [row.held_out for row in curve] == [row.held_out for row in again]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_new_head_learns_alone_first(saved: dict[str, weights.Pretrained]) -> None:
    reader, curve, untouched = train_language(saved["bert"], epochs=0)
    assert [row.epoch for row in curve] == [0]
    assert curve[0].steps > 0
    assert all(torch.equal(p, untouched[name]) for name, p in reader.top.named_parameters())
    _, curve, _ = train_language(saved["bert"], new_head=False, epochs=0)
    assert (curve[0].steps, math.isnan(curve[0].loss)) == (0, True)


def test_language_heads(saved: dict[str, weights.Pretrained], tmp_path: Path) -> None:
    """A checkpoint's own head is used, and gives what plain transformers give; a new one is tied to the embeddings."""
    from transformers import AutoModelForMaskedLM

    head, new = weights.language_head(saved["bert"])
    assert new
    assert torch.equal(head.model.get_output_embeddings().weight, saved["bert"].model.get_input_embeddings().weight)
    assert not head.model.get_output_embeddings().weight.requires_grad
    assert not weights.language_head(saved["gpt2"])[1]
    plain = AutoModelForMaskedLM.from_pretrained(saved["bert"].folder).eval()
    plain.save_pretrained(tmp_path)
    saved["bert"].tokenizer.save_pretrained(tmp_path)
    own = weights.load(str(tmp_path), None)
    head, new = weights.language_head(own)
    assert not new
    ids = torch.arange(5, 12)[None]
    with torch.no_grad():
        states = own.model(input_ids=ids).last_hidden_state[0]
        assert torch.allclose(head.eval()(states), plain(input_ids=ids).logits[0], atol=1e-5)


def train_contrast(pretrained: weights.Pretrained, epochs: int, seed: int = 0) -> tuple[float, float, list[Epoch]]:
    """Mean similarity of linked students less that of unlinked ones, before and after."""
    tokens = tokenize(pretrained.tokenizer, [f"{i} {i + 1}" for i in range(39)], 8)
    lower, top = cut(pretrained.model, 2)
    flat = torch.empty(len(tokens.flat), 32)
    read_below(lower, tokens, flat, lambda texts: None)
    below, reader, index = Reading(flat, tokens.bounds), Reader(top), torch.arange(39)
    groups = index % 3
    pairs = torch.combinations(index).T
    edges = pairs[:, groups[pairs[0]] == groups[pairs[1]]]

    @torch.no_grad()
    def gap() -> float:
        states = torch.nn.functional.normalize(reader(*below.padded(index)))
        alike = states @ states.T
        linked = groups[:, None] == groups
        return (alike[linked & ~torch.eye(39, dtype=torch.bool)].mean() - alike[~linked].mean()).item()

    before = gap()
    config = Config(epochs=epochs, pairs=8, lr=3e-3)
    held_out = torch.isin(edges, torch.arange(6)).any(0)
    args = (index, edges[:, ~held_out], torch.ones(int((~held_out).sum())), edges[:, held_out])
    curve = contrast(config, below, reader, *args, seed)
    return before, gap(), curve


def test_students_who_interact_get_nearer(saved: dict[str, weights.Pretrained]) -> None:
    before, after, curve = train_contrast(saved["bert"], epochs=40)
    assert after > before + 0.2
    assert curve[-1].loss < curve[1].loss
    _, after, _ = train_contrast(saved["bert"], epochs=2)
    assert train_contrast(saved["bert"], epochs=2)[1] == after
    assert train_contrast(saved["bert"], epochs=2, seed=1)[1] != after


def test_identical_texts_are_no_negatives(saved: dict[str, weights.Pretrained]) -> None:
    """Everybody writes one of two texts, so a pair has no negative at all: the loss is zero, not log of the batch."""
    tokens = tokenize(saved["bert"].tokenizer, ["calm", "late"], 8)
    lower, top = cut(saved["bert"].model, 1)
    flat = torch.empty(len(tokens.flat), 32)
    read_below(lower, tokens, flat, lambda texts: None)
    edges = torch.tensor([[0, 2], [1, 3]])
    index = torch.tensor([0, 1, 0, 1])
    curve = contrast(Config(), Reading(flat, tokens.bounds), Reader(top), index, edges, torch.ones(2), edges, 0)
    assert curve[0].held_out == 0.0


def inductive(seed: int = 0) -> Dataset:
    """The learnable dataset, each text different, with its test students hidden."""
    dataset = learnable("multiclass", students=60, seed=seed)
    texts = tuple(f"{text} {i % 40} {i % 7}" for i, text in enumerate(dataset.graph.texts))
    splits = {name: replace(s, hidden=s.test) for name, s in dataset.splits.items()}
    return replace(dataset, graph=replace(dataset.graph, texts=texts), splits=splits)


def write(dataset: Dataset, folder: Path) -> Path:
    for part in ("data", "sealed"):
        (folder / part).mkdir(parents=True)
    save_dataset(dataset, folder / "data", folder / "sealed")
    return folder / "data"


def recipe_for(pretrained: weights.Pretrained, finetune: str = "frozen", **keys: Any) -> Recipe:
    given = {"texts": 100, "epochs": 2, "patience": 2, "trials": 1, "lr": 2e-3} | keys
    return Recipe(str(pretrained.folder), 16, finetune, **given)


def open_for(data: Path, folder: Path, recipe: Recipe) -> Finetuning:
    return Finetuning(data, "0", opened(recipe, folder / "frozen", folder / "cache", torch.device("cpu")))


def states(data: Path, recipe: Recipe, folder: Path, seeds: tuple[int, ...] = (0,)) -> Path:
    """The folder of split 0 that `finetune` writes."""
    encoded, output = folder / "frozen", folder / "reporting"
    for made in (encoded, output):
        made.mkdir(parents=True)
    encode.run(data, recipe, folder / "cache", "cpu", encoded)
    finetune.run(data, encoded, recipe, ["0"], list(seeds), folder / "cache", "cpu", output)
    return output / "0"


@pytest.mark.parametrize("arm", ["train-only", "transductive", "graph"])
def test_hidden_and_held_out_students_are_not_read(
    saved: dict[str, weights.Pretrained], arm: str, tmp_path: Path
) -> None:
    dataset = inductive()
    hidden, validation = dataset.splits["0"].hidden, dataset.splits["0"].validation
    spoiled = list(dataset.graph.texts)
    for i in hidden:
        spoiled[i] = dataset.graph.texts[(i + 1) % 60] if i % 2 else "the the the"
    others = replace(dataset, graph=replace(dataset.graph, texts=tuple(spoiled)))
    recipe = recipe_for(saved["bert"], pretrain=Pretraining(arm, 2, 2))
    folders = [states(write(d, tmp_path / str(k)), recipe, tmp_path / str(k)) for k, d in enumerate((dataset, others))]
    histories = [json.loads((folder / "pretraining.json").read_text(encoding="utf-8")) for folder in folders]
    assert histories[0] == histories[1]
    assert histories[0]["arm"] == arm
    assert all(value > 0 for value in (histories[0]["before"], histories[0]["after"]))
    rows = []
    for folder in folders:
        with np.load(folder / "states.npz", allow_pickle=False) as file:
            assert "seed=0/logits" not in file.files
            rows.append(np.delete(file["seed=0/states"][file["index"]], hidden, axis=0))
    assert np.array_equal(*rows), "weights are the same, so visible students' states are"

    data = tmp_path / "0" / "data"
    graph = load_graph(data)
    view = load_split(data, "0", 60).view(graph, load_task(data))
    assert len(view.graph) == 60 - len(hidden)
    texts, index = distinct(view.graph.texts)
    tokens = tokenize(saved["bert"].tokenizer, texts, 16)
    if arm == "graph":
        edges, weight, unseen = edges_of(index, view)
        assert not torch.isin(edges, view.validation).any()
        assert torch.isin(unseen, view.validation).any(0).all()
        assert len(weight) == edges.shape[1] > 0
    else:
        read, held_out = texts_of(arm, tokens, index, view)
        assert len(held_out) == len(validation)
        assert len(read) == (len(view.train) if arm == "train-only" else len(view.graph) - len(validation))


def test_transductive_reads_more_than_train_only() -> None:
    dataset = learnable("multiclass", students=60)
    split = dataset.splits["0"]
    texts = tuple(f"{text} {i % 40} {i % 7}" for i, text in enumerate(dataset.graph.texts))
    labels = torch.full((60,), -1)
    known = np.concatenate([split.train, split.validation])
    labels[known] = torch.from_numpy(dataset.labels)[known]
    train, validation = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    view = TrainingView(replace(dataset.graph, texts=texts), labels, train, validation, dataset.task)
    tokens = Reading(torch.arange(60), torch.arange(61))
    index = torch.arange(60)
    assert sorted(texts_of("train-only", tokens, index, view)[0].flat.tolist()) == sorted(split.train.tolist())
    both = sorted([*split.train.tolist(), *split.test.tolist()])
    assert sorted(texts_of("transductive", tokens, index, view)[0].flat.tolist()) == both


def test_a_pretraining_is_made_once_for_tuning_and_fine_tuning(
    saved: dict[str, weights.Pretrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    plain = pretraining.language
    monkeypatch.setattr(pretraining, "language", lambda *a: runs.append(1) or plain(*a))
    recipe = recipe_for(saved["bert"], finetune="lora-1", pretrain=Pretraining("train-only", 1, 1))
    data = write(inductive(), tmp_path)
    output = states(data, recipe, tmp_path, seeds=(0, 1))
    selection = tmp_path / "selection"
    selection.mkdir()
    tune_recipe.run(data, tmp_path / "frozen", recipe, ["0"], [1000], tmp_path / "cache", "cpu", selection)
    assert len(runs) == 1
    assert (selection / "0" / "pretraining.json").read_bytes() == (output / "pretraining.json").read_bytes()
    with np.load(output / "states.npz", allow_pickle=False) as file:
        assert not np.array_equal(file["seed=0/states"], file["seed=1/states"])


def test_a_pretrained_recipe_that_is_not_fine_tuned_has_nothing_to_tune(
    saved: dict[str, weights.Pretrained], tmp_path: Path
) -> None:
    recipe = recipe_for(saved["gpt2"], pretrain=Pretraining("transductive", 1, 3))
    data = write(inductive(), tmp_path)
    encoded, output = tmp_path / "frozen", tmp_path / "selection"
    encoded.mkdir()
    output.mkdir()
    encode.run(data, recipe, tmp_path / "cache", "cpu", encoded)
    tune_recipe.run(data, encoded, recipe, ["0"], [1000], tmp_path / "cache", "cpu", output)
    assert json.loads((output / "trials.json").read_text(encoding="utf-8")) == []
    assert json.loads((output / "best.json").read_text(encoding="utf-8")) == {"0": {"params": {}, "value": None}}
    with np.load(output / "0" / "states.npz", allow_pickle=False) as file:
        assert np.isfinite(file["seed=1000/states"]).all()


def test_pretraining_reaches_the_states_that_are_fine_tuned(
    saved: dict[str, weights.Pretrained], tmp_path: Path
) -> None:
    data = write(inductive(), tmp_path)
    kept = []
    for how in ("full", "top-2"):
        for pretrain in ({}, {"pretrain": Pretraining("train-only", 2, 2)}):
            recipe = recipe_for(saved["bert"], finetune=how, lr=1e-5, epochs=1, **pretrain)
            with np.load(states(data, recipe, tmp_path / f"{how}{len(pretrain)}") / "states.npz") as file:
                kept.append(file["seed=0/states"])
    plain, further, plain_top, further_top = kept
    assert np.allclose(plain, plain_top, atol=1e-2)
    assert np.allclose(further, further_top, atol=1e-2)
    assert not np.allclose(plain, further, atol=2e-2)


def test_states_from_the_cache_are_those_of_the_fit(
    saved: dict[str, weights.Pretrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for(saved["bert"], finetune="top-1")
    data = write(inductive(), tmp_path)
    states(data, recipe, tmp_path)
    tuning = open_for(data, tmp_path, recipe)
    expected = tuning.fit({}, 0, print)[0].read(tuning.encoder.below)
    monkeypatch.setattr(Finetuning, "fit", None)  # a hit fits nothing
    hit = open_for(data, tmp_path, recipe).states({}, 0, print)
    for array, tensor in zip((hit["states"], hit["logits"]), expected, strict=True):
        assert np.array_equal(array, tensor.numpy())


def test_a_recipe_sets_hyper_parameters_whatever_the_search_found(
    saved: dict[str, weights.Pretrained], tmp_path: Path
) -> None:
    data = write(inductive(), tmp_path)
    found = {}
    for name, settings in {"found": {}, "set": {"lr": 1e-9}}.items():
        recipe = recipe_for(saved["bert"], finetune="top-1", set=settings)
        states(data, recipe, tmp_path / name)
        found[name] = open_for(data, tmp_path / name, recipe).states({"lr": 1e-2}, 0, print)["states"]
    with np.load(tmp_path / "set" / "frozen" / "states.npz") as file:
        assert np.allclose(found["set"], file["states"], atol=1e-4)
        assert not np.allclose(found["found"], file["states"], atol=1e-2)


def test_what_a_recipe_sets_is_not_searched(saved: dict[str, weights.Pretrained], tmp_path: Path) -> None:
    recipe = recipe_for(saved["bert"], finetune="top-1", trials=2, set={"weight_decay": 0.0})
    data, encoded, output = write(inductive(), tmp_path), tmp_path / "encoded", tmp_path / "selection"
    encoded.mkdir()
    output.mkdir()
    encode.run(data, recipe, tmp_path / "cache", "cpu", encoded)
    tune_recipe.run(data, encoded, recipe, ["0"], [1000], tmp_path / "cache", "cpu", output)
    for trial in json.loads((output / "trials.json").read_text(encoding="utf-8")):
        assert json.loads(trial["params"]).keys() == finetuning.space(5e-4).keys() - {"weight_decay"}


def test_heads_are_measured_on_whom_they_know_and_whom_not(
    saved: dict[str, weights.Pretrained], tmp_path: Path
) -> None:
    dataset = inductive()
    recipe = recipe_for(saved["bert"], finetune="top-1", folds=3)
    output = states(write(dataset, tmp_path), recipe, tmp_path)
    rows = {row["students"]: row for row in json.loads((output / "heads.json").read_text(encoding="utf-8"))}
    with np.load(output / "states.npz", allow_pickle=False) as file:
        logits, index = torch.from_numpy(file["seed=0/logits"]), torch.from_numpy(file["index"])
    place = distinct(dataset.graph.texts)[1]
    for students, side, of in (
        ("training", "train", place),
        ("training, out of fold", "train", index),
        ("validation", "validation", place),
    ):
        ids = torch.from_numpy(getattr(dataset.splits["0"], side))
        chances, labels = logits[of[ids]].softmax(1).numpy(), dataset.labels[ids]
        row = rows.pop(students)
        assert row["accuracy"] == pytest.approx((chances.argmax(1) == labels).mean())
        assert row["confidence"] == pytest.approx(chances.max(1).mean(), abs=1e-6)
        assert row["loss"] == pytest.approx(log_loss(labels, chances, labels=[0, 1, 2]), abs=1e-5)
    assert rows == {}


@pytest.mark.parametrize(
    ("task", "logits", "labels"),
    [
        (Task("binary", ("no", "yes")), [[2.0], [-1.0], [1.0]], [1, 1, 0]),
        (Task("multilabel", ("p", "q")), [[2.0, 9.0], [-1.0, 1.0]], [[1, -1], [1, 0]]),  # -1 is unknown
    ],
)
def test_trust_in_decisions(task: Task, logits: list, labels: list) -> None:
    found = trust(task, torch.tensor(logits), torch.tensor(labels))
    chances = torch.tensor([2.0, -1.0, 1.0]).sigmoid()
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["confidence"] == pytest.approx(torch.maximum(chances, 1 - chances).mean().item(), abs=1e-6)
    assert found["loss"] == pytest.approx(log_loss([1, 1, 0], chances.numpy()), abs=1e-6)


def test_out_of_fold_states_do_not_know_the_students_own_label(
    saved: dict[str, weights.Pretrained], tmp_path: Path
) -> None:
    dataset = inductive()
    recipe = recipe_for(saved["bert"], finetune="top-1", folds=3)
    train = torch.from_numpy(dataset.splits["0"].train)
    fold = finetuning.folds_of(train, 3)[1].numpy()
    scrambled = dataset.labels.copy()
    scrambled[fold] = (scrambled[fold] + 1) % 3
    files = []
    for name, one in (("a", dataset), ("b", replace(dataset, labels=scrambled))):
        output = states(write(one, tmp_path / name), recipe, tmp_path / name)
        with np.load(output / "states.npz", allow_pickle=False) as file:
            files.append({key: file[key] for key in file.files})
    one, other = files
    texts = len(set(dataset.graph.texts))
    assert np.array_equal(one["index"], other["index"])
    assert len(one["seed=0/states"]) == texts + len(train), "a row more for each training student"
    assert (one["index"][train] >= texts).all()
    everybody_else = np.setdiff1d(np.arange(60), train.numpy())
    assert (one["index"][everybody_else] < texts).all()
    for array in ("states", "logits"):
        mine, theirs = (f[f"seed=0/{array}"][f["index"]] for f in files)
        assert np.array_equal(mine[fold], theirs[fold]), array
        assert not np.array_equal(mine[np.setdiff1d(train, fold)], theirs[np.setdiff1d(train, fold)]), array
        assert not np.array_equal(mine[everybody_else], theirs[everybody_else]), array


def test_out_of_fold_texts_are_the_students_own(saved: dict[str, weights.Pretrained], tmp_path: Path) -> None:
    """At learning rate 1e-9 nothing is learned: out-of-fold states are the plain ones, row by row."""
    data = write(inductive(), tmp_path)
    found = []
    for name, folds in (("plain", {}), ("folds", {"folds": 4})):
        recipe = recipe_for(saved["bert"], finetune="top-1", lr=1e-9, **folds)
        with np.load(states(data, recipe, tmp_path / name) / "states.npz", allow_pickle=False) as file:
            found.append(file["seed=0/states"][file["index"]])
    assert np.allclose(*found, atol=1e-5)
