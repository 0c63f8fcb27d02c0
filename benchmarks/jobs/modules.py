"""Loading code that the config names by import path or by file: models, datasets, tables, figures."""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from benchmarks.jobs.source import module_file


def load(name: str) -> ModuleType:
    """Import "baselines.mlp", or run the Python file "examples/my_model.py" as a module.

    Raises ImportError where the import path is also a library's, which Python prefers.
    """
    file = module_file(name).resolve()
    if not name.endswith(".py"):
        module = importlib.import_module(name)
        if Path(module.__file__ or "").resolve() != file:
            raise ImportError(
                f"{name!r} is {module.__file__ or 'built into Python'}; to have {file}, name it {name}.py"
            )
        return module
    unique = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"  # random.py must not stand for random
    spec = importlib.util.spec_from_file_location(unique, file)
    assert spec is not None, f"{file} is no Python file"
    assert spec.loader is not None, f"{file} is no Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module
