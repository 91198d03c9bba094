# Analyses of trained networks, for the spaces that the study selects. As for training, programs are not inputs: an edit
# of their code does not run them again.
rule landscape:
    input:
        images=rules.data.output.images,
        pool=first_pool,
        weights=lambda wildcards: first_runs(wildcards)[0].weights,
        summary=lambda wildcards: first_runs(wildcards)[0].summary,
    output:
        surfaces=ARTIFACTS.landscape().table,
        timing=ARTIFACTS.landscape().timing,
    log:
        ARTIFACTS.log("landscape", "{space}"),
    benchmark:
        ARTIFACTS.benchmark("landscape", "{space}")
    priority: SOON
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.landscape(wildcards.space),
        task="{space} loss landscape",
    message:
        "Loss landscapes of {wildcards.space}"
    shell:
        f"{START} landscape"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --weights {input.weights:q} --summary {input.summary:q}"
        " --output {output.surfaces:q} --timing {output.timing:q}"
        # Partial results are not outputs, because Snakemake deletes outputs when it restarts a job.
        ' --state "$STATE"/landscape/{wildcards.space}'
        ' --lock "$STATE"/locks/landscape/{wildcards.space}'
        ' "$LOCKS"/landscape/{wildcards.space}'
        ' --progress "$STATE"/progress/landscape-{wildcards.space}.json'
        " --task {params.task:q} --threads {threads}"
        " --checkpoint-seconds $CHECKPOINT_SECONDS --device $DEVICE --log {log:q}"


rule features:
    input:
        images=rules.data.output.images,
        pool=first_pool,
        landmarks=lambda wildcards: landmarks_of(wildcards.space, "baseline"),
        weights=lambda wildcards: [run.weights for run in first_runs(wildcards)],
        summaries=lambda wildcards: [run.summary for run in first_runs(wildcards)],
    output:
        statistics=ARTIFACTS.features().table,
        timing=ARTIFACTS.features().timing,
    log:
        ARTIFACTS.log("features", "{space}"),
    benchmark:
        ARTIFACTS.benchmark("features", "{space}")
    priority: EARLY
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.features(wildcards.space),
        task="{space} feature statistics",
    message:
        "Feature statistics of {wildcards.space}"
    shell:
        f"{START} features"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --landmarks {input.landmarks:q} --weights {input.weights:q} --summaries {input.summaries:q}"
        " --output {output.statistics:q} --timing {output.timing:q}"
        ' --lock "$STATE"/locks/features/{wildcards.space}'
        ' "$LOCKS"/features/{wildcards.space}'
        ' --progress "$STATE"/progress/features-{wildcards.space}.json'
        " --task {params.task:q} --threads {threads} --device $DEVICE --log {log:q}"


# Stand-alone networks of the super-net's size, with the swept values of two factors.
rule standalone:
    input:
        images=rules.data.output.images,
        pool=lambda wildcards: ARTIFACTS.drawn_pool(
            str(STUDY.main_pool(wildcards.space))
        ),
    output:
        trainings=ARTIFACTS.standalone().table,
        timing=ARTIFACTS.standalone().timing,
    log:
        ARTIFACTS.log("standalone", "{space}"),
    benchmark:
        ARTIFACTS.benchmark("standalone", "{space}")
    priority: SOON
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2500),
        runtime=minutes(240),
    params:
        config=lambda wildcards: PLAN.standalone(wildcards.space),
        task="{space} stand-alone networks",
    message:
        "Stand-alone networks of {wildcards.space} with the swept values"
    shell:
        f"{START} standalone"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --output {output.trainings:q} --timing {output.timing:q}"
        ' --state "$STATE"/standalone/{wildcards.space}'
        ' --lock "$STATE"/locks/standalone/{wildcards.space}'
        ' "$LOCKS"/standalone/{wildcards.space}'
        ' --progress "$STATE"/progress/standalone-{wildcards.space}.json'
        " --task {params.task:q} --threads {threads} $(limit {resources.runtime})"
        " --device $DEVICE --log {log:q}"
