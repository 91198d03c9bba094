# From scores and ground truth to numbers.
rule metrics:
    input:
        images=ARTIFACTS.images(STUDY.data.name),
        pools=FILES.all_pools,
        tables=FILES.published,
        proxies=FILES.proxies,
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
        config=PLAN.metrics(),
        study=str(PLAN.study_file),
        results=lambda wildcards, output: str(Path(output.metrics).parent),
    message:
        "Measuring all runs of study {STUDY.study}"
    shell:
        # A process a thread: threads of the linear algebra library would only wait for one another.
        "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 "
        "program metrics --study-file {params.study:q} --results {params.results:q}"
        " --tables {input.tables:q} --proxies {input.proxies:q} --data {input.images:q} --metrics {output.metrics:q} --references {output.references:q}"
        " --spaces {output.spaces:q} --threads {threads} --log {log:q}"


# What each setting changes against the baseline, whose architectures it shares.
rule effects:
    input:
        pools=FILES.all_pools,
        scores=FILES.scores,
        summaries=FILES.summaries,
        spaces=ARTIFACTS.spaces,
    output:
        effects=ARTIFACTS.effects,
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
        config=PLAN.metrics(),
        study=str(PLAN.study_file),
        results=lambda wildcards, output: str(Path(output.effects).parent),
    message:
        "Effects of all settings of study {STUDY.study}"
    shell:
        "program effects --study-file {params.study:q} --results {params.results:q}"
        " --output {output.effects:q} --log {log:q}"
