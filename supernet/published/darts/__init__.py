"""DARTS architectures trained by OnceNAS-Bench, NAS-Benchmark, SWAP and NDS."""
