"""`sgn`: one verb a module of `benchmarks/`, loaded when it is called, with the parameters of its `run` as flags."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.jobs import flags, seal, system


@dataclass(frozen=True)
class Verb:
    """A verb's line of help; whether a light parent supervises it; whether it is kept from labels and raw files.

    `guarded`: nor does it start other programs, so `cost`, which does, closes the seal in each of them.
    `judges`: what failed before is something to report, and no reason to pass the outcome on.
    """

    help: str
    supervised: bool = False
    guarded: bool = False
    judges: bool = False


VERBS = {
    "prepare": Verb("raw files to a label-free graph, splits, and sealed test labels", supervised=True),
    "encode": Verb("texts to tokens and frozen states of a recipe", supervised=True, guarded=True),
    "tune-recipe": Verb("search a recipe's hyper-parameters on one split", supervised=True, guarded=True),
    "finetune": Verb("fine-tune a recipe on one split, once a seed", supervised=True, guarded=True),
    "tune": Verb("search a model's hyper-parameters on each split", supervised=True, guarded=True),
    "train": Verb("train a model with frozen hyper-parameters and predict", supervised=True, guarded=True),
    "oracle": Verb("the Bayes-optimal predictions of a synthetic network", supervised=True, guarded=True),
    "score": Verb(
        "predictions and sealed labels to tidy records; alone in reading these labels", supervised=True, judges=True
    ),
    "table": Verb("records to a table (CSV, Markdown, LaTeX)"),
    "figure": Verb("records to a figure (SVG, PDF, PNG)"),
    "check-model": Verb(
        "whether a model file keeps its contract, a line a check; exit status 1 if any failed", guarded=True
    ),
    "doctor": Verb("what this machine is and what the suite will do on it; exit status 1 if something stops it"),
    "plan": Verb("what a run will take on this machine, before it starts: jobs, time, memory, disk, downloads"),
    "check-published": Verb("our baselines beside published numbers, by the papers' protocols"),
    "timing": Verb("how long the ways of a suite take, and what the machine can do at most", supervised=True),
    "cost": Verb("what tuning, training and predicting cost, by model", supervised=True, judges=True),
    "compare-timing": Verb("what is faster or slower in one record of timings than in another"),
    "check-controls": Verb("whether rows that must fail do, and none beats the oracle; exit status 1 if not"),
    "keys": Verb("every key of a config, its meaning and its default, to a page of the docs"),
    "cards": Verb("prepared datasets to the generated block of their data cards"),
    "cache": Verb("what lies in the cache, and the removal of what no results were made with"),
    "keep": Verb("results of a tier to a reference that can be committed"),
    "summary": Verb("which cells are empty, why, and how to retry them; exit status 1 if any failed"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `sgn` command."""
    system.require()
    parser = argparse.ArgumentParser(
        prog="sgn",
        description="Benchmark suite for student graph networks. `sgn VERB --help` lists a verb's flags.",
        epilog="verbs:\n" + "\n".join(f"  {name:<12} {verb.help}" for name, verb in VERBS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--minutes", type=float, default=60, help="time limit of a supervised verb (default 60)")
    parser.add_argument(
        "--memory-mb", type=float, default=16000, help="memory limit of a supervised verb (default 16000)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads for arithmetic (default 1); results depend on it"
    )
    parser.add_argument(
        "--gpu-shares",
        type=int,
        default=0,
        help="shares of a GPU to take of the workflow's (default 0: whatever is seen)",
    )
    parser.add_argument("verb", choices=VERBS, metavar="verb", help="what to do; see below")
    parser.add_argument("flags", nargs=argparse.REMAINDER, help="the verb's flags")
    args = parser.parse_args(argv)
    verb = VERBS[args.verb]
    try:
        if verb.supervised:
            flags.check(args.verb, args.flags)
            from benchmarks.jobs.supervise import Limits, supervise

            limits = Limits(args.minutes * 60, args.memory_mb / 1000, args.threads, args.gpu_shares)
            return supervise(args.verb, args.flags, limits, passes_on=not verb.judges)
        return call(args.verb, args.flags) or 0
    except Exception as error:
        from benchmarks.planning.configfile import ConfigError  # which needs packages that doctor may find missing

        if not isinstance(error, ConfigError | OSError):
            raise
        raise SystemExit(f"sgn {args.verb}: {error}") from error  # of the user's files or disk: no trace of our code


def call(verb: str, given: Sequence[str]) -> int | None:
    """Run a verb in this very process."""
    system.print_anything(sys.stdout, sys.stderr)
    if VERBS[verb].guarded:
        seal.close()
    return flags.call(verb, given)


if __name__ == "__main__":
    sys.exit(main())
