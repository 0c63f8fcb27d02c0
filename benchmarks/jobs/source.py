"""Reading our own Python without running it: where a module lies, what its code hashes to, what it accepts.

The workflow is planned with these, so planning imports no torch, and a broken model file breaks its own jobs only.
Raises SourceError for a file that Python cannot read, or that lacks what is looked for.
"""

import ast
import hashlib
import re
import symtable
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, reduce
from pathlib import Path

import griffe

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
    found = _reached(names, root, computes)
    return hashlib.sha256("\n".join(found[file] for file in sorted(found)).encode()).hexdigest()[:16]


def files(*names: str, root: Path = ROOT) -> list[Path]:
    """The files of these modules and of all of ours that they import."""
    return sorted(_reached(names, root, computes=False))


def _reached(names: Iterable[str], root: Path, computes: bool) -> dict[Path, str]:
    """What these modules are made of, file by file."""
    pending, found = [module_file(name, root) for name in names], dict[Path, str]()
    while pending:
        file = pending.pop()
        if file not in found and not (computes and any(file.is_relative_to(root / folder) for folder in PLUMBING)):
            found[file], imported = _parsed(file, root, computes)
            pending += imported
    return found


def mentioned(text: str, root: Path = ROOT) -> list[str]:
    """The modules of ours, and the Python files, that a text names, be it a word or JSON."""
    words = dict.fromkeys(re.findall(r"[^\s\"'{}\[\]:,=]+", text))
    return [word for word in words if ((root / word).is_file() and word.endswith(".py")) or _dotted(word, root)]


def _dotted(word: str, root: Path) -> bool:
    """Whether a word is the import path of a file of ours."""
    return re.fullmatch(r"\w+(\.\w+)+", word) is not None and _is_ours(word, root)


def literal(name: str, variable: str, root: Path = ROOT) -> object:
    """Value of a module-level variable that is written as a literal; None where there is none.

    Raises SourceError for one that is computed.
    """
    if variable not in names(name, root):
        return None
    where, member = _defined(name, variable, root)
    try:
        return ast.literal_eval(str(member.value))  # type: ignore[union-attr]
    except (AttributeError, ValueError, SyntaxError):
        line = f", line {member.lineno}" if member else ""
        raise SourceError(
            f"{module_file(where, root)}{line}: {variable} is computed; expected a literal, `{variable} = ...`, "
            "which is read without running the file"
        ) from None


def keywords(name: str, function: str, root: Path = ROOT) -> dict[str, bool]:
    """Parameters of a module-level function, and whether each has a default."""
    return {p.name: not p.required for p in _parameters(name, function, root)}


def types(name: str, function: str, root: Path = ROOT) -> dict[str, str]:
    """Annotations, as written, of a module-level function's parameters."""
    return {p.name: str(p.annotation) for p in _parameters(name, function, root) if p.annotation}


def fields(name: str, dataclass: str, root: Path = ROOT) -> dict[str, str]:
    """Fields of a module-level dataclass, those of its bases first, with their annotations as written."""
    where, found = _defined(name, dataclass, root)
    if not isinstance(found, griffe.Class):
        raise SourceError(f"{module_file(where, root)}: there is no class {dataclass}")
    known: dict[str, str] = {}
    for base in found.bases:
        module, _, word = base.canonical_path.rpartition(".") if isinstance(base, griffe.Expr) else ("", "", base)
        if module == found.module.path:
            module = where
        known |= fields(module, word, root) if module == where or _is_ours(module, root) else {}
    own = [a for a in found.attributes.values() if a.annotation and "instance-attribute" in a.labels]  # no ClassVar
    return known | {a.name: str(a.annotation) for a in own}


def names(name: str, root: Path = ROOT) -> set[str]:
    """Names that a module defines or imports at its top level; "*" stands for whatever `import *` brings."""
    file = module_file(name, root)
    stars = {"*" for member in _module(file, root).members if member.endswith("*")}
    return stars | _symbols(file)


def choices(annotation: str) -> tuple[object, ...]:
    """Values that an annotation allows, where it is a Literal; none for any other."""
    kind, _, values = annotation.partition("[")
    return tuple(ast.literal_eval(f"[{values}")) if kind.rpartition(".")[2] == "Literal" else ()


def functions(name: str, root: Path = ROOT) -> list[str]:
    """Names of a module's public functions."""
    return [word for word in _module(module_file(name, root), root).functions if not word.startswith("_")]


def _parameters(name: str, function: str, root: Path) -> list[griffe.Parameter]:
    """Those of a module-level function that have a name to be called by."""
    where, found = _defined(name, function, root)
    if not isinstance(found, griffe.Function):
        raise SourceError(f"{module_file(where, root)}: there is no function {function}()")
    return [p for p in found.parameters if p.kind and "variadic" not in p.kind.value]


def _defined(name: str, word: str, root: Path) -> tuple[str, griffe.Object | None]:
    """Our module that defines what `word` means at the top level of another, and that; None if none of ours does."""
    member = _module(module_file(name, root), root).members.get(word)
    if not isinstance(member, griffe.Alias):
        return name, member
    where, _, word = member.target_path.rpartition(".")
    return _defined(where, word, root) if _is_ours(where, root) else (name, None)


def _is_ours(name: str, root: Path) -> bool:
    return bool(_files(name, root, root))


@cache
def _module(file: Path, root: Path) -> griffe.Module:
    """What griffe reads of a file, under its import path."""
    below = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
    *above, last = [part for part in below.with_suffix("").parts if part != "__init__"]
    package = reduce(lambda parent, part: griffe.Module(part, parent=parent), above, None)  # for relative imports
    with _reading(file):
        return griffe.visit(last, file, _text(file), parent=package)


@cache
def _symbols(file: Path) -> set[str]:
    """Names that a module assigns or imports at its top level, in whatever form."""
    with _reading(file):
        symbols = symtable.symtable(_text(file), str(file), "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _text(file: Path) -> str:
    with tokenize.open(file) as opened:  # in the encoding that it names
        return opened.read()


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except SyntaxError as error:
        raise SourceError(f"{file}, line {error.lineno}: {error.msg}") from error
    except ValueError as error:  # a NUL, or another encoding than it names
        raise SourceError(f"{file}: {error}") from error


@cache
def _parsed(file: Path, root: Path, silent: bool = False) -> tuple[str, frozenset[Path]]:
    """Dump of a file's tree without docstrings, and the files of ours that it may import.

    `silent`: without the words in calls that tell people something. A broken file counts as it is and imports nothing:
    the job that runs it says what is wrong.
    """
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError):
        return repr(file.read_bytes()), frozenset()
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            imports |= {base} | {f"{base}.{alias.name}" if node.module else base + alias.name for alias in node.names}
        elif silent and isinstance(node, ast.Expr) and _callee(node.value) in TELLING:  # what is told gives no value
            for word in ast.walk(node.value):
                if _is_text(word):
                    word.value = ""  # type: ignore[attr-defined]
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(body, list):  # strings that stand alone are docstrings, of modules and of variables alike
                body[:] = [n for n in body if not (isinstance(n, ast.Expr) and _is_text(n.value))]
    return ast.dump(tree), frozenset(f for name in imports for f in _files(name, root, file.parent))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _callee(call: ast.expr) -> str:
    """Last word of what is called; none where nothing is."""
    function = call.func if isinstance(call, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


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
