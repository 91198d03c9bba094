# Zero-cost proxies: scores of the networks of a pool before training.
rule proxies:
    input:
        images=rules.data.output.images,
        pool=rules.pool.output.pool,
    output:
        proxies=ARTIFACTS.proxies().table,
        timing=ARTIFACTS.proxies().timing,
    log:
        ARTIFACTS.log("proxies", "{pool}"),
    benchmark:
        ARTIFACTS.benchmark("proxies", "{pool}")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(120),
    params:
        config=lambda wildcards: PLAN.proxies(PLAN.pools[wildcards.pool].space),
    message:
        "Zero-cost proxies of the pool {wildcards.pool}"
    shell:
        f"{START} proxies"
        " --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --output {output.proxies:q} --timing {output.timing:q}"
        ' --progress "$STATE"/progress/proxies-{wildcards.pool}.json'
        ' --lock "$STATE"/locks/proxies/{wildcards.pool}'
        ' "$LOCKS"/proxies/{wildcards.pool}'
        " --threads {threads} --device $DEVICE --log {log:q}"
