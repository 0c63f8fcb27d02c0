# Timings, apart from what is held to bytes. IN: data, states, tuning, records. OUT: results/{tier}/{timing}:
# records/{suite}, records/cost-{dataset}, tables/{name}.{csv,md,tex}, figures/{name}.{svg,pdf,png}.


rule timing:
    """Everything that the tier times."""
    input:
        TIMING_OUTPUTS,


rule time_suite:
    """Time a suite: alone on the machine."""
    output:
        directory("results/{tier}/{timing}/records/{suite}"),
    log:
        "logs/{tier}/{timing}/{suite}.log",
    threads: workflow.cores
    resources:
        **resources_of("timing", gpu=SHARES, limits=config["timing"]["limits"]),
    params:
        code=suite_code,
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/{timing}/records/{suite}"),
        sizes=flag("--sizes", lambda wildcards: config["timing"]["suites"][wildcards.suite]),
        rounds=flag("--rounds", config["timing"]["rounds"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "time_suite {wildcards.suite}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} timing"
        " --suite {wildcards.suite}"
        " {params.sizes}"
        " {params.rounds}"
        " {params.device}"
        " --output {output:q} &> {log:q}"


rule time_models:
    """Measure what a dataset's rows cost: alone on the machine."""
    input:
        data="results/{tier}/data/{dataset}",
        tuning=tunings_of,
        encoded=lambda wildcards: list(costs_of(wildcards)["encoded"].values()),
        searches=searches_of,
    output:
        directory("results/{tier}/{timing}/records/cost-{dataset}"),
    log:
        "logs/{tier}/{timing}/cost-{dataset}.log",
    threads: workflow.cores
    resources:
        **resources_of("cost", gpu=SHARES, limits=config["timing"]["limits"]),
    params:
        code=code_of("benchmarks.cost"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/{timing}/records/cost-{dataset}"),
        entries=flag("--entries", costs_of),
        split=flag("--split", lambda wildcards: splits_of(wildcards)[0]),
        seed=flag("--seed", config["seeds"][0]),
        epochs=flag("--epochs", config["epochs"]),
        patience=flag("--patience", config["patience"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "time_models {wildcards.dataset}: what every row costs"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} cost"
        " --data {input.data:q}"
        " {params.entries}"
        " --tuning {input.tuning:q}"
        " --searches {input.searches:q}"
        " {params.split}"
        " {params.seed}"
        " {params.epochs}"
        " {params.patience}"
        " {params.device}"
        " --output {output:q} &> {log:q}"


rule timing_table:
    """Make a table from the timings, and from the records where it shows scores."""
    input:
        timings=TIMINGS,
        records=ALL_RECORDS,
    output:
        multiext("results/{tier}/{timing}/tables/{name}", ".csv", ".md", ".tex"),
    log:
        "logs/{tier}/{timing}/table-{name}.log",
    params:
        code=code_of("benchmarks.table", "benchmarks.tables.{name}"),
        environment=ON_CPU,
        models=flag("--models", [*CONTROLS, *MODELS, *ORACLES]),
        workflow=flag("--workflow", COMMAND),
    message:
        "timing_table {wildcards.name}"
    shell:
        "sgn table"
        " --name benchmarks.tables.{wildcards.name}"
        " --records-of {input.records:q}"
        " --timings-of {input.timings:q}"
        " {params.models}"
        " {params.workflow}"
        " --output results/{wildcards.tier}/{wildcards.timing}/tables/{wildcards.name} &> {log:q}"


rule timing_figure:
    """Draw a figure from the timings, and from the records where it shows scores."""
    input:
        timings=TIMINGS,
        records=ALL_RECORDS,
    output:
        multiext("results/{tier}/{timing}/figures/{name}", ".svg", ".pdf", ".png"),
    log:
        "logs/{tier}/{timing}/figure-{name}.log",
    params:
        code=code_of("benchmarks.figure", "benchmarks.figures.{name}"),
        environment=DRAWN_WITH,
        models=flag("--models", [*CONTROLS, *MODELS, *ORACLES]),
        workflow=flag("--workflow", COMMAND),
    message:
        "timing_figure {wildcards.name}"
    shell:
        "sgn figure"
        " --name benchmarks.figures.{wildcards.name}"
        " --records-of {input.records:q}"
        " --timings-of {input.timings:q}"
        " {params.models}"
        " {params.workflow}"
        " --output results/{wildcards.tier}/{wildcards.timing}/figures/{wildcards.name} &> {log:q}"
