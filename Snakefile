# Which heuristics make a super-net rank architectures as stand-alone training does?
#
#   snakemake --cores 2                         the default study, `mini`
#   snakemake --cores 2 --config study=NAME     workflow/studies/NAME.yaml
#   snakemake --cores 2 figure_learning_rate    one figure and what it needs
#   snakemake --profile slurm all               on a cluster
from snakemake.utils import min_version

min_version("9.25")


include: "workflow/rules/checkout.smk"
include: "workflow/rules/config.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/ground_truth.smk"
include: "workflow/rules/proxies.smk"
include: "workflow/rules/supernets.smk"
include: "workflow/rules/searches.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/site.smk"
include: "workflow/rules/audit.smk"


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
    message:
        f"All tables and figures of study {STUDY.study}"
