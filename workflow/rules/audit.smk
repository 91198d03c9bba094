# Compares existing results with their records. There are no inputs, so that nothing is made first.
rule audit:
    log:
        ARTIFACTS.log("audit"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(30),
    params:
        folders=lambda wildcards: " ".join(
            f"--{key} {shlex.quote(str(value))}"
            for key, value in (
                ("study", PLAN.study_file),
                ("results", PLAN.config.results),
                ("resources", PLAN.resources),
                ("state", PLAN.config.state),
            )
        ),
    message:
        "Auditing the results of study {STUDY.study}"
    shell:
        # Stale (3) is reported; broken (1) is a failure.
        "program audit {params.folders} 2>&1 | tee {log:q} || [ $? -eq 3 ]"
