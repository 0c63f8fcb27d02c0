"""Roofline: operations a second by operations a byte, below what the machine can do (Williams et al., 2009)."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, GREY
from benchmarks.speed.names import COPY, PLAIN, PRODUCT, PYG, SENTENCE_TRANSFORMERS

MARKS = "o^sDvP*X"


def make(records: Records) -> Figure:
    """Every way whose operations and bytes were counted, in fp32; the roof is the median of the peaks of all groups."""
    timings = records.timings
    medians = timings.medians()
    products, copies = (medians[medians["way"] == way] for way in (PRODUCT, COPY))
    points = medians[medians["flops"].notna() & medians["moved"].notna() & ~medians["way"].isin([PRODUCT, "bf16"])]
    points = points[~points["way"].str.startswith(PRODUCT)]
    if not (len(products) and len(copies) and len(points)):
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no peak was measured", ha="center")
        return figure
    peak, bandwidth = products["flop_rate"].median(), copies["byte_rate"].median()
    intensity = points["flops"] / points["moved"]
    ends = np.geomspace(min(intensity.min(), peak / bandwidth) / 3, max(intensity.max(), peak / bandwidth) * 3, 100)
    figure, axis = plt.subplots(figsize=(4.5, 3), layout="constrained")
    axis.loglog(ends, np.minimum(peak, bandwidth * ends) / 1e9, color=GREY, linewidth=1)
    for mark, (group, rows) in zip(MARKS, points.groupby(["suite", "group"], sort=False), strict=False):
        x = rows["flops"] / rows["moved"]
        color = COLORS["bert-gcn"] if group[0] == "encode" else COLORS["gcn"]
        own = ~rows["way"].isin([PYG, PLAIN, SENTENCE_TRANSFORMERS])
        axis.loglog(x[own], rows["flop_rate"][own] / 1e9, mark, color=color, label=f"{group[0]}: {group[1]}")
        for way, theirs in rows[~own].groupby("way"):
            told = f"{group[0]}: {group[1]}, {way}"
            axis.loglog(x[theirs.index], theirs["flop_rate"] / 1e9, mark, color=color, fillstyle="none", label=told)
    axis.set_title(f"peak {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.0f} GB/s, measured in the same run")
    axis.set_xlabel("operations a byte")
    axis.set_ylabel("GFLOP/s")
    axis.legend(frameon=False, fontsize=6, loc="lower right")
    return figure
