# The static site, and the study's sections of the first page of `snakemake --report`. Neither is part of `all`.
from supernet.audit.expected import recorded_root_digest
from supernet.site.sources import MODULE, assets
from supernet.site.start import start_page

# A function, so that it runs only when Snakemake writes a report. Not for a module: the config may be that of a workflow
# whose scripts get it, pickled, and there the report is about more than this study.
if workflow.modifier.is_main_snakefile():
    config["start_page"] = lambda: start_page(
        STUDY, Path(PLAN.results), recorded_root_digest(PLAN)
    )


rule site:
    input:
        program=source("scripts/site.py"),
        modules=modules_of(MODULE),
        assets=[source(path) for path in assets()],
        results=inputs.artifacts(FILES, "site", MODULE),
        tables=rules.tables.input,
        figures=rules.figures.input,
        summaries=FILES.summaries,
    output:
        ARTIFACTS.site,
    log:
        ARTIFACTS.log("site"),
    benchmark:
        ARTIFACTS.benchmark("site")
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        results=lambda wildcards, output: str(Path(output[0]).parents[1]),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        config=lambda wildcards: PLAN.paper(),
    message:
        f"Static site of study {STUDY.study}"
    shell:
        f"{START} site"
        ' --study-file "$STUDY_FILE" --results {params.results:q}'
        " --output {params.folder:q} --log {log:q}"
