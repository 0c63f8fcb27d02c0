"""Loading code that the config names by import path or by file: models, datasets, tables, figures."""

import importlib
import importlib.util
import sys
from types import ModuleType

from benchmarks.jobs.source import module_file


def load(name: str) -> ModuleType:
    """Import "baselines.mlp", or run the Python file "examples/my_model.py" as a module."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    file = module_file(name)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None, f"{file} is no Python file"
    assert spec.loader is not None, f"{file} is no Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module
