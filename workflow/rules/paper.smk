# Tables and figures: one rule each, named `table_NAME` and `figure_NAME`. Each module of supernet/paper/tables and
# supernet/paper/figures declares the artifacts that it reads. That module and everything that it imports are inputs
# too, so that an edit remakes only the targets that depend on it.
from supernet.paper import inputs
from supernet.paper.catalogue import (
    figure_module,
    figure_names,
    on_request,
    table_module,
    table_names,
)

TABLES = {name: ARTIFACTS.table(name) for name in table_names(STUDY)}
FIGURES = {name: ARTIFACTS.figure(name) for name in figure_names(STUDY)}


for name, drawn in TABLES.items():

    rule:
        name:
            f"table_{name}"
        input:
            program=source("scripts/table.py"),
            published=source("docs/published.csv"),
            modules=modules_of(table_module(name)),
            results=inputs.artifacts(FILES, name, table_module(name)),
        output:
            [path for path in drawn.files if not path.endswith(".html")],
            page=shown(f"{drawn.stem}.html", name),
        log:
            ARTIFACTS.log("table", name),
        benchmark:
            ARTIFACTS.benchmark("table", name)
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
            config=lambda wildcards: PLAN.paper(),
        message:
            "Table {params.name}"
        shell:
            f"{START} table"
            ' {params.name:q} --study-file "$STUDY_FILE"'
            " --results {params.results:q} --published {input.published:q}"
            " --output-stem {params.stem:q} --log {log:q}"


for name, drawn in FIGURES.items():

    rule:
        name:
            f"figure_{name}"
        input:
            program=source("scripts/figure.py"),
            modules=modules_of(figure_module(name)),
            results=inputs.artifacts(FILES, name, figure_module(name)),
        output:
            [path for path in drawn.files if not path.endswith(".png")],
            image=shown(f"{drawn.stem}.png", name),
        log:
            ARTIFACTS.log("figure", name),
        benchmark:
            ARTIFACTS.benchmark("figure", name)
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
            config=lambda wildcards: PLAN.paper(),
        message:
            "Figure {params.name}"
        shell:
            f"{START} figure"
            ' {params.name:q} --study-file "$STUDY_FILE"'
            " --results {params.results:q} --output-stem {params.stem:q} --log {log:q}"


rule tables:
    input:
        [
            path
            for name, drawn in TABLES.items()
            for path in drawn.files
            if name not in on_request(STUDY)
        ],
    message:
        f"All tables of study {STUDY.study}"


rule figures:
    input:
        [
            path
            for name, drawn in FIGURES.items()
            for path in drawn.files
            if name not in on_request(STUDY)
        ],
    message:
        f"All figures of study {STUDY.study}"


if STUDY.searches is not None:

    rule searches:
        input:
            TABLES["search_systems"].files,
            FIGURES["search_systems"].files,
        message:
            f"Table and figure of the search systems of study {STUDY.study}"
