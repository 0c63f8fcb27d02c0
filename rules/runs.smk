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
        **RESOURCES,
    params:
        code=code_of("benchmarks.tune", "{model}"),
        module=lambda wildcards: module_of(config, wildcards.model),
        states=lambda wildcards, input: flag("--states", input.states),
        splits=splits_of,
        seeds=config["selection_seeds"],
        trials=lambda wildcards: trials_of(config, wildcards.model),
        shared=SHARED,
        settings=as_json(lambda wildcards: settings_of(config, wildcards.model)),
        epochs=config["epochs"],
        patience=config["patience"],
        threads=config["threads"],
        device=DEVICE,
    message:
        "tune {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} tune"
        " --data {input.data:q}"
        " {params.states}"
        " --model {params.module:q}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --trials {params.trials}"
        " --settings {params.settings:q}"
        " --epochs {params.epochs}"
        " --patience {params.patience}"
        " --cache cache"
        " --device {params.device}"
        " {params.shared}"
        " --output {output:q} &> {log:q}"


rule train:
    """Train a tuned model on a dataset: all splits, variants and seeds."""
    input:
        data="results/{tier}/data/{dataset}",
        states=states_of("reporting"),
        others=lambda wildcards: list(other_states(wildcards).values()),
        encoded=encoded_of,
        tuning="results/{tier}/tuning/{dataset}/{model}",
    output:
        directory("results/{tier}/predictions/{dataset}/{model}"),
    log:
        "logs/{tier}/train/{dataset}/{model}.log",
    wildcard_constraints:
        model="|".join(MODELS),
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.train", "{model}"),
        module=lambda wildcards: module_of(config, wildcards.model),
        states=lambda wildcards, input: flag("--states", input.states),
        splits=splits_of,
        seeds=config["seeds"],
        settings=as_json(lambda wildcards: settings_of(config, wildcards.model)),
        variants=as_json(lambda wildcards: variants_of(config, wildcards.dataset, wildcards.model)),
        others=as_json(other_states),
        encoder=encoder_flags,
        epochs=config["epochs"],
        patience=config["patience"],
        threads=config["threads"],
        device=DEVICE,
    message:
        "train {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} train"
        " --data {input.data:q}"
        " {params.states}"
        " --tuning {input.tuning:q}"
        " --model {params.module:q}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --settings {params.settings:q}"
        " --variants {params.variants:q}"
        " --other-states {params.others:q}"
        " {params.encoder}"
        " --epochs {params.epochs}"
        " --patience {params.patience}"
        " --cache cache"
        " --device {params.device}"
        " --output {output:q} &> {log:q}"


rule control:
    """Run a control on a dataset: it has nothing to tune."""
    input:
        data="results/{tier}/data/{dataset}",
    output:
        directory("results/{tier}/predictions/{dataset}/{model}"),
    log:
        "logs/{tier}/train/{dataset}/{model}.log",
    wildcard_constraints:
        model="|".join(CONTROLS) or "none",
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.train", "{model}"),
        module=lambda wildcards: module_of(config, wildcards.model),
        splits=splits_of,
        seeds=config["seeds"],
        epochs=config["epochs"],
        patience=config["patience"],
        threads=config["threads"],
        device=DEVICE,
    message:
        "control {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} train"
        " --data {input.data:q}"
        " --model {params.module:q}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --epochs {params.epochs}"
        " --patience {params.patience}"
        " --cache cache"
        " --device {params.device}"
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
        **RESOURCES,
    params:
        code=code_of("benchmarks.oracle"),
        sources=lambda wildcards: config["oracles"][wildcards.model],
        splits=splits_of,
        seeds=config["seeds"],
    message:
        "oracle {wildcards.dataset}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} oracle"
        " --data {input.data:q}"
        " --sources {params.sources}"
        " --splits {params.splits:q}"
        " --seeds {params.seeds}"
        " --output {output:q} &> {log:q}"
