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
        **RESOURCES,
    params:
        code=code_of("benchmarks.each", "benchmarks.prepare", "{family}"),
        make=of_family("make"),
        obtainable=obtainable,
        grid=as_json(of_family("grid")),
        options=as_json(of_family("options")),
    message:
        "prepare_family {wildcards.family}: graphs and splits of every cell"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} each"
        " --grid {params.grid:q}"
        " --options {params.options:q}"
        " --output {output.data:q}"
        " --sealed-output {output.sealed:q}"
        " --command prepare"
        " --make {params.make:q}"
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
        **RESOURCES,
    params:
        code=code_of("benchmarks.each", "benchmarks.encode"),
        grid=as_json(of_family("grid")),
        options=as_json(of_family("options")),
        recipe=as_json(how_to_read),
        threads=config["threads"],
        device=DEVICE,
    message:
        "encode_family {wildcards.family}: the texts, with {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} each"
        " --grid {params.grid:q}"
        " --options {params.options:q}"
        " --after {input.data:q}"
        " --output {output:q}"
        " --command encode"
        " --data {input.data:q}/{{cell}}"
        " --recipe {params.recipe:q}"
        " --cache cache"
        " --device {params.device} &> {log:q}"


rule finetune_family:
    """Fine-tune a recipe on each cell with its default hyper-parameters."""
    input:
        data="results/{tier}/data/{family}",
        encoded=reading_of_recipe,
    output:
        directory("results/{tier}/states/{family}/{recipe}/reporting"),
    log:
        "logs/{tier}/finetune/{family}/{recipe}.log",
    priority: 20
    threads: config["threads"]
    resources:
        **RESOURCES,
    params:
        code=code_of("benchmarks.each", "benchmarks.finetune"),
        grid=as_json(of_family("grid")),
        options=as_json(of_family("options")),
        recipe=as_json(lambda wildcards: config["recipes"][wildcards.recipe]),
        seeds=of_family("seeds"),
        threads=config["threads"],
        device=DEVICE,
    message:
        "finetune_family {wildcards.family}: {wildcards.recipe}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} each"
        " --grid {params.grid:q}"
        " --options {params.options:q}"
        " --after {input:q}"
        " --output {output:q}"
        " --command finetune"
        " --data {input.data:q}/{{cell}}"
        " --encoded {input.encoded:q}/{{cell}}"
        " --recipe {params.recipe:q}"
        " --splits {{split}}"
        " --seeds {params.seeds}"
        " --cache cache"
        " --device {params.device} &> {log:q}"


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
        **RESOURCES,
    params:
        code=code_of("benchmarks.each", "benchmarks.train", "{model}"),
        grid=as_json(of_family("grid")),
        options=as_json(of_family("options")),
        module=lambda wildcards: module_of(config, wildcards.model),
        settings=as_json(lambda wildcards: settings_of(config, wildcards.model)),
        states=lambda wildcards, input: flag("--states", input.states and f"{input.states}/{{cell}}"),
        seeds=of_family("seeds"),
        epochs=config["epochs"],
        patience=config["patience"],
        threads=config["threads"],
        device=DEVICE,
    message:
        "train_family {wildcards.family}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} --threads {params.threads} each"
        " --grid {params.grid:q}"
        " --options {params.options:q}"
        " --after {input:q}"
        " --output {output:q}"
        " --command train"
        " --data {input.data:q}/{{cell}}"
        " {params.states}"
        " --model {params.module:q}"
        " --settings {params.settings:q}"
        " --splits {{split}}"
        " --seeds {params.seeds}"
        " --epochs {params.epochs}"
        " --patience {params.patience}"
        " --cache cache"
        " --device {params.device} &> {log:q}"


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
        **RESOURCES,
    params:
        code=code_of("benchmarks.each", "benchmarks.oracle"),
        grid=as_json(of_family("grid")),
        options=as_json(of_family("options")),
        sources=lambda wildcards: config["oracles"][wildcards.model],
        seeds=of_family("seeds"),
    message:
        "oracle_family {wildcards.family}: {wildcards.model}"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} each"
        " --grid {params.grid:q}"
        " --options {params.options:q}"
        " --after {input.data:q}"
        " --output {output:q}"
        " --command oracle"
        " --data {input.data:q}/{{cell}}"
        " --sources {params.sources}"
        " --splits {{split}}"
        " --seeds {params.seeds} &> {log:q}"


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
        **RESOURCES,
    params:
        code=code_of("benchmarks.score"),
        grid=as_json(of_family("grid")),
    message:
        "score_family {wildcards.family}: every row"
    shell:
        "sgn --minutes {resources.runtime} --memory-mb {resources.mem_mb} score"
        " --dataset {wildcards.family}"
        " --grid {params.grid:q}"
        " --data {input.data:q}"
        " --sealed {input.sealed:q}"
        " --predictions {input.predictions:q}"
        " --output {output:q} &> {log:q}"
