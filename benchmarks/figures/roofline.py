"""Roofline: operations a second by operations a byte, below what the machine can do (Williams et al., 2009)."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import said
from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, GREY
from benchmarks.speed.names import COPY, PLAIN, PRODUCT, PYG, SENTENCE_TRANSFORMERS

THEIRS = {PYG: GREY, PLAIN: COLORS["mlp"], SENTENCE_TRANSFORMERS: COLORS["transformer"]}
"""Ways of others, and their colors."""


def make(records: Records) -> Figure:
    """Every way whose operations and bytes were counted, in fp32; the roof is the median of the peaks of all groups."""
    medians = records.timings.medians()
    products, copies = (medians[medians["way"] == way] for way in (PRODUCT, COPY))
    points = medians[medians["flops"].notna() & medians["moved"].notna() & (medians["way"] != "bf16")]
    points = points[~points["way"].str.startswith(PRODUCT)].copy()
    if not (len(products) and len(copies) and len(points)):
        return said("no peak was measured")
    peak, bandwidth = products["flop_rate"].median(), copies["byte_rate"].median()
    points["operations a byte"], points["GFLOP/s"] = points["flops"] / points["moved"], points["flop_rate"] / 1e9
    points["what ran"] = points["suite"] + ": " + points["group"]
    points["whose code"] = points["way"].where(points["way"].isin(THEIRS), "ours")
    bounds = [*points["operations a byte"], peak / bandwidth]
    ends = np.array([min(bounds) / 3, peak / bandwidth, max(bounds) * 3])
    figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
    axis.loglog(ends, np.minimum(peak, bandwidth * ends) / 1e9, color=GREY, linewidth=1)
    sns.scatterplot(
        points, x="operations a byte", y="GFLOP/s", hue="whose code", palette=THEIRS | {"ours": COLORS["bert-gcn"]},
        style="what ran", s=40, linewidth=0.3, ax=axis,
    )  # fmt: skip
    axis.set_title(f"peak {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.0f} GB/s, measured in the same run")
    sns.move_legend(axis, "upper left", bbox_to_anchor=(1, 1))
    return figure
