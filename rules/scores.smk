# IN: predictions, tuning, sealed labels. OUT: results/{tier}/records/{dataset}: tidy records as Parquet.


rule score:
    """Score a dataset's predictions: the only rule that takes sealed labels."""
    input:
        data="results/{tier}/data/{dataset}",
        sealed="results/{tier}/sealed/{dataset}",
        predictions=folders_of("predictions", [*CONTROLS, *MODELS, *ORACLES]),
        tuning=folders_of("tuning", MODELS),
        searches=searches_of,
        finetunings=finetunings_of,
        pretrainings=pretrainings_of,
    output:
        directory("results/{tier}/records/{dataset}"),
    log:
        "logs/{tier}/score/{dataset}.log",
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.score"),
        uses=as_json(lambda wildcards: uses_of(config, wildcards.dataset, pretrained_recipes(wildcards))),
        charges=as_json(charges_of),
        references=as_json(lambda wildcards: references_of(config, wildcards.dataset)),
        source=lambda wildcards: source_of(config, wildcards.dataset),
        without_text=lambda wildcards: without_text(config, wildcards.dataset),
        text_matters=lambda wildcards: "--text-matters" if wildcards.dataset in config["text_matters"] else "",
    message:
        "score {wildcards.dataset}: every row"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} score"
        " --dataset {wildcards.dataset}"
        " --data {input.data:q}"
        " --sealed {input.sealed:q}"
        " --predictions {input.predictions:q}"
        " --tuning {input.tuning:q}"
        " --searches {input.searches:q}"
        " --finetunings {input.finetunings:q}"
        " --pretrainings {input.pretrainings:q}"
        " --uses {params.uses:q}"
        " --charges {params.charges:q}"
        " --references {params.references:q}"
        " --source {params.source:q}"
        " --without-text {params.without_text:q}"
        " {params.text_matters}"
        " --output {output:q} &> {log:q}"
