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
        **resources_of("encode", gpu=SHARES),
    params:
        code=code_of("benchmarks.encode"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/states/{dataset}/{recipe}/frozen"),
        cells=flag("--cells", grid_of),
        recipe=flag("--recipe", lambda wildcards: RECIPES[wildcards.recipe].encoding),
        weights=weights,
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "encode {wildcards.dataset}: the texts, with {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} encode"
        " {params.cells}"
        " --data {input.data:q}"
        " {params.recipe}"
        " --cache cache"
        " {params.device}"
        " --output {output:q} &> {log:q}"


rule tune_recipe:
    """Search a recipe's hyper-parameters on each split of a dataset."""
    input:
        data="results/{tier}/data/{dataset}",
        encoded=states_of("frozen"),
    output:
        directory("results/{tier}/states/{dataset}/{recipe}/selection"),
    log:
        "logs/{tier}/tune-recipe/{dataset}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **resources_of("tune-recipe", gpu=SHARES),
    params:
        code=code_of("benchmarks.tune_recipe"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/states/{dataset}/{recipe}/selection"),
        recipe=flag("--recipe", recipe_asked),
        splits=flag("--splits", splits_of),
        seeds=flag("--seeds", config["selection_seeds"]),
        shared=flag("--shared", config["shared_studies"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "tune_recipe {wildcards.dataset}: the fine-tuning of {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} tune-recipe"
        " --data {input.data:q}"
        " --encoded {input.encoded:q}"
        " {params.recipe}"
        " {params.splits}"
        " {params.seeds}"
        " --cache cache"
        " {params.device}"
        " {params.shared}"
        " --output {output:q} &> {log:q}"


rule finetune:
    """Fine-tune a recipe on each split with its frozen hyper-parameters, once a seed."""
    input:
        data="results/{tier}/data/{dataset}",
        encoded=states_of("frozen"),
        search=search_of_recipe,
    output:
        directory("results/{tier}/states/{dataset}/{recipe}/reporting"),
    log:
        "logs/{tier}/finetune/{dataset}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **resources_of("finetune", gpu=SHARES),
    params:
        code=code_of("benchmarks.finetune"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/states/{dataset}/{recipe}/reporting"),
        cells=flag("--cells", grid_of),
        search=flag("--search", search_of_recipe),
        recipe=flag("--recipe", recipe_asked),
        splits=flag("--splits", splits_of),
        seeds=flag("--seeds", lambda wildcards: seeds_of(config, wildcards.dataset)),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "finetune {wildcards.dataset}: {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} finetune"
        " {params.cells}"
        " --data {input.data:q}"
        " --encoded {input.encoded:q}"
        " {params.search}"
        " {params.recipe}"
        " {params.splits}"
        " {params.seeds}"
        " --cache cache"
        " {params.device}"
        " --output {output:q} &> {log:q}"
