"""A verb's flags, which are the parameters of its `run`: what a command line says to what `run` is called with.

A path, a number, a word, a list of these, or JSON for a mapping and for what is `Typed`; for one that is true or
false, the flag alone.
Parameters before a `/` are given without a flag.
"""

import argparse
import ast
import functools
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.jobs.typed import Typed

OUTPUTS = ("--output", "--sealed-output")
"""Flags of the folders that a verb fills."""
CELLS = "--cells"
"""Flag of every supervised verb: JSON of a grid, whose cells the worker calls the verb for one after the other."""


def check(verb: str, flags: Sequence[str]) -> None:
    """End the process with status 2, as argparse does, where flags are wrong.

    `run` is taken as it is written, without its body, so that nothing which the verb imports is loaded but the kinds of
    its parameters.
    """
    file = Path(__file__).parents[1] / f"{verb.replace('-', '_')}.py"
    written = ast.parse(file.read_bytes(), file)
    run = next(node for node in written.body if isinstance(node, ast.FunctionDef) and node.name == "run")
    kinds = {node.id for node in ast.walk(run.args) if isinstance(node, ast.Name)}
    imports = [n for n in written.body if isinstance(n, ast.ImportFrom) and kinds & {alias.name for alias in n.names}]
    names: dict[str, Any] = {}
    exec(compile(ast.Module([*imports, run], []), file, "exec"), names)
    parser = _parser(verb, names["run"])
    parser.add_argument(CELLS, type=json.loads, help="a grid: once a cell, each with the folder of its name")
    parser.parse_args(flags)


def call(verb: str, flags: Sequence[str]) -> int | None:
    """Run a verb in this very process."""
    run = importlib.import_module(f"benchmarks.{verb.replace('-', '_')}").run
    given = vars(_parser(verb, run).parse_args(flags))
    bare = [given.pop(name) for name, parameter in inspect.signature(run).parameters.items() if _is_bare(parameter)]
    return run(*bare, **given)


def _is_bare(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is given without a flag: those before the `/` of `run`."""
    return parameter.kind is inspect.Parameter.POSITIONAL_ONLY


def _parser(verb: str, run: Callable[..., Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"sgn {verb}", description=inspect.getdoc(run), allow_abbrev=False)
    for name, parameter in inspect.signature(run, eval_str=True).parameters.items():
        kind = parameter.annotation
        if _is_bare(parameter):
            parser.add_argument(name, type=kind)
            continue
        if kind is bool:
            parser.add_argument(f"--{name.replace('_', '-')}", action="store_true")
            continue
        options: dict[str, Any] = {"required": parameter.default is inspect.Parameter.empty}
        if not options["required"]:
            options["default"] = parameter.default
        if isinstance(kind, types.UnionType):  # X | None
            kind = next(t for t in typing.get_args(kind) if t is not types.NoneType)
        if typing.get_origin(kind) is list:
            options["nargs"], kind = "*", typing.get_args(kind)[0]
        if typing.get_origin(kind) is dict:
            kind = json.loads
        elif issubclass(kind, Typed):
            kind = functools.partial(_typed, kind)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, **options)
    return parser


def _typed(kind: type[Typed], text: str) -> Typed:
    """What JSON says."""
    try:
        return kind.of(json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
