# Image data sets.
rule data:
    output:
        images=f"{RESOURCES}/data/{STUDY.data.name}.safetensors",
    log:
        f"{RESOURCES}/logs/data/{STUDY.data.name}.log",
    benchmark:
        f"{RESOURCES}/benchmarks/data/{STUDY.data.name}.tsv"
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        name=STUDY.data.name,
    message:
        "Writing the images of {params.name}"
    shell:
        "program data --name {params.name:q} --output {output.images:q} --log {log:q}"
