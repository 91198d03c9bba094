"""The step benchmark: its plain networks compute what ours do, and it runs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.plain import strip
from benchmarks.step import OFF_TARGET, VARIANTS
from supernet import spaces
from supernet.baselines import BASELINES, SWEEPS

ROOT = Path(__file__).resolve().parent.parent
# Heuristics that change what one step computes; the others change how many there are, or how large.
IN_A_STEP = ("batch_norm", "dynamic_channels", "ofa_kernel", "wsbn", "dropout", "op_placement")


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_plain_network_computes_the_same_bits(name: str) -> None:
    space = spaces.load(name)
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(space.build_supernet(8, 3, batch_norm=str(BASELINES[name]["batch_norm"])))
    ours, plain = networks[0], strip(networks[1])
    images, labels = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1)), torch.arange(6)
    for arch in space.sample(np.random.default_rng(2), count=8):
        gradients = []
        for network in (ours, plain):
            network.train().zero_grad()
            F.cross_entropy(network(images, arch), labels).backward()
            gradients.append({key: value.grad for key, value in network.named_parameters() if value.grad is not None})
        assert len(gradients[0]) > 3 and gradients[0].keys() == gradients[1].keys()
        for key, gradient in gradients[0].items():
            assert torch.equal(gradient, gradients[1][key]), key


def test_a_network_that_tracks_cannot_be_stripped() -> None:
    with pytest.raises(ValueError, match="does not track"):
        strip(spaces.load("nasbench201").build_supernet(4, 1))


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_heuristic_of_a_step_is_measured(name: str) -> None:
    measured = {variant.partition("=")[0] for variant in VARIANTS[name]}
    assert measured == {factor for factor in IN_A_STEP if factor in SWEEPS[name]}


def test_it_prints_finite_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.step", "--quick"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not re.search(r"\b(nan|inf)\b", printed)
    for name, variants in VARIANTS.items():
        (speed,) = re.findall(
            rf"^{name} C4 .* ([\d.]+) steps/s +(\d+) images/s +([\d.]+)% of peak$", printed, re.MULTILINE
        )
        assert all(float(number) > 0 for number in speed)
        (ratio, verdict) = re.findall(rf"^heuristics off, {name} +([\d.]+) of a plain .*: (met|short)$", printed, re.M)[
            0
        ]
        assert (float(ratio) <= OFF_TARGET) == (verdict == "met")
        for variant in variants:
            assert re.search(rf"^  {re.escape(variant)} +\d+\.\d\d$", printed, re.MULTILINE), variant
    assert len(re.findall(r"architectures/min", printed)) == len(VARIANTS)
    assert len(re.findall(r"^  path_sampling=fairnas, \d passes +\d", printed, re.MULTILINE)) == len(VARIANTS)
