# Search systems, each on its own super-net. Programs are not inputs: an edit of their code does not run them again.
SYSTEMS_IN_SHELL = system_path(
    "{wildcards.space}", "{wildcards.seed}", "{wildcards.part}"
)


rule systems:
    input:
        images=rules.data.output.images,
        pool=baseline_pool,
        table=lambda wildcards: PLAN.tables(wildcards.space),
    output:
        found=ARTIFACTS.systems().table,
        timing=ARTIFACTS.systems().timing,
    log:
        ARTIFACTS.log("systems", system_path()),
    benchmark:
        ARTIFACTS.benchmark("systems", system_path())
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(480),
    params:
        config=lambda wildcards: PLAN.systems(
            wildcards.space, wildcards.seed, wildcards.part
        ),
        task="{space} systems seed {seed} part {part}",
    message:
        "Search systems in {wildcards.space}, seed {wildcards.seed}, part {wildcards.part}"
    shell:
        f"{START} systems"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q} --table {input.table:q}"
        ' --store "$STORE"'
        " --output {output.found:q} --timing {output.timing:q}"
        # Partial results are not outputs, because Snakemake deletes outputs when it restarts a job.
        f' --state "$STATE"/systems/{SYSTEMS_IN_SHELL}'
        ' --progress "$STATE"/progress/systems-{wildcards.space}-{wildcards.seed}-{wildcards.part}.json'
        f' --lock "$STATE"/locks/systems/{SYSTEMS_IN_SHELL}'
        f' "$LOCKS"/systems/{SYSTEMS_IN_SHELL}'
        " --task {params.task:q} --threads {threads}"
        " --checkpoint-seconds $CHECKPOINT_SECONDS $(limit {resources.runtime}) --device $DEVICE --log {log:q}"
