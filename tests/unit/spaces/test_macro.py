"""Chains of NAS-Bench-Macro: encoding, equal functions, networks, and all parameters and multiply-adds."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from mirror import mirror
from tiny import SIZES, random_images, randomised, standalone, supernet

from supernet.config.baselines import BASELINES
from supernet.config.factors import Setting, SpaceContext
from supernet.errors import UserError
from supernet.metrics.own_scores.columns import read_columns
from supernet.metrics.own_scores.forms import locate
from supernet.metrics.replicates import replicates
from supernet.metrics.subsets import subsets
from supernet.paper.claims.factors import baseline_values
from supernet.spaces import load
from supernet.spaces.macro.encoding import Chain

__all__ = ["mirror"]

SPACE = load("macro")
TEXTS = ["".join(digits) for digits in itertools.product("012", repeat=8)]


def test_digits_are_operations_in_order() -> None:
    chain = SPACE.parse("02012100")
    assert chain.operations[:4] == ("identity", "mb6_k5", "identity", "mb3_k3")
    assert SPACE.format(chain) == SPACE.arch_id(chain) == "02012100"
    assert SPACE.parse(chain.operations) == SPACE.parse(list(chain.operations)) == chain
    assert SPACE.size == len(TEXTS) == 6_561


@pytest.mark.parametrize("source", ["", "0201210", "020121000", "02012103", " 2012100", ["identity"], 2012100, None])
def test_what_is_not_a_chain_is_refused(source: object) -> None:
    with pytest.raises(UserError, match="macro: found"):
        SPACE.parse(source)
    with pytest.raises(UserError, match="found operation 'none'; expected one of identity, mb3_k3, mb6_k5"):
        Chain(("none",) * 8)


def test_equal_functions_are_chains_whose_identities_move_within_a_stage() -> None:
    """3 operations of the first layer, times the sequences of blocks of one or two others: 9, 21 and 21 per stage."""
    found = Counter(SPACE.function_of(SPACE.parse(text)) for text in TEXTS)
    assert len(found) == (3 * 3) * (3 * 7) * (3 * 7) == 3_969
    # One block and one identity after the first layer, in both stages of three layers.
    assert max(found.values()) == 4
    for text, function in {"00102012": "00120012", "00012001": "00012010", "10201000": "10210000"}.items():
        assert SPACE.function_of(SPACE.parse(text)) == function
        assert SPACE.function_of(SPACE.parse(function)) == function


@pytest.mark.parametrize(("text", "other"), [("12102201", "12120210"), ("00012010", "00012001")])
def test_equal_functions_have_equal_networks_but_other_paths(text: str, other: str) -> None:
    """The weights of one stand-alone network in the order of the other; shared weights of both paths differ."""
    one, two = SPACE.parse(text), SPACE.parse(other)
    assert SPACE.function_of(one) == SPACE.function_of(two) and SPACE.arch_id(one) != SPACE.arch_id(two)
    torch.manual_seed(0)
    first, second = (standalone(SPACE, arch).eval() for arch in (one, two))
    randomised(first)
    names = zip(second.state_dict(), first.state_dict().values(), strict=True)
    second.load_state_dict(dict(names))
    images = random_images(3)
    shared = supernet(SPACE).eval()
    with torch.no_grad():
        assert torch.equal(first(images, one), second(images, two))
        assert not torch.allclose(shared(images, one), shared(images, two))


def test_subsets_and_pairs_of_equal_functions() -> None:
    """One chain is degenerate. Equal functions share a training of the benchmark, so that they are no replicates."""
    truth = np.linspace(0.5, 0.9, len(TEXTS))
    found = subsets(SPACE, TEXTS, truth)
    assert found["unique"].sum() == 3_969
    assert [text for text, regular in zip(TEXTS, found["regular"], strict=True) if not regular] == ["00000000"]
    assert replicates(SPACE, TEXTS, truth).shape == (0, 2)


def test_the_benchmarks_network() -> None:
    """Resolutions 32, 16, 8, 4 and channels 32, 64, 128, 256, 1 280, as the benchmark's figure of the network shows."""
    network, seen = SPACE.build_supernet(), []
    for layer in (network.stem, *network.layers, network.tail):
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:3])))
    with torch.no_grad():
        network(torch.zeros(2, 3, 32, 32), SPACE.parse("12012100"))
    assert seen == [(32, 32), *[(64, 16)] * 2, *[(128, 8)] * 3, *[(256, 4)] * 3, (1280, 4)]


def test_blocks_have_a_shortcut_where_shapes_agree() -> None:
    """A block whose projection is zero returns its input, and zeros if it has a stride."""
    size = SIZES["macro"]
    network = supernet(SPACE).eval()
    for number, layer in enumerate(network.layers):
        block = layer.operations["mb3_k3"]
        with torch.no_grad():
            block.project.norm.weight.zero_()
            block.project.norm.bias.zero_()
            images = random_images(2, in_channels=block.expand.conv.c_in, size=4)
            found = block(images)
        reducing = number in {0, 2, 5}
        assert torch.equal(found, torch.zeros_like(found) if reducing else images)
        assert found.shape[1:] == ((images.shape[1] * 2, 2, 2) if reducing else images.shape[1:])
    assert network.classifier.in_features == 40 * size.channels


@pytest.mark.benchmarks
def test_parameters_and_multiply_adds_of_all_chains_are_the_tables(mirror: Path) -> None:
    table = pd.read_parquet(mirror / "benchmarks" / "nasbench_macro.parquet")
    assert sorted(table["arch"]) == TEXTS
    costs = [SPACE.cost(SPACE.parse(text)) for text in table["arch"]]
    assert [cost.parameters for cost in costs] == table["params"].tolist()
    assert [cost.macs for cost in costs] == table["flops"].tolist()


def test_scores_in_a_csv_file_keep_the_zeros_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("arch,score\n00000012,0.5\n02012100,0.25\n")
    columns = read_columns(path, "arch", (), option="--arch-column", unnamed="--score-column")
    ids = pa.array(TEXTS, pa.string())
    assert locate(SPACE, "text", columns, ids, ids).tolist() == [TEXTS.index("00000012"), TEXTS.index("02012100")]


def test_a_rule_for_factors_leaves_out_the_one_that_the_space_lacks() -> None:
    assert "layers" not in BASELINES["macro"]
    baseline = Setting.model_validate(dict(BASELINES["macro"]), context=SpaceContext("macro"))
    found = baseline_values(baseline)
    assert found == {"epochs": 50, "train_portion": 0.9, "batch_size": 256, "channels": 32}


@pytest.mark.benchmarks
def test_chains_of_one_function_have_one_training_in_the_table(mirror: Path) -> None:
    table = pd.read_parquet(mirror / "benchmarks" / "nasbench_macro.parquet")
    functions = [SPACE.function_of(SPACE.parse(text)) for text in table["arch"]]
    runs = [f"test_acc_{run}" for run in range(3)]
    assert (table.groupby(functions)[runs].nunique() == 1).all(axis=None)
    assert len(table[runs].drop_duplicates()) == 3_969
