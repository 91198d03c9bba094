# Training of super-nets, scoring with shared weights, and random search on them. Programs are not inputs: an edit of
# training code does not train again. Nor is the store, which has all finished super-nets: see ground_truth.smk.
RUN_IN_SHELL = run_path(
    "{wildcards.space}", "{wildcards.setting:q}", "{wildcards.seed}"
)
SEARCH_IN_SHELL = search_path("{wildcards.space}", "{wildcards.seed}")


rule train:
    input:
        images=rules.data.output.images,
        landmarks=landmarks,
    output:
        curve=ARTIFACTS.run().curve,
        weights=ARTIFACTS.run().weights,
        summary=ARTIFACTS.run().summary,
        timing=ARTIFACTS.run().timing,
    log:
        ARTIFACTS.log("train", run_path()),
    benchmark:
        ARTIFACTS.benchmark("train", run_path())
    priority: lambda wildcards: SOON if wildcards.setting == "baseline" else EARLY
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.run(
            wildcards.space, wildcards.setting, wildcards.seed
        ),
        task="{space} {setting} seed {seed}",
    message:
        "Super-net of {wildcards.space}, {wildcards.setting}, seed {wildcards.seed}: training"
    shell:
        f"{START} train"
        " --config {params.config:q} --data {input.images:q} --landmarks {input.landmarks:q}"
        " --curve {output.curve:q} --weights {output.weights:q}"
        " --summary {output.summary:q} --timing {output.timing:q}"
        # The checkpoint is not an output, because Snakemake deletes outputs when it restarts a job.
        f' --state "$STATE"/runs/{RUN_IN_SHELL}'
        ' --progress "$STATE"/progress/{wildcards.space}-{wildcards.setting:q}-{wildcards.seed}.json'
        f' {AHEAD} --store "$STORE"'
        " --task {params.task:q} --threads {threads}"
        f' --lock "$STATE"/locks/runs/{RUN_IN_SHELL}'
        f' "$LOCKS"/runs/{RUN_IN_SHELL}'
        " --checkpoint-seconds $CHECKPOINT_SECONDS $(limit {resources.runtime}) --device $DEVICE --log {log:q}"


rule score:
    input:
        images=rules.data.output.images,
        pool=scored_pool,
        weights=rules.train.output.weights,
        summary=rules.train.output.summary,
    output:
        scores=ARTIFACTS.run().scores,
        timing=ARTIFACTS.run().scores_timing,
    log:
        ARTIFACTS.log("score", run_path()),
    benchmark:
        ARTIFACTS.benchmark("score", run_path())
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(120),
    params:
        config=lambda wildcards: PLAN.scoring(
            wildcards.space, wildcards.setting, wildcards.seed
        ),
        task="{space} {setting} seed {seed}",
    message:
        "Scores of {wildcards.space}, {wildcards.setting}, seed {wildcards.seed}"
    shell:
        f"{START} score"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --weights {input.weights:q} --summary {input.summary:q}"
        ' --store "$STORE"'
        " --scores {output.scores:q} --timing {output.timing:q}"
        ' --progress "$STATE"/progress/score-{wildcards.space}-{wildcards.setting:q}-{wildcards.seed}.json'
        f' --lock "$STATE"/locks/score/{RUN_IN_SHELL}'
        f' "$LOCKS"/score/{RUN_IN_SHELL}'
        " --task {params.task:q} --threads {threads} --device $DEVICE --log {log:q}"


rule search:
    input:
        images=rules.data.output.images,
        pool=baseline_pool,
        table=lambda wildcards: PLAN.tables(wildcards.space),
        weights=ARTIFACTS.run(setting="baseline").weights,
        summary=ARTIFACTS.run(setting="baseline").summary,
    output:
        found=ARTIFACTS.search().table,
        cost=ARTIFACTS.search().cost,
        timing=ARTIFACTS.search().timing,
    log:
        ARTIFACTS.log("search", search_path()),
    benchmark:
        ARTIFACTS.benchmark("search", search_path())
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(120),
    params:
        config=lambda wildcards: PLAN.search(wildcards.space, wildcards.seed),
        task="{space} search seed {seed}",
    message:
        "Random search in {wildcards.space} on the baseline super-net of seed {wildcards.seed}"
    shell:
        f"{START} search"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q} --table {input.table:q}"
        " --weights {input.weights:q} --summary {input.summary:q} --output {output.found:q} --cost {output.cost:q}"
        ' --store "$STORE"'
        " --timing {output.timing:q}"
        ' --progress "$STATE"/progress/search-{wildcards.space}-{wildcards.seed}.json'
        f' --lock "$STATE"/locks/search/{SEARCH_IN_SHELL}'
        f' "$LOCKS"/search/{SEARCH_IN_SHELL}'
        " --task {params.task:q} --threads {threads}"
        " --device $DEVICE --log {log:q}"
