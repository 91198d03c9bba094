"""The study file and config.yaml as validated, immutable models. These modules do not import torch."""
