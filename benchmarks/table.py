"""Verb `table`: records to a table in CSV (numbers as they are), Markdown and LaTeX (rounded).

What `make(records)` returns: rows labeled by the index; a pair of columns (name, "mean") and (name, "sd") is shown
as one, mean ± sd, and so are (name, "value"), (name, "low") and (name, "high"), with the interval in brackets; a column
(name, "p") holds p values. `attrs["caption"]` and `attrs["notes"]` stand around it; `attrs["marks"]` says by column as
shown which cells, row by row, are BEST (bold), TIED (underlined) or "".
"""

import math
import re
from pathlib import Path

import pandas as pd
from tabulate import LATEX_ESCAPE_RULES

from benchmarks.analysis import records
from benchmarks.analysis.rows import BEST, DASH, TIED
from benchmarks.jobs.modules import load

MARKDOWN_MARKS = {BEST: "**{}**", TIED: "<u>{}</u>", "": "{}"}
LATEX_MARKS = {BEST: "\\textbf{{{}}}", TIED: "\\underline{{{}}}", "": "{}"}
"""Marks in Markdown and in LaTeX."""
PAGE_ROWS = 45
WIDE = 4
LINE = 80
"""Columns, or characters of a line, from which on a table is scaled to the width of the text."""

MARKDOWN = re.compile(r"[\\`*|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|(?<=\])\(")
LATEX = str.maketrans(LATEX_ESCAPE_RULES | {"±": "$\\pm$", DASH: "--", "|": "$|$"})


def run(
    name: str,
    records_of: list[Path],
    models: list[str],
    workflow: str,
    output: Path,
    families_of: list[Path] = [],  # noqa: B006  read only
    timings_of: list[Path] = [],  # noqa: B006
) -> None:
    """Write `output`.csv, .md and .tex of the table module `name`."""
    found = records.load(records_of, models, workflow, families_of, timings_of)
    frame = load(name).make(found)
    shown = rounded(frame)
    output.parent.mkdir(parents=True, exist_ok=True)
    csv = frame.set_axis([" ".join(filter(None, c)) if isinstance(c, tuple) else c for c in frame.columns], axis=1)
    csv.to_csv(output.with_suffix(".csv"))
    output.with_suffix(".md").write_text(markdown(shown), encoding="utf-8")
    output.with_suffix(".tex").write_text(latex(shown, output.name), encoding="utf-8")


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text: three decimals, mean ± sd or value [low, high] as one, a dash where there is nothing."""
    shown = pd.DataFrame(index=frame.index)
    for column in frame.columns:
        name, part = column if isinstance(column, tuple) else (column, "")
        if part in ("sd", "low", "high"):
            continue
        if part == "value":
            ends = zip(*(frame[name, end] for end in ("value", "low", "high")), strict=True)
            shown[name] = [_number(v) if math.isnan(a) else f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in ends]
        elif part == "p":
            shown[f"{name} p"] = ["< 0.001" if p < 0.001 else _number(p) for p in frame[column]]
        elif part == "mean":
            pairs = zip(frame[name, "mean"], frame[name, "sd"], strict=True)
            shown[name] = [_number(m) if math.isnan(s) else f"{m:.3f} ± {s:.3f}" for m, s in pairs]
        else:
            shown[name] = [_number(v) for v in frame[column]]
    shown.attrs = frame.attrs
    return shown


def markdown(shown: pd.DataFrame) -> str:
    """A Markdown table with caption and notes."""
    flat = _marked(shown.map(_plain), MARKDOWN_MARKS).rename(index=_plain, columns=_plain).reset_index()
    flat.iloc[:, 0] = flat.iloc[:, 0].where(~flat.iloc[:, 0].duplicated(), "")
    notes = map(_plain, shown.attrs["notes"])  # a caption is of ours, and shows what marks mean
    parts = [shown.attrs["caption"], flat.to_markdown(index=False, disable_numparse=True), *notes]
    return "\n\n".join(parts) + "\n"


def latex(shown: pd.DataFrame, name: str) -> str:
    """A LaTeX table that compiles in any document with booktabs."""
    body = _marked(shown.map(_escaped), LATEX_MARKS).rename(index=_escaped, columns=_escaped)
    body.index.names = [_escaped(n or "") for n in body.index.names]
    styler = body.style.hide(axis="columns", names=True) if body.columns.name else body.style
    levels = body.index.nlevels
    columns = "l" * levels + "r" * body.shape[1]
    caption, label_of = _escaped(shown.attrs["caption"]), f"tab:{name}"
    notes = "".join(f"\n\\par\\raggedright\\footnotesize {_escaped(n)}" for n in shown.attrs["notes"])
    if len(body) > PAGE_ROWS:  # more than a page holds
        environment = styler.to_latex(
            hrules=True, multirow_align="naive", column_format=columns, environment="longtable", caption=caption,
            label=label_of,
        )  # fmt: skip
        begin, end = _fitting(shown)
        packages = "booktabs,longtable,multirow,pdflscape"
        return f"% needs \\usepackage{{{packages}}}\n{{{begin}\n{environment}{notes}\n{end}}}\n"
    tabular = styler.to_latex(hrules=True, multirow_align="naive", column_format=columns)
    if levels > 1:  # a little air between datasets
        tabular = _spaced(tabular)
    if body.shape[1] > WIDE or _width(shown) > LINE:
        tabular = f"\\resizebox{{\\textwidth}}{{!}}{{%\n{tabular.rstrip()}%\n}}\n"
    return (
        "% needs \\usepackage{booktabs,graphicx}\n"
        f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\label{{{label_of}}}\n"
        f"\\footnotesize\n\\setlength{{\\tabcolsep}}{{4pt}}\n{tabular}{notes}\n\\end{{table}}\n"
    )


def _fitting(shown: pd.DataFrame) -> tuple[str, str]:
    """What stands around a long table, which cannot be scaled, so that its columns fit the page of an article."""
    small, tiny = ("\\setlength{\\tabcolsep}{2pt}" + size for size in ("\\scriptsize", "\\tiny"))
    characters = _width(shown)
    if characters <= 110:
        return (small if characters <= 80 else tiny), ""
    return "\\begin{landscape}" + (small if characters <= 130 else tiny), "\\end{landscape}"


def _width(shown: pd.DataFrame) -> int:
    """Characters of a line."""
    flat = shown.reset_index().astype(str)
    return sum(max(len(str(name)), *flat.iloc[:, i].str.len(), 0) + 1 for i, name in enumerate(flat.columns))


def _marked(shown: pd.DataFrame, looks: dict[str, str]) -> pd.DataFrame:
    marked = shown.copy()
    for column, marks in shown.attrs.get("marks", {}).items():
        marked[column] = [looks[mark].format(text) for mark, text in zip(marks, shown[column], strict=True)]
    return marked


def _spaced(tabular: str) -> str:
    lines = tabular.splitlines()
    body = lines.index("\\midrule") + 1
    out = lines[: body + 1]
    for line in lines[body + 1 :]:
        starts = not line.startswith((" &", "&", "\\"))
        out += ["\\addlinespace", line] if starts else [line]
    return "\n".join(out) + "\n"


def _number(value: object) -> str:
    if isinstance(value, float):
        return DASH if math.isnan(value) else f"{value:.3f}"
    return str(value)


def _plain(value: object) -> str:
    """What Markdown shows as it is: no columns, marks, links or tags of its own."""
    return MARKDOWN.sub(r"\\\g<0>", str(value))


def _escaped(value: object) -> str:
    return str(value).translate(LATEX)
