# IN: data, states. OUT: results/{tier}/tuning/{dataset}/{model}, results/{tier}/predictions/{dataset}/{model}.


rule tune:
    """Search a model's hyper-parameters on each split of a dataset."""
    input:
        data="results/{tier}/data/{dataset}",
        states=states_of("selection"),
    output:
        directory("results/{tier}/tuning/{dataset}/{model}"),
    log:
        "logs/{tier}/tune/{dataset}/{model}.log",
    priority: 10
    threads: config["threads"]
    resources:
        **resources_of("tune", gpu=1),
    params:
        code=code_of("benchmarks.tune", "{model}"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/tuning/{dataset}/{model}"),
        module=flag("--model", lambda wildcards: module_of(config, wildcards.model)),
        states=flag("--states", states_of("selection")),
        splits=flag("--splits", splits_of),
        seeds=flag("--seeds", config["selection_seeds"]),
        trials=flag("--trials", lambda wildcards: trials_of(config, wildcards.model)),
        shared=flag("--shared", config["shared_studies"]),
        settings=flag("--settings", lambda wildcards: settings_of(config, wildcards.model)),
        epochs=flag("--epochs", config["epochs"]),
        patience=flag("--patience", config["patience"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "tune {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} tune"
        " --data {input.data:q}"
        " {params.states}"
        " {params.module}"
        " {params.splits}"
        " {params.seeds}"
        " {params.trials}"
        " {params.settings}"
        " {params.epochs}"
        " {params.patience}"
        " --cache cache"
        " {params.device}"
        " {params.shared}"
        " --output {output:q} &> {log:q}"


rule train:
    """Train a model, or a control, on a dataset: all splits, variants and seeds."""
    input:
        data="results/{tier}/data/{dataset}",
        states=states_of("reporting"),
        others=lambda wildcards: list(other_states(wildcards).values()),
        encoded=states_of("frozen"),
        tuning=tuning_of,
    output:
        directory("results/{tier}/predictions/{dataset}/{model}"),
    log:
        "logs/{tier}/train/{dataset}/{model}.log",
    wildcard_constraints:
        model="|".join([*CONTROLS, *MODELS]),
    threads: config["threads"]
    resources:
        **resources_of("train", gpu=1),
    params:
        code=code_of("benchmarks.train", "{model}"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/predictions/{dataset}/{model}"),
        cells=flag("--cells", grid_of),
        module=flag("--model", lambda wildcards: module_of(config, wildcards.model)),
        states=flag("--states", states_of("reporting")),
        tuning=flag("--tuning", tuning_of),
        splits=flag("--splits", splits_of),
        seeds=flag("--seeds", lambda wildcards: seeds_of(config, wildcards.dataset)),
        settings=flag("--settings", lambda wildcards: settings_of(config, wildcards.model)),
        variants=flag("--variants", lambda wildcards: variants_of(config, wildcards.dataset, wildcards.model)),
        others=flag("--other-states", other_states),
        encoded=flag("--encoded", states_of("frozen")),
        recipe=flag("--recipe", recipe_asked),
        epochs=flag("--epochs", config["epochs"]),
        patience=flag("--patience", config["patience"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "train {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} train"
        " {params.cells}"
        " --data {input.data:q}"
        " {params.states}"
        " {params.tuning}"
        " {params.module}"
        " {params.splits}"
        " {params.seeds}"
        " {params.settings}"
        " {params.variants}"
        " {params.others}"
        " {params.encoded}"
        " {params.recipe}"
        " {params.epochs}"
        " {params.patience}"
        " --cache cache"
        " {params.device}"
        " --output {output:q} &> {log:q}"


rule oracle:
    """Compute what can be known of a synthetic network's labels from some sources."""
    input:
        data="results/{tier}/data/{dataset}",
    output:
        directory("results/{tier}/predictions/{dataset}/{model}"),
    log:
        "logs/{tier}/oracle/{dataset}/{model}.log",
    wildcard_constraints:
        model="|".join(ORACLES) or "none",
    resources:
        **resources_of("oracle"),
    params:
        code=code_of("benchmarks.oracle"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/predictions/{dataset}/{model}"),
        cells=flag("--cells", grid_of),
        sources=flag("--sources", lambda wildcards: config["oracles"][wildcards.model]),
        splits=flag("--splits", splits_of),
        seeds=flag("--seeds", lambda wildcards: seeds_of(config, wildcards.dataset)),
    message:
        "oracle {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} oracle"
        " {params.cells}"
        " --data {input.data:q}"
        " {params.sources}"
        " {params.splits}"
        " {params.seeds}"
        " --output {output:q} &> {log:q}"
