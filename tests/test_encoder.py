"""The encoder against plain transformers, whatever the batching, deduplication and caching of frozen layers."""

import itertools
import socket
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import learnable
from torch import Tensor

from benchmarks.data.dataset import Dataset
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.training import weights
from benchmarks.training.recipes import Recipe
from sgn import encoder
from sgn.dropout import Dropout
from sgn.encoder import (
    Reader,
    Reading,
    batches,
    cut,
    distinct,
    number_of_layers,
    read_below,
    read_states,
    structure_of,
)
from sgn.finetune import Classifier, Config, _schedule, finetune, folds_of, space
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView
from sgn.task import Task

TEXTS = ["calm late", "lost", "calm late", "student 3 writes the 7 8 9 10 11", "", "late " * 30]
CHINESE = ["我今天很累", "不想上课", "我今天很累", "老师好, 作业交了吗?", "", "累" * 30]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "calm", "late", "lost", "student", "writes", "the"]
CHARACTERS = [*WORDS[:5], *sorted(set("".join(CHINESE[:4])) - {" "})]
KINDS = ["bert", "roberta", "electra", "distilbert", "gpt2", "llama", "chinese"]
POOLINGS = ("cls", "mean", "last")


def save(kind: str, folder: Path) -> None:
    """A Transformer of three layers with random weights and its tokenizer: words, or characters of Chinese."""
    import tokenizers
    import transformers as hf

    words = CHARACTERS if kind == "chinese" else WORDS + [str(i) for i in range(40)]
    bert = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    sizes = {
        "roberta": bert | {"pad_token_id": 1},
        "electra": bert | {"embedding_size": 16},
        "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 2},
        "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 64, "bos_token_id": 3, "eos_token_id": 3},
    }
    config = hf.CONFIG_MAPPING["bert" if kind == "chinese" else kind](vocab_size=len(words), **sizes.get(kind, bert))
    torch.manual_seed(0)
    model = hf.AutoModel.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # far from initialization, where layers do next to nothing
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(words)}
    if structure_of(model).decoder:
        plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
        plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        hf.PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="[UNK]", eos_token="[SEP]").save_pretrained(folder)
    else:
        (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
        hf.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, weights.Pretrained]:
    models = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        save(kind, folder)
        models[kind] = weights.load(str(folder), None)
    return models


@pytest.fixture(scope="module")
def pretrained(saved: dict[str, weights.Pretrained]) -> weights.Pretrained:
    return saved["bert"]


def texts_for(kind: str) -> list[str]:
    return CHINESE if kind == "chinese" else TEXTS


def plain_states(pretrained: weights.Pretrained, texts: list[str], pooling: str) -> torch.Tensor:
    """States from transformers' own last layer, one text after another."""
    states = []
    for text in texts:
        ids = pretrained.tokenizer(text, truncation=True, max_length=16)["input_ids"]
        ids = torch.tensor([ids or [pretrained.tokenizer.eos_token_id]])
        last = pretrained.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]  # [L, H]
        states.append({"cls": last[0], "last": last[-1], "mean": last.mean(0)}[pooling])
    return torch.stack(states)


def read(pretrained: weights.Pretrained, layers: int, texts: list[str], **how: Any) -> tuple[Reader, Reading, Tensor]:
    """A reader of the top layers, what lies below them, and the place of each text."""
    unique, index = distinct(texts)
    tokens = encoder.tokenize(pretrained.tokenizer, unique, 16)
    lower, top = cut(pretrained.model, layers)
    if layers in (0, 4):
        return Reader(top, **how), tokens, index
    flat = torch.empty(len(tokens.flat), pretrained.model.config.hidden_size)
    read_below(lower, tokens, flat, lambda texts: None)
    return Reader(top, **how), Reading(flat, tokens.bounds), index


@pytest.fixture(scope="module")
def plain(saved: dict[str, weights.Pretrained]) -> dict[tuple[str, str], Tensor]:
    """Plain states by kind of model and pooling."""
    with torch.no_grad():
        return {(kind, how): plain_states(saved[kind], texts_for(kind), how) for kind in KINDS for how in POOLINGS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("budget", [20, 2048])
def test_states_equal_plain_transformers(
    saved: dict[str, weights.Pretrained],
    plain: dict[tuple[str, str], Tensor],
    kind: str,
    layers: int,
    budget: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(encoder.BATCH_TOKENS, "cpu", budget)
    for pooling in POOLINGS:
        reader, below, index = read(saved[kind], layers, texts_for(kind), pooling=pooling)
        states = read_states(reader, below)
        assert len(states) == len(set(texts_for(kind)))
        assert torch.allclose(states[index], plain[kind, pooling], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_drops_out_as_its_model_does(saved: dict[str, weights.Pretrained], kind: str) -> None:
    model = saved[kind].model
    theirs = {name: layer.p for name, layer in cut(model, 4)[1].named_modules() if isinstance(layer, torch.nn.Dropout)}
    top = Reader(cut(model, 4)[1]).top
    ours = {name: layer.p for name, layer in top.named_modules() if isinstance(layer, Dropout)}
    assert ours == theirs
    assert kind == "llama" or ours
    assert not any(layer.training for layer in top.modules())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_gradient_through_cached_layers_equals_gradient_through_the_whole_model(
    saved: dict[str, weights.Pretrained], kind: str, layers: int
) -> None:
    texts = texts_for(kind)
    reader, below, index = read(saved[kind], layers, texts)
    target = torch.randn(len(texts), 32, generator=torch.Generator().manual_seed(0))
    (reader(*below.padded(index)) * target).sum().backward()

    model = saved[kind].model
    model.zero_grad()
    (plain_states(saved[kind], texts, reader.pooling) * target).sum().backward()
    whole = dict(model.named_parameters())
    ours = dict(reader.top.named_parameters())
    assert len(ours) > 7 * layers
    for name, parameter in ours.items():
        assert torch.allclose(parameter.grad, whole[name].grad, atol=1e-4, rtol=1e-4), name
    model.zero_grad()


def test_pooling_follows_the_kind_of_model(saved: dict[str, weights.Pretrained]) -> None:
    found = {kind: Reader(cut(one.model, 1)[1]).pooling for kind, one in saved.items()}
    assert {kind for kind, pooling in found.items() if pooling == "last"} == {"gpt2", "llama"}
    assert set(found.values()) == {"last", "mean"}


def test_chinese_text_is_read_character_by_character(saved: dict[str, weights.Pretrained]) -> None:
    tokens = encoder.tokenize(saved["chinese"].tokenizer, ["我今天很累"], 16)
    assert len(tokens.flat) == 7
    assert saved["chinese"].tokenizer.unk_token_id not in tokens.flat.tolist()


def test_a_model_that_does_more_between_its_layers_is_refused() -> None:
    from transformers import MPNetConfig, MPNetModel

    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    with pytest.raises(ValueError, match="MPNetModel cannot be cut between its layers"):
        cut(MPNetModel(MPNetConfig(vocab_size=60, **size)).eval(), 1)
    with pytest.raises(ValueError, match="Linear is built like none of"):
        cut(torch.nn.Linear(2, 2), 1)


@pytest.mark.parametrize(
    ("kind", "layers"),
    [(kind, layers) for kind in ("xlm-roberta", "camembert", "mistral", "qwen3", "gemma") for layers in (0, 1, 3)]
    + [(kind, layers) for kind in ("mpnet", "deberta-v2") for layers in (0, 3)],  # these are read and trained whole
)
def test_more_kinds_are_read_as_transformers_has_them(kind: str, layers: int) -> None:
    from transformers import CONFIG_MAPPING, AutoModel

    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    own = {"deberta-v2": {"relative_attention": True}, "qwen3": {"head_dim": 16}, "gemma": {"head_dim": 16}}
    heads = {"num_key_value_heads": 2} if kind in ("mistral", "qwen3", "gemma") else {}
    torch.manual_seed(0)
    model = AutoModel.from_config(CONFIG_MAPPING[kind](vocab_size=60, **size, **own.get(kind, {}), **heads)).eval()
    ids = [torch.arange(5, 5 + n) for n in (3, 9, 3, 6)]
    below = Reading(torch.cat(ids), torch.tensor([0, 3, 12, 15, 21]))
    lower, top = cut(model, layers)
    if layers == 1:
        flat = torch.empty(21, 32)
        read_below(lower, below, flat, lambda n: None)
        below = Reading(flat, below.bounds)
    with torch.no_grad():
        plain = torch.stack([model(input_ids=one[None]).last_hidden_state[0].mean(0) for one in ids])
    torch.testing.assert_close(read_states(Reader(top, "mean"), below), plain, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_near_fp32(pretrained: weights.Pretrained) -> None:
    exact, below, _ = read(pretrained, 2, TEXTS)
    rough, _, _ = read(pretrained, 2, TEXTS, bf16=True)
    near = read_states(rough, below)
    assert near.dtype == torch.float32
    assert not torch.equal(near, read_states(exact, below))
    assert torch.allclose(near, read_states(exact, below), atol=0.1)


def view_of(dataset: Dataset) -> TrainingView:
    split = dataset.splits["0"]
    labels = torch.full((len(dataset.graph),), -1)
    train, validation = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    for ids in (train, validation):
        labels[ids] = torch.from_numpy(dataset.labels)[ids]
    return TrainingView(dataset.graph, labels, train, validation, dataset.task)


def learn(
    pretrained: weights.Pretrained, how: str, seed: int = 1, epochs: int = 8, **knobs: Any
) -> tuple[Classifier, Reading, Tensor, float]:
    """Fine-tune on a dataset of three classes; the classifier, what it reads, and its accuracy on test."""
    dataset = learnable("multiclass")
    recipe = Recipe("w", 8, how)
    reader, below, index = read(pretrained, int(min(recipe.changed, 4)), list(dataset.graph.texts))
    config = Config(**({"method": recipe.method, "epochs": epochs, "lr": 3e-3} | knobs))
    stopping = EarlyStopping(epochs, epochs)
    model = finetune(config, reader, below, index, view_of(dataset), seed, stopping)
    test = dataset.splits["0"].test
    hit = model.read(below)[1][index][test].argmax(1) == torch.from_numpy(dataset.labels)[test]
    return model, below, index, hit.double().mean().item()


@pytest.mark.parametrize(
    ("kind", "how"), [("bert", h) for h in ("top-2", "full", "lora-2", "adalora-2")] + [("gpt2", "lora-3")]
)
def test_each_method_learns_and_is_deterministic(saved: dict[str, weights.Pretrained], kind: str, how: str) -> None:
    lr = 1e-2 if "lora" in how else 3e-3
    assert learn(saved[kind], how, lr=lr)[-1] > 0.6, "the text tells the class, chance is 1/3"

    def after_two_epochs(seed: int) -> tuple[Tensor, Tensor]:
        model, below, _, _ = learn(saved[kind], how, seed, epochs=2, lr=lr)
        return model.read(below)

    states, logits = after_two_epochs(1)
    for one, other in zip((states, logits), after_two_epochs(1), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(states, after_two_epochs(2)[0])


@pytest.mark.parametrize("how", ["lora-2", "adalora-2"])
def test_adapters_leave_everything_else_as_it_was(pretrained: weights.Pretrained, how: str) -> None:
    model = learn(pretrained, how, epochs=2)[0]
    before = dict(cut(pretrained.model, 2)[1].named_parameters())
    kept = {n.replace(".base_layer", ""): p for n, p in model.reader.top.named_parameters() if "lora_" not in n}
    kept = {name: p for name, p in kept.items() if "ranknum" not in name}
    assert kept.keys() == before.keys()
    for name, parameter in before.items():
        assert torch.equal(parameter, kept[name]), name
    learned = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name or name.startswith("head.") for name in learned)
    assert {"head.weight", "head.bias"} < learned
    assert len(learned) > 12


def test_adalora_takes_ranks_away(pretrained: weights.Pretrained) -> None:
    model = learn(pretrained, "adalora-2", epochs=4, lr=1e-2)[0]
    ranks = [int((p != 0).sum()) for name, p in model.named_parameters() if "lora_E" in name]
    assert len(ranks) == 12
    assert sum(ranks) <= 8 * 12 < 12 * 12
    assert len(set(ranks)) > 1, "by importance, not evenly"


def test_full_at_learning_rate_zero_is_the_plain_model(pretrained: weights.Pretrained) -> None:
    model, below, _, _ = learn(pretrained, "full", epochs=1, lr=0.0)
    plain = read_states(
        Reader(cut(pretrained.model, 2)[1]), read(pretrained, 2, list(learnable("multiclass").graph.texts))[1]
    )
    assert torch.allclose(model.read(below)[0], plain, atol=1e-5)
    assert "embeddings.word_embeddings.weight" in dict(model.reader.top.named_parameters())


@pytest.mark.parametrize("part", ["reader", "head"])
def test_weight_decay_is_apart_for_encoder_and_head(pretrained: weights.Pretrained, part: str) -> None:
    none = {"epochs": 1, "weight_decay": 0.0, "head_weight_decay": 0.0, "lr": 1e-4}
    strong = none | {("head_weight_decay" if part == "head" else "weight_decay"): 1e3}
    norms = []
    for knobs in (none, strong):
        model = learn(pretrained, "top-1", **knobs)[0]
        norms.append(
            {"reader": model.reader.top.encoder.layer[2].output.dense.weight.norm(), "head": model.head.weight.norm()}
        )
    other = {"reader": "head", "head": "reader"}[part]
    assert norms[1][part] < 0.8 * norms[0][part]
    assert norms[1][other] > 0.95 * norms[0][other]


def test_label_smoothing_makes_less_confident(pretrained: weights.Pretrained) -> None:
    def confidence(smoothing: float) -> float:
        model, below, _, _ = learn(pretrained, "top-2", label_smoothing=smoothing)
        return model.read(below)[1].softmax(1).amax(1).mean().item()

    assert confidence(0.3) < confidence(0.0) - 0.05


def test_class_weights_reach_the_fine_tuning(pretrained: weights.Pretrained, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Tensor | None] = []
    loss = Task.loss

    def spied(task: Task, logits: Tensor, labels: Tensor, smoothing: float = 0.0, each: Tensor | None = None) -> Tensor:
        asked.append(each)
        return loss(task, logits, labels, smoothing, each)

    monkeypatch.setattr(Task, "loss", spied)
    view = view_of(learnable("multiclass"))
    for wanted in (False, True):
        asked.clear()
        learn(pretrained, "top-1", epochs=1, class_weights=wanted)
        *trained, validated = asked
        assert validated is None
        assert len(trained) > 1
        for given in trained:
            assert given is None if not wanted else torch.equal(given, view.task.balance(view.labels[view.train]))


def test_a_fine_tunings_gradient_is_as_long_as_allowed_at_most(pretrained: weights.Pretrained) -> None:
    still, moving = (learn(pretrained, "top-1", epochs=1, weight_decay=0.0, clip=clip)[0] for clip in (1e-12, 1.0))
    before = cut(pretrained.model, 1)[1].state_dict()
    moved = [
        max(float((p - before[name]).abs().max()) for name, p in model.reader.top.state_dict().items())
        for model in (still, moving)
    ]
    assert moved[0] < 1e-4 < 1e-3 < moved[1]  # Adam's steps are long whatever the gradient, but for its epsilon


def test_folds_are_a_partition_and_a_fold_is_without_labels() -> None:
    view = view_of(learnable("multiclass"))
    folds = folds_of(view.train, 4)
    assert torch.equal(torch.cat(folds).sort().values, view.train.sort().values)
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    left = view.without(folds[1])
    assert not torch.isin(folds[1], left.train).any()
    assert len(left.train) == len(view.train) - len(folds[1])
    assert (left.labels[folds[1]] == -1).all()


def test_batches_hold_like_lengths_within_the_budget() -> None:
    lengths = torch.randint(1, 30, (200,), generator=torch.Generator().manual_seed(0))
    seen = []
    for rows in batches(lengths, 64):
        assert len(rows) * int(lengths[rows].max()) <= 64
        seen += rows.tolist()
    assert sorted(seen) == list(range(200))


def test_layers_are_counted(saved: dict[str, weights.Pretrained]) -> None:
    assert {number_of_layers(pretrained.model) for pretrained in saved.values()} == {3}


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


def test_a_silent_hub_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    with socket.create_server(("127.0.0.1", 0)) as silent:
        closing = threading.Timer(30, silent.close)
        closing.start()
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(weights, "HUB_SECONDS", 0.2)
        began = time.monotonic()
        with pytest.raises(NotAvailableError, match=r"does not give them \(ReadTimeout; .* give its path"):
            weights.load("nobody/nothing", None)
        closing.cancel()
    assert time.monotonic() - began < 20, "seconds, and it would have waited for ever"


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(NotAvailableError, match="safetensors"):
        weights.load(str(tmp_path), None)


def test_the_rate_rises_and_falls_to_zero() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=2.0)
    _schedule(optimizer, steps=40)
    rates = []
    for _ in range(42):
        rates.append(optimizer.param_groups[0]["lr"])
        weight.grad = torch.ones(1)
        optimizer.step()
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0]), "over a tenth"
    assert [a - b for a, b in itertools.pairwise(rates[4:41])] == pytest.approx([2 / 36] * 36), "then evenly"
    assert rates[40:] == [0, 0], "a batch more than was planned changes nothing"
    _schedule(lonely := torch.optim.AdamW([weight], lr=2.0), steps=1)
    assert lonely.param_groups[0]["lr"] == 1, "a single step learns, too"


@pytest.mark.parametrize("lr", [3e-5, 5e-4])
def test_learning_rates_are_searched_around_the_default(lr: float) -> None:
    ranges, defaults = space(lr), asdict(Config(lr=lr))
    assert all(values._contains(defaults[knob]) for knob, values in ranges.items()), "trial 0 tries the defaults"
    assert (ranges["lr"].low, ranges["lr"].high) == pytest.approx((lr / 5, lr * 5))
