"""WSBN of NASBench-101: one norm per input configuration of a vertex, shared convolutions."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from networks import architectures, evaluated
from tiny import SIZES, random_images, randomised, standalone
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import RECIPE, SPLITS, run_of, same_bits, state

from supernet.data.images import Augmenter
from supernet.nn.factory import LayerFactory
from supernet.nn.norm import ConfiguredNorm, norms, tracks
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench101.network import input_configuration
from supernet.training.trainer import Trainer

SPACE, SIZE = NASBench101(), SIZES["nasbench101"]
IMAGES, LABELS = random_images(4), torch.tensor([0, 1, 4, 2])
SPECIALISED = ("affine+tracking", "affine", "tracking")
CONVOLUTIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu")
# Two vertices in a row, of which the second is fed by the cell input, by the first, or by both.
WIRINGS = {0: "I33O:110/01/1", 1: "I33O:100/10/1", 2: "I33O:110/10/1"}


def built(wsbn: str = "per_input", batch_norm: str = "affine+tracking") -> nn.Module:
    """Build a small super-net in double precision with random norms."""
    torch.manual_seed(0)
    network = SPACE.build_supernet(
        SIZE.channels, SIZE.layers, SIZE.num_classes, SIZE.in_channels, batch_norm=batch_norm, wsbn=wsbn
    )
    return randomised(network.double())


def trained(network: nn.Module, arch: Any) -> Tensor:
    """Return logits in training; gradients are new, statistics are tracked."""
    network.train().zero_grad(set_to_none=True)
    logits: Tensor = network(IMAGES, arch)
    F.cross_entropy(logits, LABELS).backward()
    return logits.detach()


def restricted(shared: dict[str, Tensor], arch: Any) -> dict[str, Tensor]:
    """Return the state of a super-net without WSBN, with the norms of one cell's input configurations."""
    found = {}
    for name, value in shared.items():
        if ".operations." not in name or ".norm." not in name:
            found[name] = value
            continue
        head, tail = name.split(".norm.")
        number, kind = tail.split(".")
        vertex = int(head.split(".vertices.")[1].split(".")[0]) + 1
        feeding = [source for source in range(vertex) if vertex < arch.vertices - 1 and arch.matrix[source][vertex]]
        # Vertices that the cell does not have take any norm.
        if int(number) == max(0, sum(2**source for source in feeding) - 1):
            found[f"{head}.norm.{kind}"] = value
    return found


@pytest.mark.parametrize("vertex", range(1, 6))
def test_input_configurations_number_the_non_empty_sets(vertex: int) -> None:
    numbers = []
    for chosen in range(1, 2**vertex):
        matrix = [[0] * 7 for _ in range(7)]
        for source in range(vertex):
            matrix[source][vertex] = chosen >> source & 1
        numbers.append(input_configuration(SimpleNamespace(matrix=matrix), vertex))  # type: ignore[arg-type]
    assert sorted(numbers) == list(range(2**vertex - 1))


@pytest.mark.parametrize("batch_norm", SPECIALISED)
def test_a_path_is_a_plain_supernet_with_the_norms_of_its_configurations(batch_norm: str) -> None:
    """Values in every mode, gradients and tracked statistics; norms of other configurations do not change."""
    bn_modes = ("batch", "recalibrated", "tracked") if "tracking" in batch_norm else ("batch", "recalibrated")
    fresh = built(batch_norm=batch_norm).state_dict()
    for arch in architectures(SPACE, 8):
        shared, plain = built(batch_norm=batch_norm), built("none", batch_norm)
        plain.load_state_dict(restricted(shared.state_dict(), arch))
        for bn_mode in bn_modes:
            torch.testing.assert_close(
                evaluated(shared, arch, bn_mode), evaluated(plain, arch, bn_mode), rtol=0, atol=0
            )
        torch.testing.assert_close(trained(shared, arch), trained(plain, arch), rtol=0, atol=0)
        for found, expected in (
            (gradients(shared), gradients(plain)),
            (changed(shared, fresh), changed(plain, restricted(fresh, arch))),
        ):
            assert len(found) == len(expected)
            assert same_bits(restricted(found, arch), expected)
        assert gradients(shared)
        assert bool(changed(shared, fresh)) == ("tracking" in batch_norm)


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def changed(network: nn.Module, before: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def test_cells_that_differ_in_wiring_use_different_norms_and_the_same_weights() -> None:
    shared = built()
    fresh = {name: value.clone() for name, value in shared.state_dict().items()}
    prefix = f"stacks.0.0.vertices.1.operations.{CONVOLUTIONS[0]}."
    for number, text in WIRINGS.items():
        shared.load_state_dict(fresh)
        trained(shared, SPACE.parse(text))
        used = {name.removeprefix(prefix) for name in gradients(shared) if name.startswith(prefix)}
        assert used == {"conv.weight", f"norm.{number}.weight", f"norm.{number}.bias"}
        tracked = {name.removeprefix(prefix) for name in changed(shared, fresh) if name.startswith(prefix)}
        assert tracked == {f"norm.{number}.running_mean", f"norm.{number}.running_var"}


@pytest.mark.parametrize("kind", ["weight", "bias", "running_mean", "running_var"])
def test_a_norm_matters_to_its_configuration_alone(kind: str) -> None:
    shared, archs = built(), {number: SPACE.parse(text) for number, text in WIRINGS.items()}
    operation: Any = shared.stacks[1][0].vertices[1].operations[CONVOLUTIONS[0]]  # type: ignore[index,union-attr]
    before = {number: evaluated(shared, arch, "tracked") for number, arch in archs.items()}
    for number in archs:
        with torch.no_grad():
            getattr(operation.norm[number], kind).add_(1)
        same = {other: torch.equal(evaluated(shared, arch, "tracked"), before[other]) for other, arch in archs.items()}
        assert same == {other: other != number for other in archs}
        with torch.no_grad():
            getattr(operation.norm[number], kind).sub_(1)
        before[number] = evaluated(shared, archs[number], "tracked")
    with torch.no_grad():
        operation.conv.weight.add_(1)
    assert not any(torch.equal(evaluated(shared, arch, "tracked"), before[number]) for number, arch in archs.items())


@pytest.mark.parametrize("batch_norm", SPECIALISED)
def test_equal_norms_are_the_plain_supernet(batch_norm: str) -> None:
    """Where all configurations have equal scales, shifts and statistics, the function is that without WSBN."""
    shared, plain = built(batch_norm=batch_norm), built("none", batch_norm)
    archs = architectures(SPACE, 12)
    different = [evaluated(shared, arch, "batch") for arch in archs]
    state_of_plain = plain.state_dict()
    shared.load_state_dict(
        {name: state_of_plain[name if name in state_of_plain else without_number(name)] for name in shared.state_dict()}
    )
    bn_mode = "tracked" if "tracking" in batch_norm else "recalibrated"
    for arch in archs:
        assert torch.equal(evaluated(shared, arch, bn_mode), evaluated(plain, arch, bn_mode))
    if "affine" in batch_norm:
        found = [evaluated(plain, arch, "batch") for arch in archs]
        assert not any(torch.allclose(one, two) for one, two in zip(different, found, strict=True))


def without_number(name: str) -> str:
    head, tail = name.split(".norm.")
    return f"{head}.norm.{tail.split('.')[1]}"


def test_recalibrations_of_several_cells_do_not_mix() -> None:
    shared, archs = built(batch_norm="affine"), [SPACE.parse(text) for text in WIRINGS.values()]
    alone = [evaluated(built(batch_norm="affine"), arch, "recalibrated") for arch in archs]
    again = [evaluated(shared, arch, "recalibrated") for arch in [*archs, *archs]]
    assert all(torch.equal(one, two) for one, two in zip(again, [*alone, *alone], strict=True))


def test_parameters_by_hand() -> None:
    """Each vertex v has 2^v - 1 norms for each of two operations in place of one; projections keep theirs."""
    extra = sum(2 * (2**vertex - 2) for vertex in range(1, 6))
    assert extra == 104
    widths = [SIZE.channels * 2**stack for stack in range(3)]
    plain, shared = built("none"), built()
    assert parameters(shared) - parameters(plain) == sum(extra * 2 * width for width in widths)
    assert parameters(built(batch_norm="tracking")) == parameters(built("none", "tracking"))
    assert len(norms(shared)) - len(norms(plain)) == 3 * extra
    for cell in (stack[0] for stack in shared.stacks):  # type: ignore[index,union-attr]
        assert not isinstance(cell.project.norm, ConfiguredNorm)  # type: ignore[union-attr]
        for vertex, module in enumerate(cell.vertices, start=1):  # type: ignore[union-attr,arg-type]
            assert not isinstance(module.project.norm, ConfiguredNorm)
            assert [len(operation.norm) for operation in module.operations.values()] == [2**vertex - 1] * 2
    assert tracks(shared) and not tracks(built(batch_norm="affine"))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_without_wsbn_names_are_the_plain_ones_and_initial_weights_are_equal() -> None:
    kinds = ("weight", "bias", "running_mean", "running_var")
    blocks = {"stem"}
    for cell in (f"stacks.{stack}.0" for stack in range(3)):
        blocks |= {f"{cell}.project"}
        for vertex in (f"{cell}.vertices.{number}" for number in range(5)):
            blocks |= {f"{vertex}.project"} | {f"{vertex}.operations.{name}" for name in CONVOLUTIONS}
    names = {f"{block}.conv.weight" for block in blocks} | {
        f"{block}.norm.{kind}" for block in blocks for kind in kinds
    }
    plain = built("none").state_dict()
    assert plain.keys() == names | {"classifier.weight", "classifier.bias"}
    shared = built().state_dict()
    weights = {name: value for name, value in plain.items() if ".norm." not in name}
    assert same_bits({name: shared[name] for name in weights}, weights)


def test_standalone_networks_are_never_specialised() -> None:
    arch = SPACE.parse(WIRINGS[2])
    factory = LayerFactory("affine+tracking", SPACE.bn_momentum, wsbn="per_input")
    network = SPACE.network(factory, arch, SIZE)
    assert not any(isinstance(module, ConfiguredNorm) for module in network.modules())
    assert network.state_dict().keys() == standalone(SPACE, arch).state_dict().keys()


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"wsbn: .* without affine or tracking there is nothing to specialise"):
        built(batch_norm="none")
    with pytest.raises(ValueError, match="wsbn: found 'on'; expected none or per_input"):
        built("on")


@pytest.mark.parametrize("batch_norm", SPECIALISED)
def test_training_updates_the_norms_of_its_paths_alone(batch_norm: str) -> None:
    """No decay, no momentum and no statistics for configurations that no path had."""
    network = built(batch_norm=batch_norm).float()
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    archs = [SPACE.parse(WIRINGS[number]) for number in (0, 2, 2, 0)]
    augmenter = Augmenter(SPLITS.train, SPLITS, run_of("nasbench101").data, channels_last=True)
    trainer = Trainer(network, RECIPE, augmenter, lambda _, steps: [(arch,) for arch in archs[:steps]], seed=0)
    assert trainer.run().diverged_at is None
    prefix = f"stacks.2.0.vertices.1.operations.{CONVOLUTIONS[0]}.norm."
    expected = {
        f"{prefix}{number}.{kind}"
        for number in (0, 2)
        for kind in (("weight", "bias") if "affine" in batch_norm else ())
        + (("running_mean", "running_var") if "tracking" in batch_norm else ())
    }
    assert {name for name in changed(network, fresh) if name.startswith(prefix)} == expected
    momenta = {name.removeprefix("momentum.") for name in state(trainer) if name.startswith("momentum.")}
    assert {name for name in momenta if name.startswith(prefix)} == {n for n in expected if "running" not in n}
