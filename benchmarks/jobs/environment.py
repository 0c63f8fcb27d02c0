"""What the same code and data may give other numbers with: Python, libraries, the device. None of them is imported."""

import platform
from importlib.metadata import version

COMPUTING = (
    "lightgbm", "networkx", "numpy", "ogb", "optuna", "pandas", "peft", "pyarrow", "scikit-learn", "scipy",
    "tokenizers", "torch", "torch-geometric", "transformers",
)  # fmt: skip
"""Libraries that data, training and scores are computed with."""
DRAWING = ("matplotlib", "seaborn")
"""Libraries that figures are drawn with, besides."""


def environment(device: str = "cpu", libraries: tuple[str, ...] = COMPUTING) -> dict[str, str]:
    """Versions by name, and the name of the device ("cpu", or the GPU's) that computes.

    Plans and keys of the cache hold it, so results of two environments never meet in one table. A patch of Python
    changes no number: its version has two parts.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: version(name) for name in libraries}, "device": device}
