"""Reading our own Python without running it: where a module lies, what its code hashes to, what it accepts.

The workflow is planned with these, so planning imports no torch, and a broken model file breaks its own jobs only.
Raises SourceError for a file that Python cannot read, or that lacks what is looked for.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUMBING = (Path("benchmarks/jobs"), Path("benchmarks/data"))
"""Folders with how a job runs and where its files lie: what is read from there counts by its value."""
TELLING = ("print", "tell", "told")
"""Functions that tell people something."""


class SourceError(ValueError):
    """A Python file is broken, or does not define what it should."""


def module_file(name: str, root: Path = ROOT) -> Path:
    """The file of an import path ("baselines.mlp") or of a path to a Python file ("examples/my_model.py").

    Raises FileNotFoundError that lists what stands beside the missing file.
    """
    path = Path(name) if name.endswith(".py") else Path(*name.split(".")).with_suffix(".py")
    for candidate in (root / path, root / path.with_suffix("") / "__init__.py"):
        if candidate.is_file():
            return candidate
    folder = (root / path).parent
    beside = sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__")
    hint = f"; in {path.parent}/ there are {', '.join(beside)}" if beside else ""
    raise FileNotFoundError(f"no module {name!r} (looked for {path}){hint}")


def code_hash(*names: str, root: Path = ROOT, computes: bool = False) -> str:
    """Hash of the syntax trees of these modules and of all that they import from below `root` or from beside them.

    Comments, docstrings and formatting do not count. Where only what `computes` is asked for, as in keys of the cache,
    neither does PLUMBING, nor what is said to people.
    """
    pending, found = [module_file(name, root) for name in names], dict[Path, str]()
    while pending:
        file = pending.pop()
        if file not in found and not (computes and any(file.is_relative_to(root / folder) for folder in PLUMBING)):
            found[file], imported = _parsed(file, root, computes)
            pending += imported
    return hashlib.sha256("\n".join(found[file] for file in sorted(found)).encode()).hexdigest()[:16]


def literal(name: str, variable: str, root: Path = ROOT) -> object:
    """Value of a module-level variable that is written as a literal; None where there is none."""
    for node in _tree(module_file(name, root)).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == variable for t in node.targets):
            return ast.literal_eval(node.value)
    return None


def keywords(name: str, function: str, root: Path = ROOT) -> dict[str, bool]:
    """Parameters of a module-level function, and whether each has a default."""
    for node in _tree(module_file(name, root)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            plain, only = node.args.args, node.args.kwonlyargs
            optional = [False] * (len(plain) - len(node.args.defaults)) + [True] * len(node.args.defaults)
            return dict(zip([a.arg for a in plain], optional, strict=True)) | {
                a.arg: default is not None for a, default in zip(only, node.args.kw_defaults, strict=True)
            }
    raise SourceError(f"{module_file(name, root)}: there is no function {function}()")


def fields(name: str, dataclass: str, root: Path = ROOT) -> dict[str, str]:
    """Fields of a module-level dataclass, those of its bases first, with their annotations as written."""
    tree = _tree(module_file(name, root))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == dataclass:
            found: dict[str, str] = {}
            for base in node.bases:
                if isinstance(base, ast.Name):
                    module = _imported_from(tree, base.id) or name
                    found |= fields(module, base.id, root) if _is_ours(module, root) else {}
            own = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
            return found | {n.target.id: ast.unparse(n.annotation) for n in own}  # type: ignore[union-attr]
    raise SourceError(f"{module_file(name, root)}: there is no class {dataclass}")


def types(name: str, function: str, root: Path = ROOT) -> dict[str, str]:
    """Annotations, as written, of a module-level function's parameters."""
    for node in _tree(module_file(name, root)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            given = [(a.arg, a.annotation) for a in (*node.args.args, *node.args.kwonlyargs)]
            return {argument: ast.unparse(annotation) for argument, annotation in given if annotation}
    return {}


def _imported_from(tree: ast.Module, word: str) -> str | None:
    """The module that `word` is imported from; None where it is defined here."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == word for a in node.names):
            return node.module
    return None


def _is_ours(name: str, root: Path) -> bool:
    return bool(_files(name, root, root))


def names(name: str, root: Path = ROOT) -> set[str]:
    """Names that a module defines or imports at its top level; "*" stands for whatever `import *` brings."""
    found: set[str] = set()
    for node in _tree(module_file(name, root)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def choices(annotation: str) -> tuple[object, ...]:
    """Values that an annotation allows, where it is a Literal; none for any other."""
    if not annotation.startswith("Literal["):
        return ()
    return tuple(ast.literal_eval(annotation.removeprefix("Literal")))


def functions(name: str, root: Path = ROOT) -> list[str]:
    """Names of a module's public functions."""
    body = _tree(module_file(name, root)).body
    return [n.name for n in body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


@cache
def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise SourceError(f"{file}, line {error.lineno}: {error.msg}") from error


@cache
def _parsed(file: Path, root: Path, silent: bool = False) -> tuple[str, frozenset[Path]]:
    """Dump of a file's tree without docstrings, and the files of ours that it may import.

    `silent`: without the words in calls that tell people something. A broken file counts as it is and imports nothing:
    the job that runs it says what is wrong.
    """
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError:
        return repr(file.read_bytes()), frozenset()
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            imports |= {base} | {f"{base}.{alias.name}" if node.module else base + alias.name for alias in node.names}
        elif silent and isinstance(node, ast.Call) and _callee(node) in TELLING:
            for word in ast.walk(node):
                if _is_text(word):
                    word.value = ""  # type: ignore[attr-defined]
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list):  # strings that stand alone are docstrings, of modules and of variables alike
                body[:] = [n for n in body if not (isinstance(n, ast.Expr) and _is_text(n.value))]
    return ast.dump(tree), frozenset(f for name in imports for f in _files(name, root, file.parent))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _callee(call: ast.Call) -> str:
    """Last word of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _files(name: str, root: Path, beside: Path) -> list[Path]:
    """The file that an import means; none for a library, or for `from sgn.graph import StudentGraph` below a module.

    "." stands for the folder `beside`.
    """
    relative = name.startswith(".")
    for place in (beside,) if relative else (root, beside):
        path = place / Path(*name.strip(".").split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return [candidate]
    return []
