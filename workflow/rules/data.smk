# Downloads: image data sets and published tables. The verified files are kept in resources/downloads.
FETCHING = (
    f" --sources {shlex.quote(source('workflow/sources.yaml'))}"
    f" --downloads {shlex.quote(located(ARTIFACTS.downloads))} --lock {shlex.quote(located(ARTIFACTS.sources_lock))}"
)


rule data:
    output:
        images=ARTIFACTS.images(STUDY.data.name),
    log:
        ARTIFACTS.resource_log("data", STUDY.data.name),
    benchmark:
        ARTIFACTS.resource_benchmark("data", STUDY.data.name)
    priority: AT_ONCE
    # Local on clusters too, because their nodes often have no network.
    localrule: True
    # torchvision reads some data sets.
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        name=STUDY.data.name,
    message:
        "Images of {params.name}"
    shell:
        f"{START} data"
        " --name {params.name:q} --output {output.images:q}"
        + FETCHING
        + " --log {log:q}"


rule published:
    output:
        table=ARTIFACTS.published(),
    log:
        ARTIFACTS.resource_log("published", "{table}"),
    benchmark:
        ARTIFACTS.resource_benchmark("published", "{table}")
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
        f"{START} published"
        " --table {wildcards.table:q} --output {output.table:q}"
        + FETCHING
        + " --log {log:q}"
