"""Joint training against the exact gradient, and interpolation against its two ends."""

import copy
import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import learnable

from benchmarks import encode, train
from benchmarks.data.storage import read_json, save_dataset
from benchmarks.training import weights
from benchmarks.training.finetuning import Finetuning
from benchmarks.training.reading import opened
from benchmarks.training.recipes import Pretraining, Recipe
from sgn import encoder, joint, model
from sgn.encoder import Reader, Reading, cut, distinct, read_below, read_states
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView
from sgn.model import BertGCN, Config


@pytest.fixture(scope="module")
def material(small_bert: Path) -> tuple[TrainingView, Reader, Reading, torch.Tensor, torch.Tensor]:
    """A view with an encoder to train through; the test ids and everybody's labels."""
    dataset = learnable("multiclass")
    pretrained = weights.load(str(small_bert), None)
    texts, index = distinct(dataset.graph.texts)
    tokens = encoder.tokenize(pretrained.tokenizer, texts, 8)
    lower, top = cut(pretrained.model, 2)
    flat = torch.empty(len(tokens.flat), 32)
    read_below(lower, tokens, flat, lambda texts: None)
    reader, below = Reader(top), Reading(flat, tokens.bounds)
    sides = {s: torch.from_numpy(getattr(dataset.splits["0"], s)) for s in ("train", "validation", "test")}
    everybody, labels = torch.from_numpy(dataset.labels), torch.full((240,), -1)
    for side in ("train", "validation"):
        labels[sides[side]] = everybody[sides[side]]
    graph = replace(dataset.graph, text_index=index, states=read_states(reader, below)[index])
    view = TrainingView(graph, labels, sides["train"], sides["validation"], dataset.task, lambda: (reader, below))
    return view, reader, below, sides["test"], everybody


def exact(view: TrainingView, reader: Reader, below: Reading, head: BertGCN) -> dict[str, torch.Tensor]:
    """Gradient of the training loss with every text read with gradient."""
    reader.zero_grad()
    states = reader(*below.padded(torch.arange(len(below))))
    logits = head(view.graph.with_rows(states=states[view.graph.text_index]))
    view.task.loss(logits[view.train], view.labels[view.train]).backward()
    return {name: p.grad.clone() for name, p in reader.named_parameters() if p.grad is not None}


def test_a_batch_of_all_texts_has_the_exact_gradient(material: tuple) -> None:
    view, reader, below, _, _ = material
    head = BertGCN(Config(), view).eval()
    expected = exact(view, reader, below, head)
    reader.zero_grad()
    both = joint.Joint(reader, head, torch.zeros(len(below), 32)).eval()  # a history that is of no use
    logits = both.through(torch.arange(len(below)), below)(view.graph)
    view.task.loss(logits[view.train], view.labels[view.train]).backward()
    assert expected
    for name, parameter in reader.named_parameters():
        if name in expected:
            assert torch.allclose(parameter.grad, expected[name], atol=1e-6), name
    reader.zero_grad()


def test_batches_with_a_fresh_history_add_up_to_the_exact_gradient(material: tuple) -> None:
    view, reader, below, _, _ = material
    head = BertGCN(Config(), view).eval()
    expected = exact(view, reader, below, head)
    reader.zero_grad()
    both = joint.Joint(reader, head, read_states(reader, below)).eval()
    for rows in torch.arange(len(below)).split(7):
        logits = both.through(rows, below)(view.graph)
        view.task.loss(logits[view.train], view.labels[view.train]).backward()
    for name, parameter in reader.named_parameters():
        if name in expected:
            assert torch.allclose(parameter.grad, expected[name], atol=1e-5), name
    reader.zero_grad()


def test_a_stale_history_keeps_the_direction_of_the_exact_gradient(material: tuple) -> None:
    """Over an epoch of steps, whose history is up to an epoch old, as it is in training."""
    view, shared, below, _, _ = material
    reader, generator = copy.deepcopy(shared), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    head = BertGCN(Config(), view)
    both = joint.Joint(reader, head, read_states(reader, below)).eval()
    optimizer = torch.optim.AdamW(both.parameters(), lr=3e-3)
    likeness = []
    for _ in range(2):
        for rows in torch.randperm(len(below), generator=generator).split(2):
            expected = torch.cat([g.flatten() for g in exact(view, reader, below, head).values()])
            summed = torch.zeros_like(expected)
            for part in torch.arange(len(below)).split(2):
                history = both.history.clone()
                reader.zero_grad()
                view.task.loss(both.through(part, below)(view.graph)[view.train], view.labels[view.train]).backward()
                summed += torch.cat([p.grad.flatten() for p in reader.parameters() if p.grad is not None])
                both.history.copy_(history)  # looking changes nothing
            likeness.append(torch.cosine_similarity(summed, expected, dim=0).item())
            optimizer.zero_grad()
            view.task.loss(both.through(rows, below)(view.graph)[view.train], view.labels[view.train]).backward()
            optimizer.step()
    assert likeness[0] == pytest.approx(1, abs=1e-4)
    assert min(likeness) > 0.8
    assert min(likeness) < 0.999, "a history that is never stale tests nothing"


def test_joint_training_validates_like_the_exact_gradient(material: tuple) -> None:
    """From texts and contacts alone: the features would tell the class without any training of the encoder."""
    graph = material[0].graph
    view = material[0].with_graph(replace(graph, x=torch.zeros_like(graph.x)))
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for is_exact, ends in found.items():
        config = Config(fusion="joint", encoder_lr=1e-3, known_labels=False, batch=2, exact=is_exact)
        for seed in range(4):
            report = EarlyStopping(4, 4)
            model.fit(config, view, seed, report)
            ends.append((report.best_score, report.best_loss))
    by_batch, by_all = (torch.tensor(ends) for ends in found.values())  # [seeds, 2]: score and loss
    apart = by_all - by_batch
    assert (apart[:, 1] != 0).all(), "both ways are the same one"
    assert (apart.mean(0).abs() < 0.05).all()
    assert by_batch[:, 0].min() > 0.6


def test_joint_training_learns_through_the_encoder(material: tuple) -> None:
    view = material[0]
    config = Config(fusion="joint", encoder_weight_decay=0.0, dropout=0.0, batch=2)
    still, moving = (
        model.fit(replace(config, encoder_lr=lr), view, 0, EarlyStopping(3, 3))(view.graph) for lr in (0.0, 1e-3)
    )
    assert (still - moving).abs().max() > 1e-2


def test_joint_training_learns_is_deterministic_and_changes_no_encoder_of_others(material: tuple) -> None:
    view, reader, _, test, labels = material
    before = {name: p.clone() for name, p in reader.named_parameters()}
    config = Config(fusion="joint", encoder_lr=1e-3, dropout=0.2)

    def once(seed: int) -> torch.Tensor:
        return model.fit(config, view, seed, EarlyStopping(12, 12))(view.graph)

    scores = once(0)
    assert view.task.score(scores[test], labels[test]) > 0.6
    assert torch.equal(scores, once(0))
    assert not torch.equal(scores, once(1))
    assert all(torch.equal(p, before[name]) for name, p in reader.named_parameters())


def test_joint_training_without_an_encoder_says_so(material: tuple) -> None:
    view = replace(material[0], encoder=None)
    with pytest.raises(ValueError, match=r"give the model .* a recipe"):
        model.fit(Config(fusion="joint"), view, 0, EarlyStopping(2, 2))


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory, small_bert: Path) -> tuple[Path, Recipe]:
    """A place with a stored dataset and its tokens, and the recipe that made them."""
    place = tmp_path_factory.mktemp("encoded")
    for kind in ("data", "sealed", "encoded", "frozen", "out"):
        (place / kind).mkdir()
    save_dataset(learnable(), place / "data", place / "sealed")
    recipe = Recipe(str(small_bert), 8, "top-1")
    encode.run(place / "data", recipe, place / "cache", "cpu", place / "encoded")
    encode.run(place / "data", recipe.reading, place / "cache", "cpu", place / "frozen")
    return place, recipe


def test_encoding_gives_the_same_frozen_states_whatever_is_trained_later(encoded: tuple) -> None:
    place, _ = encoded
    with np.load(place / "encoded" / "states.npz") as later, np.load(place / "frozen" / "states.npz") as frozen:
        assert np.array_equal(later["index"], frozen["index"])
        assert np.allclose(later["states"], frozen["states"], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({"finetune": "lora-1"}, "lora-1"),
        ({"finetune": "adalora-1"}, "adalora-1"),
        ({"finetune": "frozen"}, "frozen"),
        ({"pretrain": Pretraining("graph", 1, 1)}, "top-1 after pretraining"),
    ],
)
def test_joint_training_refuses_what_it_would_ignore(encoded: tuple, change: dict[str, Any], how: str) -> None:
    place, recipe = encoded
    encoder = opened(replace(recipe, **change), place / "encoded", place / "cache", torch.device("cpu"))
    assert len(encoder.index) == 240, "a model that trains on states alone asks for no more"
    with pytest.raises(ValueError, match=f"own layers .*, not of {how}$"):
        encoder.trainable()


def test_a_variant_with_another_recipe_does_not_train_through_the_models_own(encoded: tuple) -> None:
    place, recipe = encoded
    joint_on = {"fusion": "joint", "epochs": 1}
    train.run(
        place / "data", "sgn.model", ["0"], [0], 2, 2, place / "cache", "cpu", place / "out",
        states=place / "frozen", other_states={"other": str(place / "frozen")}, encoded=place / "encoded",
        recipe=recipe, variants={"joint": joint_on, "joint elsewhere": joint_on | {"recipe": "other"}},
    )  # fmt: skip
    failed = read_json(place / "out" / "failed.json")
    assert list(failed) == ["joint elsewhere"]
    assert "give the model (not the variant) a recipe" in failed["joint elsewhere"]["reason"]


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_left_to_itself_only_a_gpu_reads_in_bfloat16(precision: str, device: str) -> None:
    expected = device == "cuda" if precision == "auto" else precision == "bf16"
    assert Recipe("w", 8, "frozen", precision=precision).bf16(device) == expected


@pytest.fixture(scope="module")
def other_bert(tmp_path_factory: pytest.TempPathFactory, small_bert: Path) -> Path:
    """The same model with other weights."""
    from transformers import AutoModel

    folder = tmp_path_factory.mktemp("other") / "bert"
    shutil.copytree(small_bert, folder)
    torch.manual_seed(1)
    AutoModel.from_config(AutoModel.from_pretrained(small_bert).config).save_pretrained(folder)
    return folder


def test_a_cache_keeps_readings_apart(encoded: tuple, small_bert: Path, other_bert: Path, tmp_path: Path) -> None:
    """By tokens, pooling, precision and weights, whatever folder these are in, though all before it is in the cache."""
    place, recipe = encoded
    changes = [{}, {"tokens": 4}, {"pooling": "cls"}, {"precision": "bf16"}, {"weights": other_bert}]
    seen = []
    for number, change in enumerate(changes):
        shutil.copytree(change.get("weights", small_bert), tmp_path / "bert", dirs_exist_ok=True)
        for cache in ("kept", f"new {number}"):
            (output := tmp_path / f"{number} {cache}").mkdir()
            asked = replace(recipe, **change | {"weights": str(tmp_path / "bert")})
            encode.run(place / "data", asked, tmp_path / "caches" / cache, "cpu", output)
            with np.load(output / "states.npz") as file:
                seen.append(file["states"])
        assert np.array_equal(*seen[-2:]), change
    for one, other in itertools.combinations(seen[::2], 2):
        assert not np.array_equal(one, other)


def test_a_cache_keeps_fine_tunings_apart(encoded: tuple, small_bert: Path, other_bert: Path, tmp_path: Path) -> None:
    """By split, labels, recipe, hyper-parameters, seed and weights, whatever folder these are in."""
    place, recipe = encoded
    recipe = replace(recipe, weights=str(tmp_path / "bert"), texts=30, epochs=1)
    relabeled = learnable()
    relabeled.labels[:] = 1 - relabeled.labels
    for kind in ("data", "sealed", "encoded"):
        (tmp_path / kind).mkdir()
    save_dataset(relabeled, tmp_path / "data", tmp_path / "sealed")
    base = {"data": place / "data", "split": "0"}
    changes = [
        {}, {"split": "1"}, {"data": tmp_path / "data"}, {"recipe": {"epochs": 2}},
        {"recipe": {"finetune": "top-2"}}, {"recipe": {"set": {"clip": 0.01}}}, {"recipe": {"pooling": "cls"}},
        {"recipe": {"precision": "bf16"}}, {"params": {"lr": 1e-3}}, {"seed": 1}, {"weights": other_bert},
    ]  # fmt: skip
    seen = []
    for change in changes:
        shutil.copytree(change.get("weights", small_bert), tmp_path / "bert", dirs_exist_ok=True)
        encode.run(place / "data", recipe, tmp_path / "cache", "cpu", tmp_path / "encoded")
        asked = replace(recipe, **change.get("recipe", {}))
        encoder = opened(asked, tmp_path / "encoded", tmp_path / "cache", torch.device("cpu"))
        tuning = Finetuning(**{key: change.get(key, value) for key, value in base.items()}, encoder=encoder)
        seen.append(tuning.states(change.get("params", {}), change.get("seed", 0), lambda line: None)["states"])
    for (one, first), (other, second) in itertools.combinations(zip(changes, seen, strict=True), 2):
        assert first.shape != second.shape or not np.array_equal(first, second), (one, other)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_of_the_interpolation_are_the_single_heads(material: tuple, share: float) -> None:
    view = material[0]
    graph = view.graph.with_rows(logits=torch.randn(240, 3, generator=torch.Generator().manual_seed(0)))
    torch.manual_seed(0)
    head = BertGCN(Config(interpolation=share), view).eval()
    torch.manual_seed(0)
    alone = BertGCN(Config(), view).eval()
    assert torch.equal(head(graph), alone(graph) if share else graph.logits)


def test_interpolation_needs_a_fine_tuned_head(material: tuple) -> None:
    with pytest.raises(ValueError, match="fine-tuned recipe"):
        BertGCN(Config(interpolation=0.5), material[0])(material[0].graph)
