# The pool of each space and its stand-alone accuracies, from a published table or trained here.
rule pool:
    input:
        table=lambda wildcards: PLAN.tables(PLAN.pools[wildcards.pool].space),
        exclude=lambda wildcards: [
            ARTIFACTS.drawn_pool(name) for name in PLAN.others(wildcards.pool)
        ],
    output:
        pool=ARTIFACTS.drawn_pool(),
    log:
        ARTIFACTS.log("pool", "{pool}"),
    benchmark:
        ARTIFACTS.benchmark("pool", "{pool}")
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
        "Pool {wildcards.pool}: drawing architectures"
    shell:
        f"{START} pool"
        " {params.which} --exclude {input.exclude:q} --table {input.table:q}"
        " --output {output.pool:q} --log {log:q}"


TRUTH_IN_SHELL = truth_path("{wildcards.pool}", "{wildcards.shard}")


# The store of finished trainings is neither an input nor an output: its files depend on what other studies have trained,
# Snakemake would delete or remake them with a job of one study, and a part that another study adds must not make this
# job run again. Its folder is not in `params` either: results in a moved folder must not be made again.
rule truth:
    input:
        images=rules.data.output.images,
        pool=rules.pool.output.pool,
    output:
        trainings=ARTIFACTS.truth().table,
        timing=ARTIFACTS.truth().timing,
    log:
        ARTIFACTS.log("truth", truth_path()),
    benchmark:
        ARTIFACTS.benchmark("truth", truth_path())
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
        "Ground truth of {wildcards.pool}, shard {wildcards.shard}: stand-alone training"
    shell:
        f"{START} truth"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " {params.trainings} --shard {wildcards.shard} --shards {params.shards}"
        " --output {output.trainings:q} --timing {output.timing:q}"
        f' --state "$STATE"/truth/{TRUTH_IN_SHELL}'
        ' --store "$STORE"'
        ' --progress "$STATE"/progress/truth-{wildcards.pool}-{wildcards.shard}.json'
        f' --lock "$STATE"/locks/truth/{TRUTH_IN_SHELL}'
        f' "$LOCKS"/truth/{TRUTH_IN_SHELL}'
        " --threads {threads} $(limit {resources.runtime})"
        " --device $DEVICE --log {log:q}"


rule pool_truth:
    input:
        pool=rules.pool.output.pool,
        table=lambda wildcards: PLAN.tables(PLAN.pools[wildcards.pool].space),
        trainings=lambda wildcards: [
            ARTIFACTS.truth(pool, shard).table
            for pool, shard in PLAN.truth_shards
            if pool == wildcards.pool
        ],
    output:
        pool=ARTIFACTS.pool(),
    log:
        ARTIFACTS.log("pool_truth", "{pool}"),
    benchmark:
        ARTIFACTS.benchmark("pool_truth", "{pool}")
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
        "Ground truth of {wildcards.pool}: joining it with the pool"
    shell:
        f"{START} pool_truth"
        " --space {params.space:q} --pool {input.pool:q}"
        " --table {input.table:q} --trainings {input.trainings:q}"
        " --output {output.pool:q} --log {log:q}"
