# The audit compares existing results with their records. The rule has no inputs, because it makes no results.
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
        folders=" ".join(
            f"--{key} {shlex.quote(str(value))}"
            for key, value in (
                ("study", PLAN.study_file),
                ("results", located(PLAN.config.results)),
                ("resources", located(PLAN.resources)),
                ("state", located(PLAN.config.state)),
            )
        ),
    message:
        f"Audit of the results of study {STUDY.study}"
    shell:
        # Fails if a result is not intact: see the exit codes in supernet/commands/audit.py.
        f"{START} audit" " {params.folders} 2>&1 | tee {log:q}"
