# What comes from elsewhere: image data sets and published tables. Downloads are kept, verified, below resources/downloads.
FETCHING = (
    f" --sources {shlex.quote(source('workflow/sources.yaml'))}"
    f" --downloads {shlex.quote(RESOURCES)}/downloads --lock {shlex.quote(RESOURCES)}/sources.lock.json"
)


rule data:
    output:
        images=f"{RESOURCES}/data/{STUDY.data.name}.safetensors",
    log:
        f"{RESOURCES}/logs/data/{STUDY.data.name}.log",
    benchmark:
        f"{RESOURCES}/benchmarks/data/{STUDY.data.name}.tsv"
    priority: AT_ONCE
    # On a cluster too: nodes often have no network.
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        name=STUDY.data.name,
    message:
        "Images of {params.name}"
    shell:
        "program data --name {params.name:q} --output {output.images:q}"
        + FETCHING
        + " --log {log:q}"


rule published:
    output:
        table=f"{RESOURCES}/tables/{{table}}.parquet",
    log:
        f"{RESOURCES}/logs/published/{{table}}.log",
    benchmark:
        f"{RESOURCES}/benchmarks/published/{{table}}.tsv"
    priority: AT_ONCE
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(120),
    message:
        "Published table {wildcards.table}"
    shell:
        "program published --table {wildcards.table:q} --output {output.table:q}"
        + FETCHING
        + " --log {log:q}"
