# SGN: raw files -> student graphs -> states -> frozen hyper-parameters -> predictions -> records -> tables, figures.
#
#   snakemake --cores all                                  the default tier
#   snakemake --cores all --configfile config/smoke.yaml   another tier
#
# One rule is one arrow of the way of the data and calls one verb: `sgn <verb> --flag path ...`.

from pathlib import Path

from benchmarks.planning.config import check
from benchmarks.planning.configfile import read
from benchmarks.planning.workflow import hold_lock, remember

if not workflow.configfiles:

    configfile: "config/default.yaml"


for file in workflow.configfiles:
    read(Path(file))  # Snakemake has, too, and takes the last of two blocks of one name
check(config)


include: "rules/common.smk"


rule all:
    """Every table and figure of the tier, controls that hold, and no cell that failed."""
    default_target: True
    input:
        OUTPUTS,
        f"results/{TIER}/controls.txt",
        f"results/{TIER}/cells.txt",


include: "rules/data.smk"
include: "rules/text.smk"
include: "rules/runs.smk"
include: "rules/scores.smk"
include: "rules/timing.smk"
include: "rules/paper.smk"


onstart:
    hold_lock(Path(f"results/{TIER}"))
    remember(Path(f"results/{TIER}"), ATTEMPTS)


onsuccess:
    shell(SUMMARY)
    print(f"Tables are in results/{TIER}/tables/, figures in results/{TIER}/figures/.")


onerror:
    shell(SUMMARY)
