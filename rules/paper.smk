# IN: records of all datasets. OUT: results/{tier}/tables/{name}.{csv,md,tex}, results/{tier}/figures/{name}.{svg,pdf,png}.


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
        models=[*CONTROLS, *MODELS, *ORACLES],
        workflow=COMMAND,
    message:
        "table {wildcards.name}"
    shell:
        "sgn table"
        " --name benchmarks.tables.{wildcards.name}"
        " --records-of {input.records:q}"
        " --families-of {input.families:q}"
        " --models {params.models}"
        " --workflow {params.workflow:q}"
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
        models=[*CONTROLS, *MODELS, *ORACLES],
        workflow=COMMAND,
    message:
        "figure {wildcards.name}"
    shell:
        "sgn figure"
        " --name benchmarks.figures.{wildcards.name}"
        " --records-of {input.records:q}"
        " --families-of {input.families:q}"
        " --models {params.models}"
        " --workflow {params.workflow:q}"
        " --output results/{wildcards.tier}/figures/{wildcards.name} &> {log:q}"
