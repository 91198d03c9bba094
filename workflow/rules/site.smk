# The static site, and the study's part of the start page of `snakemake --report`. Neither belongs to `all`.
from supernet.site.sources import sources
from supernet.site.start import start_page

# A function: Snakemake calls it when it writes a report, and no other time.
config["start_page"] = lambda: start_page(STUDY, Path(RESULTS))


rule site:
    input:
        program=source("scripts/site.py"),
        modules=[source(path) for path in sources()],
        results=by_path([*MEASURED, *SEARCHED]),
        tables=rules.tables.input,
        figures=rules.figures.input,
        summaries=[f"{RESULTS}/runs/{run}/run.json" for run in PLAN.runs],
        timings=TIMINGS["costs"],
    output:
        f"{RESULTS}/site/index.html",
    log:
        f"{LOGS}/site.log",
    benchmark:
        f"{RESULTS}/benchmarks/site.tsv"
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
        study=str(PLAN.study_file),
        config=PLAN.paper(),
    message:
        "Static site of study {STUDY.study}"
    shell:
        "program site --study-file {params.study:q} --results {params.results:q}"
        " --output {params.folder:q} --log {log:q}"
