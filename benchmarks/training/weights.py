"""Pretrained weights by their hub name: from a folder, an installed package, the local hub cache, or the hub."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.training.places import WANTED, local
from sgn.encoder import structure_of

HUB_SECONDS = 5
"""How long the hub may be silent: a network that drops packets would never say that it is not there."""


@dataclass(frozen=True)
class Pretrained:
    """A Transformer in evaluation mode with its folder, tokenizer, config as JSON, and the hash of its weights."""

    model: Any  # a PreTrainedModel; its type is imported where one is loaded
    tokenizer: Any
    architecture: str
    sha256: str
    folder: Path


def load(name: str, sha256: str | None) -> Pretrained:
    """Load a model and its tokenizer; only safetensors are read.

    Raises NotAvailableError where the weights are nowhere, ValueError where they are others than `sha256` says.
    """
    folder = _find(name)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise NotAvailableError(f"{name}: no .safetensors in its folder; other formats can run code and are not read")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    if sha256 and digest.hexdigest() != sha256:
        raise ValueError(
            f"weights of {name} have SHA-256 {digest.hexdigest()}, but the config's recipe says {sha256}: "
            "remove that copy so that another is found, or correct the recipe"
        )
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype="float32")
    architecture = (folder / "config.json").read_text(encoding="utf-8")
    return Pretrained(model.eval(), tokenizer, architecture, digest.hexdigest(), folder)


class LanguageHead(nn.Module):
    """The head of a language model alone: states [M, H] to logits [M, V] of the vocabulary."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        # its rows are the embeddings of the layers below, which stay frozen
        model.get_output_embeddings().weight.requires_grad_(False)
        setattr(model, model.base_model_prefix, _Echo())
        self.model = model

    def forward(self, states: Tensor) -> Tensor:
        """[M, H] to [M, V]."""
        return self.model(inputs_embeds=states[None]).logits[0]


class _Echo(nn.Module):
    """Stands where the Transformer was: what comes in are its states."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=inputs_embeds)


def language_head(pretrained: Pretrained) -> tuple[LanguageHead, bool]:
    """The checkpoint's head for masked or next tokens, and whether it is a new one because there is none.

    A new head starts at random, but for its output embeddings, which are the input embeddings.
    """
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    kind: Any = AutoModelForCausalLM if structure_of(pretrained.model).decoder else AutoModelForMaskedLM
    torch.manual_seed(0)
    model, info = kind.from_pretrained(
        pretrained.folder, use_safetensors=True, dtype="float32", output_loading_info=True
    )
    new = bool(info["missing_keys"])
    if new:
        model.get_output_embeddings().weight = model.get_input_embeddings().weight
    return LanguageHead(model), new


def _find(name: str) -> Path:
    """Folder with a model's files."""
    if folder := local(name):
        return folder
    from huggingface_hub import constants, set_client_factory, snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(WANTED), local_files_only=True))
    except Exception:  # not cached; the hub's client raises several kinds
        constants.HF_HUB_DISABLE_XET = True  # a way of its own, which keeps no limit of ours
        set_client_factory(_client)
        try:
            return Path(snapshot_download(name, allow_patterns=list(WANTED)))
        except Exception as error:
            said = type(error.__cause__ or error).__name__
            raise NotAvailableError(
                f"weights of {name!r} are not here, and {constants.ENDPOINT} does not give them ({said}; it may be "
                f"silent for {HUB_SECONDS} seconds): put the model's folder (config.json, tokenizer files, "
                "model.safetensors) somewhere and give its path as the recipe's `weights`",
                {"weights": name},
            ) from error


def _client() -> Any:
    """The hub's HTTP client, with a limit on each wait of each request; its own callers ask for none."""
    from huggingface_hub.utils._http import default_client_factory

    def limit(request: Any) -> None:
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), HUB_SECONDS)

    client = default_client_factory()
    client.event_hooks = {**client.event_hooks, "request": [*client.event_hooks["request"], limit]}
    return client
