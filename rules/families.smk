# Families: one dataset file under a grid of options, its models on their default hyper-parameters, one job a model.
# A cell that fails loses itself alone.
# IN: raw files. OUT: data, sealed, states, predictions and records of {family}, each with a folder a cell.


rule prepare_family:
    """Build the graph and splits of each cell of a family; test labels go under seal."""
    output:
        data=directory("results/{tier}/data/{family}"),
        sealed=directory("results/{tier}/sealed/{family}"),
    log:
        "logs/{tier}/prepare/{family}.log",
    priority: 40
    resources:
        **resources_of("each"),
    params:
        code=code_of("benchmarks.each", "benchmarks.prepare", "{family}"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/data/{family}"),
        make=flag("--make", of_family("make")),
        raw=raw_files,
        grid=flag("--grid", of_family("grid")),
        options=flag("--options", of_family("options")),
    message:
        "prepare_family {wildcards.family}: graphs and splits of every cell"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} each"
        " {params.grid}"
        " {params.options}"
        " --output {output.data:q}"
        " --sealed-output {output.sealed:q}"
        " --command prepare"
        " {params.make}"
        " --splits {{split}}"
        " --options {{options}}"
        " --mirror {MIRROR:q} &> {log:q}"


rule encode_family:
    """Read each cell's texts with a recipe's frozen Transformer."""
    input:
        data="results/{tier}/data/{family}",
    output:
        directory("results/{tier}/states/{family}/{recipe}/frozen"),
    log:
        "logs/{tier}/encode/{family}/{recipe}.log",
    priority: 30
    threads: config["threads"]
    resources:
        **resources_of("each", gpu=SHARES),
    params:
        code=code_of("benchmarks.each", "benchmarks.encode"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/states/{family}/{recipe}/frozen"),
        grid=flag("--grid", of_family("grid")),
        options=flag("--options", of_family("options")),
        recipe=flag("--recipe", lambda wildcards: RECIPES[wildcards.recipe].encoding),
        weights=weights,
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "encode_family {wildcards.family}: the texts, with {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} each"
        " {params.grid}"
        " {params.options}"
        " --after {input.data:q}"
        " --output {output:q}"
        " --command encode"
        " --data {input.data:q}/{{cell}}"
        " {params.recipe}"
        " --cache cache"
        " {params.device} &> {log:q}"


rule finetune_family:
    """Fine-tune a recipe on each cell with its default hyper-parameters."""
    input:
        data="results/{tier}/data/{family}",
        encoded=states_of("frozen"),
    output:
        directory("results/{tier}/states/{family}/{recipe}/reporting"),
    log:
        "logs/{tier}/finetune/{family}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **resources_of("each", gpu=SHARES),
    params:
        code=code_of("benchmarks.each", "benchmarks.finetune"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/states/{family}/{recipe}/reporting"),
        grid=flag("--grid", of_family("grid")),
        options=flag("--options", of_family("options")),
        recipe=flag("--recipe", recipe_asked),
        seeds=flag("--seeds", of_family("seeds")),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "finetune_family {wildcards.family}: {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} each"
        " {params.grid}"
        " {params.options}"
        " --after {input:q}"
        " --output {output:q}"
        " --command finetune"
        " --data {input.data:q}/{{cell}}"
        " --encoded {input.encoded:q}/{{cell}}"
        " {params.recipe}"
        " --splits {{split}}"
        " {params.seeds}"
        " --cache cache"
        " {params.device} &> {log:q}"


rule train_family:
    """Train a model on each cell with its default hyper-parameters."""
    input:
        data="results/{tier}/data/{family}",
        states=states_of("reporting"),
    output:
        directory("results/{tier}/predictions/{family}/{model}"),
    log:
        "logs/{tier}/train/{family}/{model}.log",
    wildcard_constraints:
        model="|".join([*CONTROLS, *MODELS]),
    threads: config["threads"]
    resources:
        **resources_of("each", gpu=1),
    params:
        code=code_of("benchmarks.each", "benchmarks.train", "{model}"),
        environment=ON_DEVICE,
        attempt=attempt("results/{tier}/predictions/{family}/{model}"),
        grid=flag("--grid", of_family("grid")),
        options=flag("--options", of_family("options")),
        module=flag("--model", lambda wildcards: module_of(config, wildcards.model)),
        settings=flag("--settings", lambda wildcards: settings_of(config, wildcards.model)),
        states=flag("--states", states_of_cells),
        seeds=flag("--seeds", of_family("seeds")),
        epochs=flag("--epochs", config["epochs"]),
        patience=flag("--patience", config["patience"]),
        threads=flag("--threads", config["threads"]),
        device=flag("--device", DEVICE),
    message:
        "train_family {wildcards.family}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} --gpu-shares {resources.gpu} {params.threads} each"
        " {params.grid}"
        " {params.options}"
        " --after {input:q}"
        " --output {output:q}"
        " --command train"
        " --data {input.data:q}/{{cell}}"
        " {params.states}"
        " {params.module}"
        " {params.settings}"
        " --splits {{split}}"
        " {params.seeds}"
        " {params.epochs}"
        " {params.patience}"
        " --cache cache"
        " {params.device} &> {log:q}"


rule oracle_family:
    """Compute what can be known of the labels of each cell from some sources."""
    input:
        data="results/{tier}/data/{family}",
    output:
        directory("results/{tier}/predictions/{family}/{model}"),
    log:
        "logs/{tier}/oracle/{family}/{model}.log",
    wildcard_constraints:
        model="|".join(ORACLES) or "none",
    resources:
        **resources_of("each"),
    params:
        code=code_of("benchmarks.each", "benchmarks.oracle"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/predictions/{family}/{model}"),
        grid=flag("--grid", of_family("grid")),
        options=flag("--options", of_family("options")),
        sources=flag("--sources", lambda wildcards: config["oracles"][wildcards.model]),
        seeds=flag("--seeds", of_family("seeds")),
    message:
        "oracle_family {wildcards.family}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} each"
        " {params.grid}"
        " {params.options}"
        " --after {input.data:q}"
        " --output {output:q}"
        " --command oracle"
        " --data {input.data:q}/{{cell}}"
        " {params.sources}"
        " --splits {{split}}"
        " {params.seeds} &> {log:q}"


rule score_family:
    """Score a family's predictions."""
    input:
        data="results/{tier}/data/{family}",
        sealed="results/{tier}/sealed/{family}",
        predictions=family_predictions,
    output:
        directory("results/{tier}/records/{family}"),
    log:
        "logs/{tier}/score/{family}.log",
    resources:
        **resources_of("score"),
    params:
        code=code_of("benchmarks.score"),
        environment=ON_CPU,
        attempt=attempt("results/{tier}/records/{family}"),
        grid=flag("--grid", of_family("grid")),
    message:
        "score_family {wildcards.family}: every row"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.limit_mb} score"
        " --dataset {wildcards.family}"
        " {params.grid}"
        " --data {input.data:q}"
        " --sealed {input.sealed:q}"
        " --predictions {input.predictions:q}"
        " --output {output:q} &> {log:q}"
