# IN: raw files. OUT: results/{tier}/data/{dataset} (label-free graph, splits), results/{tier}/sealed/{dataset}.
# A dataset with a grid is a family of cells: here and below, an artifact of it has a folder a cell, made by one job.


rule prepare:
    """Build a dataset's graph and splits; its test labels go under seal."""
    output:
        data=directory("results/{tier}/data/{dataset}"),
        sealed=directory("results/{tier}/sealed/{dataset}"),
    log:
        "logs/{tier}/prepare/{dataset}.log",
    priority: 40
    resources:
        **resources_of("prepare"),
    params:
        code=code_of("benchmarks.prepare", "{dataset}"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/data/{dataset}"),
        make=flag("--make", lambda wildcards: config["datasets"][wildcards.dataset]["make"]),
        raw=raw_files,
        cells=flag("--cells", grid_of),
        splits=flag("--splits", splits_of),
        options=flag("--options", lambda wildcards: options_of(config, wildcards.dataset)),
    message:
        "prepare {wildcards.dataset}: the graph and its splits"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} prepare"
        " {params.cells}"
        " {params.make}"
        " {params.splits}"
        " {params.options}"
        " --mirror {MIRROR:q}"
        " --output {output.data:q}"
        " --sealed-output {output.sealed:q} &> {log:q}"
