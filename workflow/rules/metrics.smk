# Metrics of all runs, from scores and ground truth.
rule metrics:
    input:
        images=ARTIFACTS.images(STUDY.data.name),
        pools=FILES.all_pools,
        tables=FILES.published,
        further=PLAN.further_tables(),
        proxies=FILES.proxies,
        standalone=FILES.standalone,
        scores=FILES.scores,
        summaries=FILES.summaries,
    output:
        metrics=ARTIFACTS.metrics,
        references=ARTIFACTS.references,
        spaces=ARTIFACTS.spaces,
    log:
        ARTIFACTS.log("metrics"),
    benchmark:
        ARTIFACTS.benchmark("metrics")
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        config=lambda wildcards: PLAN.metrics(),
        results=lambda wildcards, output: str(Path(output.metrics).parent),
    message:
        f"Metrics of all runs of study {STUDY.study}"
    shell:
        # One process per thread: threads of the linear algebra library would compete for the same cores.
        "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1; "
        f"{START} metrics"
        ' --study-file "$STUDY_FILE" --results {params.results:q}'
        " --tables {input.tables:q} --further {input.further:q} --proxies {input.proxies:q} --standalone {input.standalone:q} --data {input.images:q} --metrics {output.metrics:q} --references {output.references:q}"
        " --spaces {output.spaces:q} --threads {threads} --log {log:q}"


# The effect of each setting against the baseline, on the architectures that both have scored.
rule effects:
    input:
        pools=FILES.all_pools,
        scores=FILES.scores,
        summaries=FILES.summaries,
        spaces=ARTIFACTS.spaces,
    output:
        effects=ARTIFACTS.effects,
        halves=ARTIFACTS.halves,
        contrasts=FILES.contrasts,
    log:
        ARTIFACTS.log("effects"),
    benchmark:
        ARTIFACTS.benchmark("effects")
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        config=lambda wildcards: PLAN.metrics(),
        results=lambda wildcards, output: str(Path(output.effects).parent),
    message:
        f"Effects of all settings of study {STUDY.study}"
    shell:
        f"{START} effects"
        ' --study-file "$STUDY_FILE" --results {params.results:q}'
        " --output {output.effects:q} --halves {output.halves:q} --contrasts {output.contrasts:q} --log {log:q}"
