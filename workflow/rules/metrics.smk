# From scores and ground truth to numbers.
rule metrics:
    input:
        images=by_path([rules.data.output.images]),
        pools=expand(rules.pool_truth.output.pool, pool=map(str, STUDY.pools())),
        tables=[path for space in STUDY.spaces for path in PLAN.tables(space)],
        proxies=PROXIES,
        scores=[f"{RESULTS}/runs/{run}/scores.parquet" for run in PLAN.runs],
        summaries=[f"{RESULTS}/runs/{run}/run.json" for run in PLAN.runs],
    output:
        metrics=f"{RESULTS}/metrics.parquet",
        references=f"{RESULTS}/references.parquet",
        spaces=f"{RESULTS}/spaces.json",
    log:
        f"{LOGS}/metrics.log",
    benchmark:
        f"{RESULTS}/benchmarks/metrics.tsv"
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
        pools=rules.metrics.input.pools,
        scores=rules.metrics.input.scores,
        summaries=rules.metrics.input.summaries,
        spaces=by_path([rules.metrics.output.spaces]),
    output:
        effects=f"{RESULTS}/effects.parquet",
    log:
        f"{LOGS}/effects.log",
    benchmark:
        f"{RESULTS}/benchmarks/effects.tsv"
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
