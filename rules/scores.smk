# IN: predictions, tuning, sealed labels. OUT: results/{tier}/records/{dataset}: tidy records as Parquet.


rule score:
    """Score a dataset's predictions: the only rule that takes sealed labels."""
    input:
        data="results/{tier}/data/{dataset}",
        sealed="results/{tier}/sealed/{dataset}",
        predictions=folders_of("predictions", [*CONTROLS, *MODELS, *ORACLES]),
        tuning=tunings_of,
        searches=searches_of,
        finetunings=reporting_of("finetuned"),
        pretrainings=reporting_of("pretrain"),
    output:
        directory("results/{tier}/records/{dataset}"),
    log:
        "logs/{tier}/score/{dataset}.log",
    resources:
        **resources_of("score"),
    params:
        code=code_of("benchmarks.score"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/records/{dataset}"),
        grid=flag("--grid", grid_of),
        uses=flag("--uses", lambda wildcards: uses_of(config, wildcards.dataset, recipes_used(wildcards, "pretrain"))),
        charges=flag("--charges", charges_of),
        references=flag("--references", lambda wildcards: references_of(config, wildcards.dataset)),
        source=flag("--source", lambda wildcards: source_of(config, wildcards.dataset)),
        without_text=flag("--without-text", lambda wildcards: without_text(config, wildcards.dataset)),
        text_matters=flag("--text-matters", lambda wildcards: wildcards.dataset in config["text_matters"]),
    message:
        "score {wildcards.dataset}: every row"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} score"
        " --dataset {wildcards.dataset}"
        " {params.grid}"
        " --data {input.data:q}"
        " --sealed {input.sealed:q}"
        " --predictions {input.predictions:q}"
        " --tuning {input.tuning:q}"
        " --searches {input.searches:q}"
        " --finetunings {input.finetunings:q}"
        " --pretrainings {input.pretrainings:q}"
        " {params.uses}"
        " {params.charges}"
        " {params.references}"
        " {params.source}"
        " {params.without_text}"
        " {params.text_matters}"
        " --output {output:q} &> {log:q}"
