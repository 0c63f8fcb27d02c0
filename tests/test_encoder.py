"""The encoder against plain transformers, whatever the batching, deduplication and caching of frozen layers."""

from pathlib import Path

import pytest
import torch
from conftest import learnable

from benchmarks import weights
from benchmarks.outcome import NotAvailableError
from sgn import encoder
from sgn.encoder import Config, Reading, batches, cut, distinct, finetune, layers_trained, read_below, read_states
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView

TEXTS = ["calm late", "lost", "calm late", "student 3 writes the 7 8 9 10 11", "", "late " * 30]


@pytest.fixture(scope="module")
def pretrained(small_bert: Path) -> weights.Pretrained:
    return weights.load(str(small_bert), None)


def plain_states(pretrained: weights.Pretrained, texts: list[str], limit: int) -> torch.Tensor:
    """Mean over tokens of transformers' own last layer, one padded batch."""
    batch = pretrained.tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
    with torch.no_grad():
        hidden = pretrained.model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None].float()
    return (hidden * mask).sum(1) / mask.sum(1)


def read(pretrained: weights.Pretrained, layers: int, limit: int = 16) -> tuple[torch.nn.Module, Reading, torch.Tensor]:
    """Top layers, activations below them, and the place of each text."""
    texts, index = distinct(TEXTS)
    tokens = encoder.tokenize(pretrained.tokenizer, texts, limit)
    lower, top = cut(pretrained.model, layers)
    flat = torch.empty(len(tokens.flat), pretrained.model.config.hidden_size)
    read_below(lower, tokens, flat, lambda texts: None)
    return top, Reading(flat, tokens.bounds), index


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("budget", [20, 2048])
def test_states_equal_plain_transformers(
    pretrained: weights.Pretrained, layers: int, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "BATCH_TOKENS", budget)
    top, below, index = read(pretrained, layers)
    states = read_states(top, below)
    assert len(states) == len(set(TEXTS))
    assert torch.allclose(states[index], plain_states(pretrained, TEXTS, 16), atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_gradient_through_cached_layers_equals_gradient_through_the_whole_model(
    pretrained: weights.Pretrained, layers: int
) -> None:
    top, below, index = read(pretrained, layers)
    hidden, mask = below.padded(index)
    target = torch.randn(len(TEXTS), 32, generator=torch.Generator().manual_seed(0))
    (encoder._mean_state(top, hidden, mask) * target).sum().backward()

    batch = pretrained.tokenizer(TEXTS, padding=True, truncation=True, max_length=16, return_tensors="pt")
    pretrained.model.zero_grad()
    last = pretrained.model(**batch).last_hidden_state
    m = batch["attention_mask"][..., None].float()
    (((last * m).sum(1) / m.sum(1)) * target).sum().backward()
    whole = dict(pretrained.model.encoder.layer[3 - layers :].named_parameters())
    ours = dict(top.encoder.layer.named_parameters())
    assert whole.keys() == ours.keys()
    for name, parameter in ours.items():
        assert torch.allclose(parameter.grad, whole[name].grad, atol=1e-5), name
    pretrained.model.zero_grad()


def test_finetuning_learns_and_is_deterministic(pretrained: weights.Pretrained) -> None:
    dataset = learnable("multiclass")
    texts, index = distinct(dataset.graph.texts)
    tokens = encoder.tokenize(pretrained.tokenizer, texts, 8)
    lower, top = cut(pretrained.model, 2)
    flat = torch.empty(len(tokens.flat), 32)
    read_below(lower, tokens, flat, lambda texts: None)
    below = Reading(flat, tokens.bounds)
    split = dataset.splits["0"]
    labels = torch.full((240,), -1)
    train, validation = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    for ids in (train, validation):
        labels[ids] = torch.from_numpy(dataset.labels)[ids]
    view = TrainingView(dataset.graph, labels, train, validation, dataset.task)

    def once(seed: int, lr: float = 3e-3) -> tuple[torch.Tensor, torch.Tensor]:
        config = Config(layers=2, texts=1000, batch=16, lr=lr)
        return finetune(config, top, below, index, view, seed, EarlyStopping(12, 12)).read(below)

    states, logits = once(1)
    accuracy = (logits[index][split.test].argmax(1) == torch.from_numpy(dataset.labels)[split.test]).double().mean()
    assert accuracy > 0.6, "the text tells the class, chance is 1/3"
    assert states.shape == (len(texts), 32)
    again = once(1)
    assert torch.equal(states, again[0])
    assert torch.equal(logits, again[1])
    assert not torch.equal(states, once(2)[0])


def test_batches_hold_like_lengths_within_the_budget() -> None:
    lengths = torch.randint(1, 30, (200,), generator=torch.Generator().manual_seed(0))
    seen = []
    for rows in batches(lengths, 64):
        assert len(rows) * int(lengths[rows].max()) <= 64
        seen += rows.tolist()
    assert sorted(seen) == list(range(200))


def test_recipes_layers(pretrained: weights.Pretrained) -> None:
    assert layers_trained("frozen", pretrained.model) == 0
    assert layers_trained("top-3", pretrained.model) == 3
    with pytest.raises(ValueError, match="k from 1 to 3, not 'top-4'"):
        layers_trained("top-4", pretrained.model)


def test_real_minilm_is_found_and_its_hash_is_checked() -> None:
    name = "sentence-transformers/all-MiniLM-L6-v2"
    sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    found = weights.load(name, sha256)
    assert found.sha256 == sha256
    assert sum(p.numel() for p in found.model.parameters()) == 22_713_216
    with pytest.raises(ValueError, match="but the config's recipe says"):
        weights.load(name, "0" * 64)


def test_weights_that_are_nowhere_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: object, **__: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(NotAvailableError, match="give its path as the recipe's `weights`"):
        weights.load("nobody/nothing", None)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(NotAvailableError, match="safetensors"):
        weights.load(str(tmp_path), None)
