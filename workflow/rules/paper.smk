# Tables and figures: one rule each, named `table_NAME` and `figure_NAME`. Their programs and modules are inputs, so an
# edit of one draws that one again.
from supernet.paper.catalogue import (
    figure_names,
    figure_sources,
    on_request,
    table_names,
    table_sources,
)
from supernet.paper.costs import table_runs

MEASURED = [
    rules.metrics.output.metrics,
    rules.metrics.output.references,
    rules.metrics.output.spaces,
]
SEARCHED = [
    path.format(space=space, seed=seed)
    for path in (rules.search.output.found, rules.search.output.cost)
    for space in STUDY.spaces
    for seed in PLAN.seeds(space)
]
POOLS = expand(
    rules.pool_truth.output.pool,
    pool=[
        PLAN.pool(space, "baseline", seed)
        for space in STUDY.spaces
        for seed in PLAN.seeds(space)
    ],
)
SEARCHES_IN_ALL = STUDY.searches is not None and STUDY.searches.in_all
BASELINE_SCORES = [
    f"{RESULTS}/runs/{space}/baseline/seed{seed}/scores.parquet"
    for space in STUDY.spaces
    for seed in PLAN.seeds(space)
]
TABLE_INPUTS = {
    "best_settings": MEASURED + [rules.effects.output.effects],
    "correlations": MEASURED,
    "costs": [rules.metrics.output.metrics],
    "factors": [],
    "spaces": MEASURED + SEARCHED,
    "verdicts": MEASURED
    + SEARCHED
    + FEATURES
    + [rules.effects.output.effects]
    + (SYSTEMS if SEARCHES_IN_ALL else []),
    "search": MEASURED + SEARCHED,
    "search_systems": POOLS + SYSTEMS,
}
FIGURE_INPUTS = {
    "batch_norm": MEASURED + FEATURES,
    "effects": MEASURED + [rules.effects.output.effects],
    "landscape": [rules.metrics.output.metrics, *LANDSCAPES],
    "paradigms": [],
    "kdt_vs_skdt": MEASURED + POOLS + BASELINE_SCORES,
    "search": MEASURED + POOLS + SEARCHED,
    "search_systems": POOLS + SYSTEMS,
}
# How long the jobs of a table took stands below it.
TIMINGS = {
    name: expand(
        rules.train.output.timing.replace(RUN, "{run}"), run=table_runs(STUDY, name)
    )
    for name in table_names(STUDY)
}
TRUTH_TIMINGS = expand(
    rules.truth.output.timing,
    pool=[name for name, pool in PLAN.pools.items() if not PLAN.tables(pool.space)],
    shard=range(STUDY.pool.shards),
)
SEARCH_TIMINGS = [
    rules.search.output.timing.format(space=space, seed=seed)
    for space in STUDY.spaces
    for seed in PLAN.seeds(space)
]
TIMINGS["spaces"] += TRUTH_TIMINGS
TIMINGS["search"] += SEARCH_TIMINGS
TIMINGS["costs"] += [
    *TRUTH_TIMINGS,
    *PROXY_TIMINGS,
    *SEARCH_TIMINGS,
    *(SYSTEMS if SEARCHES_IN_ALL else []),
    *ANALYSIS_TIMINGS,
]
TABLES = {name: f"{RESULTS}/tables/{name}" for name in table_names(STUDY)}
FIGURES = {name: f"{RESULTS}/figures/{name}" for name in figure_names(STUDY)}


for name, stem in TABLES.items():

    rule:
        name:
            f"table_{name}"
        input:
            program=source("scripts/table.py"),
            published=source("docs/published.csv"),
            modules=[source(path) for path in table_sources(name)],
            results=by_path(TABLE_INPUTS.get(name, MEASURED)),
            timings=TIMINGS[name],
        output:
            multiext(stem, ".csv", ".md", ".tex"),
            page=shown(f"{stem}.html", name),
        log:
            f"{LOGS}/table/{name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/table/{name}.tsv"
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(1000),
            runtime=minutes(10),
        params:
            name=name,
            stem=lambda wildcards, output: str(Path(output[0]).with_suffix("")),
            results=lambda wildcards, output: str(Path(output[0]).parents[1]),
            study=str(PLAN.study_file),
            config=PLAN.paper(),
        message:
            "Table {params.name}"
        shell:
            "program table {params.name:q} --study-file {params.study:q}"
            " --results {params.results:q} --published {input.published:q}"
            " --output-stem {params.stem:q} --log {log:q}"


for name, stem in FIGURES.items():

    rule:
        name:
            f"figure_{name}"
        input:
            program=source("scripts/figure.py"),
            modules=[source(path) for path in figure_sources(name)],
            results=by_path(FIGURE_INPUTS.get(name, MEASURED)),
        output:
            multiext(stem, ".pdf", ".csv", ".md"),
            image=shown(f"{stem}.png", name),
        log:
            f"{LOGS}/figure/{name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figure/{name}.tsv"
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=megabytes(1000),
            runtime=minutes(10),
        params:
            name=name,
            stem=lambda wildcards, output: str(Path(output[0]).with_suffix("")),
            results=lambda wildcards, output: str(Path(output[0]).parents[1]),
            study=str(PLAN.study_file),
            config=PLAN.paper(),
        message:
            "Figure {params.name}"
        shell:
            "program figure {params.name:q} --study-file {params.study:q}"
            " --results {params.results:q} --output-stem {params.stem:q} --log {log:q}"


rule tables:
    input:
        [
            f"{stem}{suffix}"
            for name, stem in TABLES.items()
            for suffix in (".csv", ".md", ".tex", ".html")
            if name not in on_request(STUDY)
        ],
    message:
        "All tables of study {STUDY.study}"


rule figures:
    input:
        [
            f"{stem}{suffix}"
            for name, stem in FIGURES.items()
            for suffix in (".pdf", ".png", ".csv", ".md")
            if name not in on_request(STUDY)
        ],
    message:
        "All figures of study {STUDY.study}"


if STUDY.searches is not None:

    rule searches:
        input:
            multiext(TABLES["search_systems"], ".csv", ".md", ".tex", ".html"),
            multiext(FIGURES["search_systems"], ".pdf", ".png", ".csv", ".md"),
        message:
            "Table and figure of the search systems of study {STUDY.study}"
