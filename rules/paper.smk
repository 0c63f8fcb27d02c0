# IN: records of all datasets. OUT: results/{tier}/tables/{name}.{csv,md,tex}, results/{tier}/figures/{name}.{svg,pdf,png},
# results/{tier}/controls.txt, results/{tier}/cells.txt.


rule table:
    """Make a table from the records."""
    input:
        records=ALL_RECORDS,
        families=FAMILY_RECORDS,
    output:
        multiext("results/{tier}/tables/{name}", ".csv", ".md", ".tex"),
    log:
        "logs/{tier}/table/{name}.log",
    params:
        code=code_of("benchmarks.table", "benchmarks.tables.{name}"),
        environment=ON_CPU,
        models=flag("--models", [*CONTROLS, *MODELS, *ORACLES]),
        workflow=flag("--workflow", COMMAND),
    message:
        "table {wildcards.name}"
    shell:
        "sgn table"
        " --name benchmarks.tables.{wildcards.name}"
        " --records-of {input.records:q}"
        " --families-of {input.families:q}"
        " {params.models}"
        " {params.workflow}"
        " --output results/{wildcards.tier}/tables/{wildcards.name} &> {log:q}"


rule figure:
    """Draw a figure from the records."""
    input:
        records=ALL_RECORDS,
        families=FAMILY_RECORDS,
    output:
        multiext("results/{tier}/figures/{name}", ".svg", ".pdf", ".png"),
    log:
        "logs/{tier}/figure/{name}.log",
    params:
        code=code_of("benchmarks.figure", "benchmarks.figures.{name}"),
        environment=DRAWN_WITH,
        models=flag("--models", [*CONTROLS, *MODELS, *ORACLES]),
        workflow=flag("--workflow", COMMAND),
    message:
        "figure {wildcards.name}"
    shell:
        "sgn figure"
        " --name benchmarks.figures.{wildcards.name}"
        " --records-of {input.records:q}"
        " --families-of {input.families:q}"
        " {params.models}"
        " {params.workflow}"
        " --output results/{wildcards.tier}/figures/{wildcards.name} &> {log:q}"


rule check:
    """Fail where a control has, or a cell; after all else, which stays whatever is found.

    What is to be said of each cell is printed when all has ended.
    """
    input:
        records=ALL_RECORDS,
        families=FAMILY_RECORDS,
        timings=TIMINGS,
        outputs=ancient(OUTPUTS),
    output:
        controls="results/{tier}/controls.txt",
        cells="results/{tier}/cells.txt",
    log:
        "logs/{tier}/check.log",
    params:
        code=code_of("benchmarks.check_controls", "benchmarks.summary"),
        environment=ON_CPU,
        workflow=flag("--workflow", COMMAND),
    message:
        "check: whether the rows that must fail do, and whether a cell has failed"
    shell:
        "sgn check-controls"
        " --records-of {input.records:q}"
        " --families-of {input.families:q}"
        " {params.workflow}"
        " --output {output.controls:q} &> {log:q}"
        " && sgn summary"
        " --records-of {input.records:q} {input.families:q}"
        " --timings-of {input.timings:q}"
        " {params.workflow} > {output.cells:q} 2>> {log:q}"
