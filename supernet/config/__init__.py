"""The study file and config.yaml as validated, immutable models. Nothing in here imports torch."""
