# Training of super-nets, scoring with shared weights, search on them. Programs are not inputs here: an edit of training
# code never trains again by itself.
rule train:
    input:
        images=rules.data.output.images,
        pool=scored_pool(rules.pool.output.pool),
        landmarks=landmarks,
    output:
        curve=f"{RESULTS}/runs/{RUN}/curve.parquet",
        weights=f"{RESULTS}/runs/{RUN}/weights.safetensors",
        scores=f"{RESULTS}/runs/{RUN}/scores.parquet",
        summary=f"{RESULTS}/runs/{RUN}/run.json",
        timing=f"{RESULTS}/runs/{RUN}/timing.json",
    log:
        f"{LOGS}/train/{RUN}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{RUN}.tsv"
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
        "Super-net of {wildcards.space}, {wildcards.setting}, seed {wildcards.seed}: training and scoring"
    shell:
        "program train --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --landmarks {input.landmarks:q}"
        " --curve {output.curve:q} --weights {output.weights:q} --scores {output.scores:q}"
        " --summary {output.summary:q} --timing {output.timing:q}"
        # The checkpoint is not an output: Snakemake would delete it when the job starts again.
        ' --state "$STATE"/runs/{wildcards.space}/{wildcards.setting:q}/seed{wildcards.seed}'
        ' --progress "$STATE"/progress/{wildcards.space}-{wildcards.setting:q}-{wildcards.seed}.json'
        " --task {params.task:q} --threads {threads}"
        ' --lock "$STATE"/locks/runs/{wildcards.space}/{wildcards.setting:q}/seed{wildcards.seed}'
        " --checkpoint-seconds $CHECKPOINT_SECONDS $(limit {resources.runtime}) --device $DEVICE --log {log:q}"


# On request only: the scores of a finished run once more, from its weights.
rule score:
    input:
        images=rules.data.output.images,
        pool=scored_pool(rules.pool.output.pool),
        weights=rules.train.output.weights,
    output:
        scores=f"{RESULTS}/rescored/{RUN}/scores.parquet",
    log:
        f"{LOGS}/score/{RUN}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score/{RUN}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(120),
    params:
        config=lambda wildcards: PLAN.run(
            wildcards.space, wildcards.setting, wildcards.seed
        ),
        task="{space} {setting} seed {seed} again",
    message:
        "Scoring the pool of {wildcards.space} again with {wildcards.setting}, seed {wildcards.seed}"
    shell:
        "program score --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --weights {input.weights:q} --scores {output.scores:q}"
        ' --progress "$STATE"/progress/score-{wildcards.space}-{wildcards.setting:q}-{wildcards.seed}.json'
        ' --lock "$STATE"/locks/score/{wildcards.space}/{wildcards.setting:q}/seed{wildcards.seed}'
        " --task {params.task:q} --threads {threads} --device $DEVICE --log {log:q}"


rule search:
    input:
        images=rules.data.output.images,
        pool=lambda wildcards: rules.pool_truth.output.pool.format(
            pool=PLAN.pool(wildcards.space, "baseline", wildcards.seed)
        ),
        table=lambda wildcards: PLAN.tables(wildcards.space),
        weights=f"{RESULTS}/runs/{{space}}/baseline/seed{{seed}}/weights.safetensors",
        summary=f"{RESULTS}/runs/{{space}}/baseline/seed{{seed}}/run.json",
    output:
        found=f"{RESULTS}/search/{{space}}/seed{{seed}}.parquet",
        cost=f"{RESULTS}/search/{{space}}/seed{{seed}}.json",
        timing=f"{RESULTS}/search/{{space}}/seed{{seed}}.timing.json",
    log:
        f"{LOGS}/search/{{space}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/search/{{space}}/seed{{seed}}.tsv"
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
        "program search --config {params.config:q} --data {input.images:q} --pool {input.pool:q} --table {input.table:q}"
        " --weights {input.weights:q} --summary {input.summary:q} --output {output.found:q} --cost {output.cost:q}"
        " --timing {output.timing:q}"
        ' --progress "$STATE"/progress/search-{wildcards.space}-{wildcards.seed}.json'
        ' --lock "$STATE"/locks/search/{wildcards.space}/seed{wildcards.seed}'
        " --task {params.task:q} --threads {threads}"
        " --device $DEVICE --log {log:q}"
