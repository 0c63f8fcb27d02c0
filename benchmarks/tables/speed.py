"""Speed: every way that was timed, beside the others of its group and the machine's peak."""

import math

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import named
from benchmarks.analysis.style import label
from benchmarks.speed.names import COPY, OURS, PRODUCT
from benchmarks.speed.timings import ratio, share

CAPTION = (
    "What was timed. Milliseconds: median and quartiles of one measurement, interleaved with the others of its group "
    "after a warm-up. Rate: units a second. Time over ours: how many times as long as our way takes (95 % interval of "
    "Yuen's trimmed t test of logarithms). Share of peak: useful operations a second over those of large matrix "
    "products in the same precision, or bytes that must be moved over those of a copy, in the same run. Timings are "
    "not held to bytes."
)


def make(records: Records) -> pd.DataFrame:
    """A row a case."""
    timings = records.timings
    rows, labels = [], []
    for case in timings.medians().to_dict("records"):
        key = (case["suite"], case["group"], case["size"], case["way"])
        size = "" if math.isnan(case["size"]) else f" {case['size']:,.0f}"
        labels.append((f"{case['suite']}: {case['group']}{size}", label(case["way"])))
        over = ratio(timings, *key[:3], OURS, case["way"]) if case["way"] != OURS else (math.nan,) * 3
        bf16 = f"{PRODUCT}, bf16" if case["way"] == "bf16" else PRODUCT
        of_peak = share(timings, *key, bf16, "flops")
        if case["way"] in (PRODUCT, COPY, f"{PRODUCT}, bf16"):
            over, of_peak = (math.nan,) * 3, (math.nan,) * 3
        elif math.isnan(of_peak[0]):
            of_peak = share(timings, *key, COPY, "moved")
        rows.append(
            {
                ("Milliseconds", "value"): 1000 * case["seconds"],
                ("Milliseconds", "low"): 1000 * case["low"],
                ("Milliseconds", "high"): 1000 * case["high"],
                ("Measurements", ""): int(case["count"]),
                ("Unit", ""): case["unit"],
                ("Rate", ""): case["items"] / case["seconds"],
                ("Time over ours", "value"): over[0],
                ("Time over ours", "low"): over[1],
                ("Time over ours", "high"): over[2],
                ("GFLOP/s", ""): case["flop_rate"] / 1e9,
                ("GB/s", ""): case["byte_rate"] / 1e9,
                ("Share of peak", ""): of_peak[0],
                ("Peak GB", ""): case["peak_gigabytes"],
            }
        )
    frame = pd.DataFrame(
        rows,
        index=named(labels, ["Group", "Way"]),
        columns=pd.MultiIndex.from_tuples(rows[0]) if rows else None,
    )
    failed = timings.rows[timings.rows["error"].fillna("") != ""]
    notes = [f"{row['suite']}: {row['group']} {row['size']:,.0f}: {row['error']}." for _, row in failed.iterrows()]
    notes += [f"{suite} was not measured: {why}." for suite, why in timings.lost.items()]
    frame.attrs = {"caption": CAPTION, "notes": [timings.device(), *notes]}
    return frame
