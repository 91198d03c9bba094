# Zero-cost proxies: scores of the pool's networks before any training.
rule proxies:
    input:
        images=rules.data.output.images,
        pool=rules.pool.output.pool,
    output:
        proxies=f"{RESULTS}/proxies/{{pool}}.parquet",
        timing=f"{RESULTS}/proxies/{{pool}}.timing.json",
    log:
        f"{LOGS}/proxies/{{pool}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/proxies/{{pool}}.tsv"
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
        "program proxies --config {params.config:q} --data {input.images:q} --pool {input.pool:q}"
        " --output {output.proxies:q} --timing {output.timing:q}"
        ' --progress "$STATE"/progress/proxies-{wildcards.pool}.json'
        ' --lock "$STATE"/locks/proxies/{wildcards.pool}'
        " --threads {threads} --device $DEVICE --log {log:q}"


# None where the study names none: then there is no job.
PROXIED = [str(pool) for pool in STUDY.pools()] if STUDY.proxies.names else []
PROXIES = expand(rules.proxies.output.proxies, pool=PROXIED)
PROXY_TIMINGS = expand(rules.proxies.output.timing, pool=PROXIED)
