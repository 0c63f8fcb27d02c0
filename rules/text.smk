# IN: results/{tier}/data/{dataset}. OUT: results/{tier}/states/{dataset}/{recipe}: frozen/, and by split
# selection/{split}, reporting/{split}.


rule encode:
    """Read a dataset's texts with a recipe's frozen Transformer."""
    input:
        data="results/{tier}/data/{dataset}",
    output:
        directory("results/{tier}/states/{dataset}/{recipe}/frozen"),
    log:
        "logs/{tier}/encode/{dataset}/{recipe}.log",
    priority: 30  # what others wait for goes first
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.encode"),
        recipe=as_json(how_to_read),
        threads=config["threads"],
        device=DEVICE,
    message:
        "encode {wildcards.dataset}: the texts, with {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} encode"
        " --data {input.data:q}"
        " --recipe {params.recipe:q}"
        " --cache cache"
        " --device {params.device}"
        " --output {output:q} &> {log:q}"


rule tune_recipe:
    """Search a recipe's hyper-parameters on each split of a dataset."""
    input:
        data="results/{tier}/data/{dataset}",
        encoded=reading_of_recipe,
    output:
        directory("results/{tier}/states/{dataset}/{recipe}/selection"),
    log:
        "logs/{tier}/tune-recipe/{dataset}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.tune_recipe"),
        recipe=as_json(lambda wildcards: config["recipes"][wildcards.recipe]),
        splits=splits_of,
        seeds=config["selection_seeds"],
        shared=SHARED,
        threads=config["threads"],
        device=DEVICE,
    message:
        "tune_recipe {wildcards.dataset}: the fine-tuning of {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} tune-recipe"
        " --data {input.data:q}"
        " --encoded {input.encoded:q}"
        " --recipe {params.recipe:q}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --cache cache"
        " --device {params.device}"
        " {params.shared}"
        " --output {output:q} &> {log:q}"


rule finetune:
    """Fine-tune a recipe on each split with its frozen hyper-parameters, once a seed."""
    input:
        data="results/{tier}/data/{dataset}",
        encoded=reading_of_recipe,
        search=search_of_recipe,
    output:
        directory("results/{tier}/states/{dataset}/{recipe}/reporting"),
    log:
        "logs/{tier}/finetune/{dataset}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.finetune"),
        search=lambda wildcards, input: flag("--search", input.search),
        recipe=as_json(lambda wildcards: config["recipes"][wildcards.recipe]),
        splits=splits_of,
        seeds=config["seeds"],
        threads=config["threads"],
        device=DEVICE,
    message:
        "finetune {wildcards.dataset}: {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} finetune"
        " --data {input.data:q}"
        " --encoded {input.encoded:q}"
        " {params.search}"
        " --recipe {params.recipe:q}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --cache cache"
        " --device {params.device}"
        " --output {output:q} &> {log:q}"
