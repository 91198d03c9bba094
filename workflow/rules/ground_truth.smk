# The pool of each space and its stand-alone accuracies: published, or trained here.
rule pool:
    input:
        table=lambda wildcards: PLAN.tables(wildcards.space),
    output:
        pool=f"{RESULTS}/drawn/{{space}}.parquet",
    log:
        f"{LOGS}/pool/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pool/{{space}}.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        size=STUDY.pool.size,
        seed=STUDY.seed,
    message:
        "Drawing the pool of {wildcards.space}"
    shell:
        "program pool --space {wildcards.space:q} --size {params.size} --study-seed {params.seed}"
        " --table {input.table:q} --output {output.pool:q} --log {log:q}"


rule truth:
    input:
        images=rules.data.output.images,
        pool=rules.pool.output.pool,
    output:
        trainings=f"{RESULTS}/truth/{{space}}/shard{{shard}}.parquet",
        timing=f"{RESULTS}/truth/{{space}}/shard{{shard}}.timing.json",
    log:
        f"{LOGS}/truth/{{space}}/shard{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/truth/{{space}}/shard{{shard}}.tsv"
    # First: the longest trainings of ground truth would otherwise be left for one core at the end.
    priority: 1
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2500),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.truth(wildcards.space),
        seeds=STUDY.pool.seeds,
        repeated=STUDY.pool.repeated,
        shards=STUDY.pool.shards,
    message:
        "Ground truth of {wildcards.space}, share {wildcards.shard}: training architectures stand-alone"
    shell:
        "program truth --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --seeds {params.seeds} --repeated {params.repeated} --shard {wildcards.shard} --shards {params.shards}"
        " --output {output.trainings:q} --timing {output.timing:q}"
        ' --state "$STATE"/truth/{wildcards.space}/shard{wildcards.shard}'
        ' --progress "$STATE"/progress/truth-{wildcards.space}-{wildcards.shard}.json'
        " --threads {threads}"
        " --device $DEVICE --log {log:q}"


rule pool_truth:
    input:
        pool=rules.pool.output.pool,
        table=lambda wildcards: PLAN.tables(wildcards.space),
        trainings=lambda wildcards: (
            []
            if PLAN.tables(wildcards.space)
            else expand(
                rules.truth.output.trainings,
                space=wildcards.space,
                shard=range(STUDY.pool.shards),
            )
        ),
    output:
        pool=f"{RESULTS}/pools/{{space}}.parquet",
    log:
        f"{LOGS}/pool_truth/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pool_truth/{{space}}.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    message:
        "Putting the ground truth of {wildcards.space} together"
    shell:
        "program pool_truth --space {wildcards.space:q} --pool {input.pool:q}"
        " --table {input.table:q} --trainings {input.trainings:q}"
        " --output {output.pool:q} --log {log:q}"
