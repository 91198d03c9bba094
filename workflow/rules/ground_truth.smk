# The pool of each space and its stand-alone accuracies: published, or trained here.
rule pool:
    input:
        table=lambda wildcards: PLAN.tables(PLAN.pools[wildcards.pool].space),
        exclude=lambda wildcards: [
            f"{RESULTS}/drawn/{name}.parquet" for name in PLAN.others(wildcards.pool)
        ],
    output:
        pool=f"{RESULTS}/drawn/{{pool}}.parquet",
    log:
        f"{LOGS}/pool/{{pool}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pool/{{pool}}.tsv"
    priority: AT_ONCE
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        which=lambda wildcards: PLAN.pool_arguments(wildcards.pool),
    message:
        "Drawing the pool {wildcards.pool}"
    shell:
        "program pool {params.which} --exclude {input.exclude:q} --table {input.table:q}"
        " --output {output.pool:q} --log {log:q}"


rule truth:
    input:
        images=rules.data.output.images,
        pool=rules.pool.output.pool,
    output:
        trainings=f"{RESULTS}/truth/{{pool}}/shard{{shard}}.parquet",
        timing=f"{RESULTS}/truth/{{pool}}/shard{{shard}}.timing.json",
    log:
        f"{LOGS}/truth/{{pool}}/shard{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/truth/{{pool}}/shard{{shard}}.tsv"
    priority: FIRST
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2500),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.truth(PLAN.pools[wildcards.pool].space),
        trainings=lambda wildcards: PLAN.trainings(wildcards.pool),
        shards=STUDY.pool.shards,
    message:
        "Ground truth of {wildcards.pool}, share {wildcards.shard}: training architectures stand-alone"
    shell:
        "program truth --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " {params.trainings} --shard {wildcards.shard} --shards {params.shards}"
        " --output {output.trainings:q} --timing {output.timing:q}"
        ' --state "$STATE"/truth/{wildcards.pool}/shard{wildcards.shard}'
        ' --progress "$STATE"/progress/truth-{wildcards.pool}-{wildcards.shard}.json'
        ' --lock "$STATE"/locks/truth/{wildcards.pool}/shard{wildcards.shard}'
        " --threads {threads} $(limit {resources.runtime})"
        " --device $DEVICE --log {log:q}"


rule pool_truth:
    input:
        pool=rules.pool.output.pool,
        table=lambda wildcards: PLAN.tables(PLAN.pools[wildcards.pool].space),
        trainings=lambda wildcards: (
            []
            if PLAN.tables(PLAN.pools[wildcards.pool].space)
            else expand(
                rules.truth.output.trainings,
                pool=wildcards.pool,
                shard=range(STUDY.pool.shards),
            )
        ),
    output:
        pool=f"{RESULTS}/pools/{{pool}}.parquet",
    log:
        f"{LOGS}/pool_truth/{{pool}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pool_truth/{{pool}}.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        space=lambda wildcards: PLAN.pools[wildcards.pool].space,
    message:
        "Putting the ground truth of {wildcards.pool} together"
    shell:
        "program pool_truth --space {params.space:q} --pool {input.pool:q}"
        " --table {input.table:q} --trainings {input.trainings:q}"
        " --output {output.pool:q} --log {log:q}"
