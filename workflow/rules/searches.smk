# Search systems, each on a super-net of its own. Programs are not inputs here: an edit of their code never searches again by
# itself.
SYSTEM_PART = "{space}/seed{seed}/part{part}"


rule systems:
    input:
        images=rules.data.output.images,
        pool=lambda wildcards: rules.pool_truth.output.pool.format(
            pool=PLAN.pool(wildcards.space, "baseline", wildcards.seed)
        ),
        table=lambda wildcards: PLAN.tables(wildcards.space),
    output:
        found=f"{RESULTS}/systems/{SYSTEM_PART}.parquet",
        timing=f"{RESULTS}/systems/{SYSTEM_PART}.timing.json",
    log:
        f"{LOGS}/systems/{SYSTEM_PART}.log",
    benchmark:
        f"{RESULTS}/benchmarks/systems/{SYSTEM_PART}.tsv"
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
        "program systems --config {params.config:q} --data {input.images:q} --pool {input.pool:q} --table {input.table:q}"
        " --output {output.found:q} --timing {output.timing:q}"
        # What is done so far is not an output: Snakemake would delete it when the job starts again.
        ' --state "$STATE"/systems/{wildcards.space}/seed{wildcards.seed}/part{wildcards.part}'
        ' --progress "$STATE"/progress/systems-{wildcards.space}-{wildcards.seed}-{wildcards.part}.json'
        ' --lock "$STATE"/locks/systems/{wildcards.space}/seed{wildcards.seed}/part{wildcards.part}'
        " --task {params.task:q} --threads {threads}"
        " --checkpoint-seconds $CHECKPOINT_SECONDS $(limit {resources.runtime}) --device $DEVICE --log {log:q}"


SYSTEMS = [
    path.format(space=space, seed=seed, part=part)
    for path in (rules.systems.output.found, rules.systems.output.timing)
    for space in STUDY.spaces
    for seed in PLAN.seeds(space)
    for part in range(len(STUDY.systems(space)))
]
