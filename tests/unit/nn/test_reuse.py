"""Scoring many architectures at once: the same bits as one at a time, with less work."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BATCH_NORMS, SPACES, small_splits, supernet
from torch import nn

from supernet.config.study import Evaluation
from supernet.nn.norm import tracks
from supernet.nn.reuse import Reuse
from supernet.spaces.nasbench201 import NASBench201
from supernet.spaces.nasbench201.encoding import OPERATIONS, Cell, live_plan
from supernet.training.evaluator import Evaluator
from supernet.training.few_shot import FewShot

SPACE = NASBench201()
cells = st.builds(Cell, st.tuples(*[st.sampled_from(OPERATIONS)] * 6))


SPLITS = small_splits()


def made(*arguments: Any, **heuristics: str) -> nn.Module:
    return supernet(*arguments, **heuristics).float()


def evaluator(**options: Any) -> Evaluator:
    return Evaluator(SPLITS, Evaluation(batch_size=12, **options), True)


def one_at_a_time(scored: Evaluator, network: nn.Module, archs: list[Cell], bn_mode: str) -> list[Any]:
    return [scored.evaluate_splits(network, arch, bn_mode, ["scoring", "test"]) for arch in archs]


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("name", ["nasbench201", "macro"])
def test_scores_are_those_of_one_at_a_time_to_the_bit(name: str, batch_norm: str) -> None:
    space = SPACES[name]
    network = made(space, batch_norm)
    scored = evaluator()
    archs = list(space.sample(np.random.default_rng(0), law="random_a", count=40))
    for bn_mode in ("batch", "recalibrated", *(["tracked"] if tracks(network) else [])):
        assert scored.evaluate_many(network, archs, bn_mode, ["scoring", "test"]) == one_at_a_time(
            scored, network, archs, bn_mode
        )


@settings(deadline=None, max_examples=15)
@given(st.lists(cells, min_size=1, max_size=8), st.sampled_from([0, 5_000, 2**28]))
def test_neither_order_nor_repetition_nor_little_memory_changes_a_score(archs: list[Cell], capacity: int) -> None:
    network = made(SPACE, "affine").eval()
    images, _ = evaluator().batches["scoring"][0]
    reuse = Reuse(capacity)
    with torch.inference_mode():
        for arch in archs + archs[::-1]:
            assert torch.equal(network(images, arch, reuse), network(images, arch))


def test_every_operation_of_the_first_cell_is_computed_once_for_each_input() -> None:
    network = made(SPACE, "none")
    calls: Counter[str] = Counter()
    for name, module in network.stages[0][0].edges.named_modules():  # type: ignore[index,union-attr]
        if name.count(".") == 1:
            module.register_forward_hook(lambda *_, name=name: calls.update([name]))
    network.stages[1][0].register_forward_hook(lambda *_: calls.update(["second cell"]))  # type: ignore[index]
    scored = evaluator()
    archs = list(SPACE.sample(np.random.default_rng(0), law="random_a", count=60))
    scored.evaluate_many(network, archs, "batch", ["scoring"])
    batches = len(scored.batches["scoring"])
    plans = {live_plan(arch, True) for arch in archs}
    expected: Counter[str] = Counter()
    for number, operation, _ in {edge for plan in plans for edge in fed_edges(plan)}:
        if operation.startswith("nor_conv"):
            expected[f"{number}.{operation}"] += batches
    assert calls == expected + Counter({"second cell": batches * len(plans)})


def test_layers_of_a_chain_are_computed_once_for_each_beginning() -> None:
    """Beginnings that differ only by identities that keep the shape are computed apart, but these layers are not."""
    space = SPACES["macro"]
    network = made(space, "affine")
    calls: Counter[int] = Counter()
    for number, layer in enumerate(network.layers):  # type: ignore[arg-type]
        for module in layer.operations.values():
            module.register_forward_hook(lambda *_, number=number: calls.update([number]))
    scored = evaluator()
    archs = [space.parse("".join(digits) + "000") for digits in itertools.product("012", repeat=5)]
    scored.evaluate_many(network, archs, "batch", ["scoring"])
    # Three operations where a stage begins, else the two blocks, for each of the inputs.
    expected = Counter({0: 3, 1: 3 * 2, 2: 9 * 3, 3: 27 * 2, 4: 81 * 2, 5: 243})
    assert calls == Counter({layer: count * len(scored.batches["scoring"]) for layer, count in expected.items()})


def fed_edges(plan: Any) -> list[Any]:
    """Edges with all that their source is made of, by recursion over the plan."""

    def made_of(node: int) -> Any:
        edges = () if node == 0 else plan[node - 1]
        return tuple((number, operation, made_of(source)) for number, source, operation in edges)

    return [(number, operation, made_of(source)) for edges in plan for number, source, operation in edges]


def test_draws_and_branches_of_their_own_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("reused")

    monkeypatch.setattr("supernet.training.evaluator.Reuse", refuse)
    archs = list(SPACE.sample(np.random.default_rng(0), law="random_a", count=4))
    network = made(SPACE, "none", dropout="path-0.5")
    dropping = evaluator(dropout_at_evaluation=True)
    assert dropping.evaluate_many(network, archs, "batch", ["test", "scoring"]) == [
        dropping.evaluate_splits(network, arch, "batch", ["test", "scoring"]) for arch in archs
    ]
    branches = FewShot(made(SPACE, "none"), 2, lambda arch: OPERATIONS.index(arch.operations[0]) % 2)
    evaluator().evaluate_many(branches, archs, "batch", ["scoring"])
    with pytest.raises(AssertionError, match="reused"):
        evaluator().evaluate_many(made(SPACE, "none"), archs, "batch", ["scoring"])


def test_progress_counts_architectures_up_to_all_of_them() -> None:
    network = made(SPACE, "affine+tracking")
    archs = list(SPACE.sample(np.random.default_rng(0), law="random_a", count=7))
    for bn_mode in ("batch", "recalibrated"):
        seen: list[int] = []
        evaluator().evaluate_many(network, archs, bn_mode, ["scoring", "test"], seen.append)
        assert seen == sorted(seen) and seen[-1] == len(archs) and len(set(seen)) > 3
