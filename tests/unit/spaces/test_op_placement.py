"""Operations on nodes against operations on edges with equal weights; one norm per input of a DARTS node."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH_NORMS, SIZES, SPACES, random_images, supernet
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.factory import LayerFactory
from supernet.nn.norm import Norm, norms, statistics
from supernet.spaces.base import Space

IMAGES = random_images(3)
LABELS = torch.tensor([0, 1, 4])
PLACED = {name: SPACES[name] for name in ("nasbench201", "darts")}
SPECIALISED = BATCH_NORMS[:3]

# An architecture whose edges share operations, and one whose edges do not.
SHARING: dict[str, Any] = {
    "nasbench201": ["nor_conv_3x3"] * 6,
    "darts": {
        "normal": [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)] * 2 + [("dil_conv_5x5", 2), ("dil_conv_5x5", 3)] * 2,
        "reduce": [("skip_connect", 0), ("skip_connect", 1)] * 2 + [("sep_conv_5x5", 3), ("sep_conv_5x5", 3)] * 2,
    },
}
APART: dict[str, Any] = {
    "nasbench201": ["nor_conv_3x3"] * 4 + ["nor_conv_1x1", "nor_conv_3x3"],
    "darts": {
        name: [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)] + [("sep_conv_3x3", 0), ("sep_conv_3x3", 2)] * 3
        for name in ("normal", "reduce")
    },
}


@pytest.fixture(params=PLACED.values(), ids=PLACED)
def space(request: pytest.FixtureRequest) -> Space[Any]:
    return request.param  # type: ignore[no-any-return]


def architectures(space: Space[Any], count: int) -> list[Any]:
    special = [space.parse(SHARING[space.name]), space.parse(APART[space.name])]
    return special + space.sample(np.random.default_rng(2), count=count)


def on_node(space: Space[Any], name: str, wsbn: bool = False) -> str:
    """Return the tensor with operations on nodes that replaces one with operations on edges."""
    if space.name == "nasbench201":
        return name.replace(".edges.5.", ".edges.4.")
    head, found, rest = name.partition("_from")
    if not found:
        return name
    state = int(rest[0])
    if wsbn and ".norm." in rest:
        rest = rest.replace(".norm.", f".norm.{state if state < 2 else state - 2}.")
    return f"{head}_from_{'cells' if state < 2 else 'nodes'}{rest[1:]}"


def same_on_edges(space: Space[Any], shared: nn.Module, batch_norm: str, wsbn: bool = False) -> nn.Module:
    """Return the super-net with operations on edges, with equal weights where `shared` has one."""
    edges, state = supernet(space, batch_norm), shared.state_dict()
    edges.load_state_dict({name: state[on_node(space, name, wsbn)] for name in edges.state_dict()})
    return edges


def logits(network: nn.Module, arch: Any, bn_mode: Any = "batch") -> Tensor:
    with torch.no_grad(), statistics(network, bn_mode):
        value: Tensor = network(IMAGES, arch)
    assert torch.isfinite(value).all()
    return value


def gradients(network: nn.Module, arch: Any) -> dict[str, Tensor]:
    network.zero_grad(set_to_none=True)
    F.cross_entropy(network(IMAGES, arch), LABELS).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def assert_added_gradients(space: Space[Any], shared: nn.Module, edges: nn.Module, arch: Any, wsbn: bool) -> int:
    """Assert that gradients of `shared` are sums over edges; returns how many come from several edges."""
    expected: dict[str, Tensor] = {}
    shares = 0
    for name, gradient in gradients(edges, arch).items():
        target = on_node(space, name, wsbn)
        shares += target in expected
        expected[target] = expected[target] + gradient if target in expected else gradient
    found = gradients(shared, arch)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-8, atol=1e-11, msg=name)
    return shares


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_nodes_compute_what_edges_of_equal_weights_do(space: Space[Any], batch_norm: str) -> None:
    shared = supernet(space, batch_norm, op_placement="node")
    edges = same_on_edges(space, shared, batch_norm)
    archs = architectures(space, 5)
    for arch in archs:
        for bn_mode in ("batch", "tracked") if "tracking" in batch_norm else ("batch",):
            torch.testing.assert_close(logits(shared, arch, bn_mode), logits(edges, arch, bn_mode), rtol=0, atol=1e-10)
    # Training passes come last: after them a norm of a node has tracked other statistics than those of its edges.
    shares = [assert_added_gradients(space, shared, edges, arch, wsbn=False) for arch in archs]
    assert shares[0] > 0
    assert shares[1] == 0


def test_a_shared_norm_tracks_the_inputs_of_all_its_edges_in_turn() -> None:
    space, momentum = PLACED["nasbench201"], 0.1
    shared = supernet(space, op_placement="node")
    edges, arch = same_on_edges(space, shared, "affine+tracking"), space.parse(SHARING["nasbench201"])
    before = {name: value.clone() for name, value in shared.state_dict().items() if "running" in name}
    for network in (shared, edges):
        network(IMAGES, arch)
    found, own = shared.state_dict(), edges.state_dict()
    for name in before:
        expected = own[name]
        if ".edges.4.nor_conv_3x3." in name:
            news = own[name.replace(".edges.4.", ".edges.5.")] - (1 - momentum) * before[name]
            expected = (1 - momentum) * own[name] + news
            assert not torch.allclose(expected, own[name], atol=1e-3)
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-10)


def test_a_weight_of_a_node_reaches_all_edges_that_share_it(space: Space[Any]) -> None:
    """The weights that an architecture has on several edges: without the change on one of them, another output."""
    shared, arch = supernet(space, op_placement="node"), space.parse(SHARING[space.name])
    name = {"nasbench201": "stages.2.0.edges.4.nor_conv_3x3.conv.weight",
            "darts": "cells.4.operations.node3_from_nodes_dil_conv_5x5.pointwise.weight"}[space.name]  # fmt: skip
    last = {"nasbench201": "stages.2.0.edges.5.nor_conv_3x3.conv.weight",
            "darts": "cells.4.operations.node3_from3_dil_conv_5x5.pointwise.weight"}[space.name]  # fmt: skip
    edges = same_on_edges(space, shared, "affine+tracking")
    with torch.no_grad():
        shared.get_parameter(name).mul_(-1)
    assert not torch.allclose(logits(shared, arch), logits(edges, arch), atol=1e-3)
    with torch.no_grad():
        for other, parameter in edges.named_parameters():
            if on_node(space, other) == name and other != last:
                parameter.mul_(-1)
        assert not torch.allclose(logits(shared, arch), logits(edges, arch), atol=1e-3)
        edges.get_parameter(last).mul_(-1)
    torch.testing.assert_close(logits(shared, arch), logits(edges, arch), rtol=0, atol=1e-10)


def darts_parameters(norms_of: Any, sets: Any) -> int:
    """Parameters of the operations of five DARTS cells of 4, 8, 8, 16 and 16 channels.

    `sets` lists, for each set of operations, how many states it serves and whether they are cells before;
    `norms_of` says how many norms an operation of a set has.
    """
    total = 0
    for c, reduction in ((4, False), (8, True), (8, False), (16, True), (16, False)):
        for states, before in sets:
            affine = 2 * c * norms_of(states)
            separable = sum(2 * (c * k * k + c * c + affine) for k in (3, 5))
            dilated = sum(c * k * k + c * c + affine for k in (3, 5))
            total += separable + dilated + ((c * c + affine) if reduction and before else 0)
    return total


EDGE_SETS = [(1, state < 2) for node in range(4) for state in range(2 + node)]
NODE_SETS = [(2, True)] * 4 + [(1, False), (2, False), (3, False)]


def operations_of(network: nn.Module) -> int:
    named = network.named_parameters()
    return sum(p.numel() for name, p in named if ".operations." in name or ".edges." in name)


def test_parameters_by_hand() -> None:
    for placement, sets in (("edge", 6), ("node", 5)):
        found = operations_of(supernet(PLACED["nasbench201"], op_placement=placement))
        assert found == sets * sum(10 * c * c + 4 * c for c in (4, 8, 16))
    darts = PLACED["darts"]
    assert operations_of(supernet(darts, op_placement="edge")) == darts_parameters(lambda _: 1, EDGE_SETS)
    assert operations_of(supernet(darts, op_placement="node")) == darts_parameters(lambda _: 1, NODE_SETS)
    specialised = supernet(darts, op_placement="node", wsbn="per_input")
    assert operations_of(specialised) == darts_parameters(lambda states: states, NODE_SETS)


def test_only_the_operations_differ(space: Space[Any]) -> None:
    """Stem, projections, down-blocks, the last norm and the classifier are there as before."""
    edge, node = (supernet(space, op_placement=placement).state_dict() for placement in ("edge", "node"))
    assert {on_node(space, name) for name in edge} == set(node)
    assert {name: value.shape for name, value in node.items()} == {
        on_node(space, name): value.shape for name, value in edge.items()
    }


@pytest.mark.parametrize("batch_norm", SPECIALISED)
def test_darts_norms_for_each_input_are_those_of_edges(batch_norm: str) -> None:
    """Weights are shared, norms are not: outputs, gradients and statistics by every kind of statistics."""
    space = PLACED["darts"]
    shared = supernet(space, batch_norm, op_placement="node", wsbn="per_input")
    edges = same_on_edges(space, shared, batch_norm, wsbn=True)
    for arch in architectures(space, 2):
        for network in (shared, edges):
            with statistics(network, "recalibrating"), torch.no_grad():
                network(IMAGES, arch)
                network(random_images(4, 1), arch)
        for bn_mode in ("batch", "recalibrated", *(["tracked"] if "tracking" in batch_norm else [])):
            torch.testing.assert_close(logits(shared, arch, bn_mode), logits(edges, arch, bn_mode), rtol=0, atol=1e-10)
        # The passes for the gradients track as well.
        assert_added_gradients(space, shared, edges, arch, wsbn=True)
        state, found = edges.state_dict(), shared.state_dict()
        for name in state:
            torch.testing.assert_close(found[on_node(space, name, wsbn=True)], state[name], rtol=1e-9, atol=1e-10)


def test_darts_norms_for_each_input_differ_from_one_norm() -> None:
    """With equal scales, shifts and statistics both have one function; a change for one input is felt there alone."""
    space = PLACED["darts"]
    plain, shared = (supernet(space, op_placement="node", wsbn=wsbn) for wsbn in ("none", "per_input"))
    state = plain.state_dict()
    renamed = {name: name for name in state} | {
        name: f"{head}.norm.{rest.partition('.')[2]}"
        for name in shared.state_dict()
        for head, found, rest in [name.partition(".norm.")]
        if found and rest[0].isdigit()
    }
    shared.load_state_dict({name: state[renamed[name]] for name in shared.state_dict()})
    sharing, apart = (space.parse(source["darts"]) for source in (SHARING, APART))
    for bn_mode in ("batch", "tracked"):
        for arch in (sharing, apart):
            torch.testing.assert_close(logits(shared, arch, bn_mode), logits(plain, arch, bn_mode), rtol=0, atol=1e-10)
    before = {arch: logits(shared, arch) for arch in (sharing, apart)}
    with torch.no_grad():
        for node in range(2):
            shared.get_parameter(f"cells.4.operations.node{node}_from_cells_sep_conv_3x3.second.norm.1.bias").add_(1)
    assert torch.equal(logits(shared, apart), before[apart])
    assert not torch.allclose(logits(shared, sharing), before[sharing], atol=1e-3)


def test_equal_norms_of_a_node_share_no_module() -> None:
    network = supernet(PLACED["darts"], op_placement="node", wsbn="per_input")
    assert len({id(norm) for norm in norms(network)}) == len(norms(network))
    # 4 nodes: 2 states before; 1, 2 and 3 nodes. Four separable and two dilated norms per state; one for a skip.
    states = 4 * 2 + 1 + 2 + 3
    per_cell = [6 * states + (8 if cell in {1, 3} else 0) for cell in range(5)]
    inside = [name for name, module in network.named_modules() if isinstance(module, Norm) and ".operations." in name]
    assert len(inside) == sum(per_cell)


def test_spaces_and_values_that_lack_the_factor_are_errors() -> None:
    def build(name: str, **heuristics: str) -> nn.Module:
        return supernet(SPACES[name], **heuristics)

    with pytest.raises(ValueError, match="op_placement: found 'node'; NASBench-101 lacks this factor"):
        build("nasbench101", op_placement="node")
    with pytest.raises(ValueError, match="wsbn: found 'per_input'; NASBench-201 lacks this factor"):
        build("nasbench201", wsbn="per_input")
    with pytest.raises(ValueError, match=r"wsbn: found .* op_placement is edge: each operation has one input"):
        build("darts", wsbn="per_input")
    with pytest.raises(ValueError, match=r"wsbn: found .* batch_norm is none: without affine or tracking"):
        build("darts", batch_norm="none", wsbn="per_input", op_placement="node")
    with pytest.raises(ValueError, match="op_placement: found 'vertex'; expected node or edge"):
        build("darts", op_placement="vertex")


def test_a_stand_alone_network_owns_its_operations_by_edge() -> None:
    on_nodes = LayerFactory("affine", 0.1, op_placement="node")
    arch = PLACED["nasbench201"].parse(SHARING["nasbench201"])
    with pytest.raises(ValueError, match="the edges of a stand-alone network own their operations"):
        PLACED["nasbench201"].network(on_nodes, arch, SIZES["nasbench201"])
    darts = PLACED["darts"]
    arch, size = darts.parse(SHARING["darts"]), SIZES["darts"]
    edges = darts.network(LayerFactory("affine", 0.1), arch, size)
    for wsbn in ("none", "per_input"):
        own = darts.network(LayerFactory("affine", 0.1, op_placement="node", wsbn=wsbn), arch, size)
        assert own.state_dict().keys() == edges.state_dict().keys()


def test_both_heuristics_together(space: Space[Any]) -> None:
    """Nodes whose operations share kernels, and norms for each input where there are any."""
    wsbn = "per_input" if space.name == "darts" else "none"
    shared = supernet(space, op_placement="node", ofa_kernel="transform", wsbn=wsbn)
    for arch in architectures(space, 3):
        logits(shared, arch)
        assert all(torch.isfinite(gradient).all() for gradient in gradients(shared, arch).values())
    large = {"nasbench201": "stages.2.0.edges.4.nor_conv_3x3.conv.weight",
             "darts": "cells.4.operations.node3_from_nodes_dil_conv_5x5.depthwise.weight"}[space.name]  # fmt: skip
    arch = space.parse(small_on_last_node(space))
    before = logits(shared, arch, "tracked")
    with torch.no_grad():
        shared.get_parameter(large).mul_(-1)
    assert not torch.allclose(logits(shared, arch, "tracked"), before, atol=1e-3)


def small_on_last_node(space: Space[Any]) -> Any:
    if space.name == "nasbench201":
        return ["nor_conv_3x3"] * 3 + ["none"] + ["nor_conv_1x1"] * 2
    edges = [("sep_conv_3x3", 0)] * 4 + [("sep_conv_3x3", 2)] * 2 + [("dil_conv_3x3", 3), ("dil_conv_3x3", 4)]
    return {"normal": edges, "reduce": edges}
