"""Drop-path and dropout before the classifier: distribution, where and when they act, and randomness."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import architectures, evaluated
from tiny import SIZES, SPACES, random_images, randomised
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import RECIPE, SPLITS, KilledError, Watcher, run_of, same_bits, state

from supernet.data.images import Augmenter
from supernet.nn.drawing import drawing_at_evaluation, generator_for
from supernet.nn.dropout import Dropout
from supernet.nn.factory import LayerFactory
from supernet.nn.mixture import Mixture
from supernet.rng import torch_seed
from supernet.spaces.darts.network import SearchCell as DartsCell
from supernet.spaces.macro.network import Layer as MacroLayer
from supernet.spaces.nasbench101.network import SearchCell as NASBench101Cell
from supernet.spaces.nasbench201.network import SearchCell as NASBench201Cell
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint
from supernet.training.path_sampling import epoch_paths, passes_per_step
from supernet.training.trainer import Trainer

IMAGES = random_images(8)
CPU = torch.device("cpu")
# With one cell per stack or stage, of NASBench-201 three in all; DARTS has five, a chain eight layers.
CELLS = {"nasbench101": 3, "nasbench201": 3, "darts": 5, "macro": 8}


def built(name: str, dropout: str, batch_norm: str = "affine+tracking") -> nn.Module:
    """Build a small super-net in double precision; its weights do not depend on `dropout`."""
    size = SIZES[name]
    torch.manual_seed(0)
    network = SPACES[name].build_supernet(
        size.channels, size.layers, size.num_classes, size.in_channels, batch_norm=batch_norm, dropout=dropout
    )
    return randomised(network.double())


def seeded(dropout: Dropout, seed: int = 0) -> Dropout:
    generator = generator_for(dropout, CPU)
    assert generator is not None
    generator.manual_seed(seed)
    return dropout


def test_drop_path_rises_in_a_line_over_the_cells() -> None:
    count, last, cells = 40_000, 0.4, 4
    dropout, ones = seeded(Dropout(last, 0.0, cells)), torch.ones(count, 2, 1, 3, dtype=torch.float64)
    for number in range(1, cells + 1):
        probability = last * number / cells
        dropped = dropout.drop_cell(ones, number)
        # A sample is dropped as a whole, or scaled as a whole.
        assert torch.equal(dropped, dropped[:, :1, :1, :1].expand_as(dropped))
        zero = dropped[:, 0, 0, 0] == 0
        torch.testing.assert_close(dropped[~zero], torch.full_like(dropped[~zero], 1 / (1 - probability)))
        deviation = (probability * (1 - probability) / count) ** 0.5
        assert float(zero.double().mean()) == pytest.approx(probability, abs=4 * deviation)
    assert torch.equal(dropout.drop_features(ones[:, :, 0, 0]), ones[:, :, 0, 0])


@pytest.mark.parametrize(("dropped", "rate"), [("edge", 0.4), ("authors_code", 0.6)])
def test_drop_path_of_edges_rises_with_cell_and_node(dropped: Any, rate: float) -> None:
    count, cells, nodes = 40_000, 3, 4
    dropout, ones = seeded(Dropout(0.4, 0.0, cells, dropped)), torch.ones(count, 2, 1, 3, dtype=torch.float64)
    for number, node in ((1, 1), (2, 3), (3, 2), (3, 4)):
        # In the authors' code: 1 - j/J (1 - k) is kept, with k = 1 - i/L (1 - P).
        probability = rate * number / cells * node / nodes
        found = dropout.drop_edge(ones, number, node, nodes)
        assert torch.equal(found, found[:, :1, :1, :1].expand_as(found))
        zero = found[:, 0, 0, 0] == 0
        torch.testing.assert_close(found[~zero], torch.full_like(found[~zero], 1 / (1 - probability)))
        deviation = (probability * (1 - probability) / count) ** 0.5
        assert float(zero.double().mean()) == pytest.approx(probability, abs=4 * deviation)
    assert torch.equal(dropout.drop_cell(ones, 3), ones)
    assert torch.equal(dropout.eval().drop_edge(ones, 3, 4, 4), ones)
    # Without drop-path nothing is dropped, and cells are dropped by default.
    for other in (Dropout(0.0, 0.2, cells, dropped), Dropout(0.4, 0.0, cells)):
        assert torch.equal(seeded(other).drop_edge(ones, 3, 4, 4), ones)


def test_features_are_dropped_one_by_one() -> None:
    probability, ones = 0.2, torch.ones(400, 100, dtype=torch.float64)
    dropout = seeded(Dropout(0.0, probability, 3))
    dropped = dropout.drop_features(ones)
    zero = (dropped == 0).double()
    torch.testing.assert_close(dropped[dropped != 0], torch.full((int((1 - zero).sum()),), 1.25, dtype=torch.float64))
    # The shares of zeros over samples and over features spread as independent draws do.
    for dimension, draws in ((0, 400), (1, 100)):
        shares = zero.mean(dimension)
        assert float(shares.mean()) == pytest.approx(probability, abs=4 * (0.16 / 40_000) ** 0.5)
        assert float(shares.std()) == pytest.approx((0.16 / draws) ** 0.5, rel=0.25)
    images = ones[:, :, None, None]
    assert torch.equal(dropout.drop_cell(images, 3), images)


@pytest.mark.parametrize("kind", ["path", "features"])
def test_the_mean_over_masks_is_the_value_without(kind: str) -> None:
    values, masks = random_images(3, in_channels=4, size=2), 20_000
    dropout = seeded(Dropout(0.3, 0.3, 2))
    repeated = values.repeat(masks, 1, 1, 1)
    if kind == "path":
        dropped, probability = dropout.drop_cell(repeated, 1), 0.15
    else:
        dropped, probability = dropout.drop_features(repeated.flatten(1)), 0.3
    means = dropped.view(masks, *values.shape).mean(0)
    deviation = (probability / (1 - probability) / masks) ** 0.5
    assert float(((means - values) / values).abs().max()) < 4 * deviation


def test_type_and_memory_format_stay() -> None:
    images = random_images(5, in_channels=3).float().contiguous(memory_format=torch.channels_last)
    dropped = seeded(Dropout(0.5, 0.0, 1)).drop_cell(images, 1)
    assert dropped.dtype == torch.float32
    assert dropped.is_contiguous(memory_format=torch.channels_last)


def masks(dropout: str, network: nn.Module, channels: int, arch: Any, seed: int) -> list[tuple[nn.Module, Tensor]]:
    """Return modules of a plain network and the masks that multiply their outputs, by the definition."""
    kind, probability = dropout.split("-")[0], float(dropout.split("-")[1])
    generator = torch.Generator().manual_seed(seed)
    kinds = (NASBench101Cell, NASBench201Cell, DartsCell, MacroLayer)
    cells = [module for module in network.modules() if isinstance(module, kinds)]
    if kind == "path":
        rates = [probability * number / len(cells) for number in range(1, len(cells) + 1)]
        draws = [torch.rand(len(IMAGES), 1, 1, 1, generator=generator) for _ in cells]
        return [(cell, (u >= p).double() / (1 - p)) for cell, u, p in zip(cells, draws, rates, strict=True)]
    # Pooling is linear and ReLU keeps factors that are not negative: masking channels before them is masking features.
    last: nn.Module = network.last_norm if isinstance(cells[0], NASBench201Cell) else cells[-1]  # type: ignore[assignment]
    widths = 4 * (len(arch.normal.concat) if isinstance(last, DartsCell) else 1)
    if isinstance(last, MacroLayer):
        last, widths = network.tail, 40  # type: ignore[assignment]
    drawn = torch.rand(len(IMAGES), widths * channels, generator=generator)[:, :, None, None]
    return [(last, (drawn >= probability).double() / (1 - probability))]


@pytest.mark.parametrize("dropout", ["path-0.6", "global-0.4"])
@pytest.mark.parametrize("name", SPACES)
def test_a_network_in_training_follows_the_definition(name: str, dropout: str) -> None:
    """Logits, gradients and tracked statistics against a plain network whose cells are multiplied by masks."""
    changed = []
    for number, arch in enumerate(architectures(SPACES[name], 3)):
        network, plain = built(name, dropout), built(name, "none")
        generator = generator_for(network, CPU)
        assert generator is not None
        generator.manual_seed(number)
        expected_masks = masks(dropout, plain, SIZES[name].channels, arch, number)
        assert len(expected_masks) == (CELLS[name] if dropout.startswith("path") else 1)
        assert any((mask == 0).any() and (mask > 0).any() for _, mask in expected_masks)
        labels = torch.arange(len(IMAGES)) % 5
        without = plain(IMAGES, arch).detach()
        plain.load_state_dict(network.state_dict())
        for module, mask in expected_masks:
            module.register_forward_hook(lambda _, __, output, mask=mask: output * mask)
        expected, found = plain(IMAGES, arch), network(IMAGES, arch)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
        changed.append(not torch.allclose(found, without))
        for logits in (expected, found):
            F.cross_entropy(logits, labels).backward()
        for (parameter, mine), plains in zip(network.named_parameters(), plain.parameters(), strict=True):
            assert (mine.grad is None) == (plains.grad is None), parameter
            if mine.grad is not None and plains.grad is not None:
                torch.testing.assert_close(mine.grad, plains.grad, rtol=1e-7, atol=1e-10)
        for buffer, plains_buffer in zip(network.buffers(), plain.buffers(), strict=True):
            torch.testing.assert_close(buffer, plains_buffer, rtol=1e-9, atol=1e-12)
    # The special architectures may give only zeros, which stay zeros.
    assert changed[-3:] == [True] * 3


def edges_network(darts_drop_path: str, dropout: str = "path-0.3") -> nn.Module:
    """Build the super-net of DARTS whose drop-path drops edges, with the weights of `built`."""
    size = SIZES["darts"]
    torch.manual_seed(0)
    network = SPACES["darts"].build_supernet(
        size.channels, size.layers, size.num_classes, size.in_channels, batch_norm="affine+tracking", dropout=dropout,
        darts_drop_path=darts_drop_path,
    )  # fmt: skip
    return randomised(network.double())


class MaskedEdges:
    """Multiplies the values of edges by masks in the order of their computation, as the definition says."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate, self.generator, self.dropped = rate, torch.Generator().manual_seed(seed), 0

    def mask(self, value: Tensor, cell: int, node: int) -> Tensor:
        """Mask an edge to `node` of four in `cell` of all cells, both from 1."""
        p = self.rate * cell / CELLS["darts"] * node / 4
        kept = torch.rand(len(value), 1, 1, 1, generator=self.generator) >= p
        self.dropped += int((~kept).sum())
        return value * kept.double() / (1 - p)

    def apply(self, plain: nn.Module) -> None:
        """Mask the edges of a network's cells in `forward`."""
        for number, cell in enumerate(plain.cells, start=1):  # type: ignore[arg-type]
            compute = cell._edge

            def masked(
                edge: Any, states: Any, activated: Any, *, number: int = number, compute: Any = compute
            ) -> Tensor:
                return self.mask(compute(edge, states, activated), number, edge[0] // 2 + 1)

            cell._edge, cell._makes = masked, lambda edge: False


@pytest.mark.parametrize(("darts_drop_path", "rate"), [("edge", 0.3), ("authors_code", 0.7)])
def test_edges_of_darts_in_training_follow_the_definition(darts_drop_path: str, rate: float) -> None:
    for number, arch in enumerate(architectures(SPACES["darts"], 3)):
        network, plain, masked = edges_network(darts_drop_path), built("darts", "none"), MaskedEdges(rate, number)
        generator = generator_for(network, CPU)
        assert generator is not None
        generator.manual_seed(number)
        masked.apply(plain)
        labels = torch.arange(len(IMAGES)) % 5
        expected, found = plain(IMAGES, arch), network(IMAGES, arch)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
        for logits in (expected, found):
            F.cross_entropy(logits, labels).backward()
        for mine, plains in zip(network.parameters(), plain.parameters(), strict=True):
            assert (mine.grad is None) == (plains.grad is None)
            if mine.grad is not None and plains.grad is not None:
                torch.testing.assert_close(mine.grad, plains.grad, rtol=1e-7, atol=1e-10)
        assert masked.dropped > 0 or number == 2  # of an architecture that has no edges


@pytest.mark.parametrize("darts_drop_path", ["edge", "authors_code"])
def test_edges_of_darts_are_kept_at_evaluation(darts_drop_path: str) -> None:
    network, plain = edges_network(darts_drop_path), built("darts", "none")
    kinds, generator = (Dropout,), torch.Generator()
    for arch in architectures(SPACES["darts"], 1):
        expected = evaluated(plain, arch, "batch")
        assert torch.equal(evaluated(network, arch, "batch"), expected)
        with drawing_at_evaluation(network, generator, kinds):
            assert torch.equal(evaluated(network, arch, "batch"), expected)


def test_edges_of_a_relaxed_cell_are_dropped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network, plain, masked = edges_network("edge"), built("darts", "none"), MaskedEdges(0.3, 5)
    generator = generator_for(network, CPU)
    assert generator is not None
    generator.manual_seed(5)
    mixture = Mixture(torch.rand(2, 14, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        found, without, calls = network.mix(IMAGES, mixture), plain.mix(IMAGES, mixture), itertools.count()  # type: ignore[operator]
        edge = Mixture.edge

        def masked_edge(self: Mixture, kind: int, position: int, *more: Any) -> Tensor:
            value = edge(self, kind, position, *more)
            assert value is not None
            node = next(node for node, last in enumerate((2, 5, 9, 14), start=1) if position < last)
            return masked.mask(value, next(calls) // 14 + 1, node)

        monkeypatch.setattr(Mixture, "edge", masked_edge)
        torch.testing.assert_close(found, plain.mix(IMAGES, mixture), rtol=1e-9, atol=1e-12)  # type: ignore[operator]
    assert not torch.allclose(found, without)


@pytest.mark.parametrize("dropout", ["path-0.6", "global-0.4"])
@pytest.mark.parametrize("name", SPACES)
def test_an_evaluation_is_the_one_without_and_draws_nothing(name: str, dropout: str) -> None:
    """The authors' drop-path stays on at evaluation. Here it is off, also during recalibration."""
    network, plain = built(name, dropout), built(name, "none")
    generator = generator_for(network, CPU)
    assert generator is not None
    before = generator.get_state()
    for arch in architectures(SPACES[name], 2):
        for bn_mode in ("batch", "tracked", "recalibrated"):
            # It also has to switch a network that is in training.
            found = evaluated(network.train(), arch, bn_mode)
            assert torch.equal(found, evaluated(plain, arch, bn_mode))
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("name", SPACES)
def test_weights_are_those_without(name: str) -> None:
    plain = built(name, "none").state_dict()
    for dropout in ("path-0.1", "global-0.1"):
        assert same_bits(built(name, dropout).state_dict(), plain)


@pytest.mark.parametrize("name", SPACES)
def test_without_dropout_there_is_no_module_and_no_generator(name: str) -> None:
    space, size = SPACES[name], SIZES[name]
    (arch,) = architectures(space, 1)[-1:]
    standalone = space.build_standalone(arch, size.channels, size.layers, size.num_classes, size.in_channels)
    for network in (built(name, "none"), standalone):
        assert not any(isinstance(module, Dropout) for module in network.modules())
        assert generator_for(network, CPU) is None


def test_training_without_a_generator_is_an_error() -> None:
    (arch,) = architectures(SPACES["nasbench201"], 1)[-1:]
    with pytest.raises(ValueError, match="without a generator: give the network one by `generator_for"):
        built("nasbench201", "path-0.5")(IMAGES, arch)


def test_values_of_the_factor() -> None:
    found = {text: LayerFactory("affine", 0.1, dropout=text) for text in ("none", "path-0.15", "global-.2")}
    made = {text: factory.dropout_of(cells=3) for text, factory in found.items()}
    rates = {text: layer and (layer.path, layer.features) for text, layer in made.items()}
    assert rates == {"none": None, "path-0.15": (0.15, 0.0), "global-.2": (0.0, 0.2)}
    for text in ("", "path", "path-", "path-0", "path-0.0", "path-1.0", "path-1", "path--.1", "path-nan", "cell-0.1"):
        with pytest.raises(ValueError, match=r"dropout: found '.*'; expected none, path-P or global-P with 0 < P < 1"):
            LayerFactory("affine", 0.1, dropout=text)


def trainer_with(name: str, dropout: str, law: str = "random_a", seed: int = 0) -> Trainer:
    """Return a trainer of five steps whose initial weights do not depend on the seed."""
    space, size = SPACES[name], SIZES[name]
    torch.manual_seed(0)
    network = space.build_supernet(size.channels, size.layers, size.num_classes, size.in_channels, dropout=dropout)
    augmenter = Augmenter(SPLITS.train, SPLITS, run_of(name).data, channels_last=True)
    recipe = replace(RECIPE, steps=5, steps_per_epoch=3, passes_per_step=passes_per_step(space, law))
    return Trainer(network, recipe, augmenter, lambda epoch, steps: epoch_paths(space, law, 0, epoch, steps), seed)


def note_masks(trainer: Trainer) -> list[list[list[bool]]]:
    """Return a list that grows while the trainer runs: the kept samples of each pass and cell."""
    dropout: Any = trainer.network.dropout
    drop, passes = dropout.drop_cell, []

    def drop_cell(output: Tensor, number: int) -> Tensor:
        dropped: Tensor = drop(output, number)
        if number == 1:
            passes.append([])
        assert (output != 0).flatten(1).any(1).all()
        passes[-1].append((dropped != 0).flatten(1).any(1).tolist())
        return dropped

    dropout.drop_cell = drop_cell
    return passes


@pytest.mark.parametrize("seed", [0, 1])
def test_masks_are_addressed_by_seed_step_and_pass(seed: int) -> None:
    """The models of a FairNAS step have separate masks, which can be drawn again."""
    trainer = trainer_with("nasbench101", "path-0.5", "fairnas", seed)
    found, expected = note_masks(trainer), []
    trainer.run()
    for step in range(5):
        generator = torch.Generator().manual_seed(torch_seed(seed, "layers", step))
        for _ in range(3):
            draws = [torch.rand(8, 1, 1, 1, generator=generator).flatten() for _ in range(3)]
            expected.append([(u >= p).tolist() for u, p in zip(draws, (0.5 / 3, 1.0 / 3, 0.5), strict=True)])
    assert found == expected
    assert len({str(of_pass) for of_pass in found}) == 15
    # Another seed, other masks at each step and pass.
    other = trainer_with("nasbench101", "path-0.5", "fairnas", 1 - seed)
    others = note_masks(other)
    other.run()
    assert all(one != two for one, two in zip(found, others, strict=True))


@pytest.mark.parametrize("name", SPACES)
def test_same_seed_same_bits_another_seed_or_kind_others(name: str) -> None:
    states = {}
    for kind, dropout, seed in [
        ("first", "path-0.5", 0), ("again", "path-0.5", 0), ("seed", "path-0.5", 1), ("less", "path-0.2", 0),
        ("global", "global-0.5", 0), ("none", "none", 0),
    ]:  # fmt: skip
        trainer = trainer_with(name, dropout, seed=seed)
        # The history of the process does not matter, and the global generator is not used.
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        trainer.run()
        assert torch.equal(torch.get_rng_state(), before)
        states[kind] = state(trainer)
    assert same_bits(states["first"], states["again"])
    for kind in ("seed", "less", "global", "none"):
        assert not same_bits(states["first"], states[kind]), kind
    assert not same_bits(states["global"], states["none"])


@pytest.mark.parametrize(
    ("name", "dropout", "law"),
    [
        ("nasbench101", "path-0.3", "fairnas"),
        ("nasbench201", "global-0.3", "random_a"),
        ("darts", "path-0.3", "random_a"),
    ],
)
def test_killed_at_any_step_training_goes_on_to_the_same_bits(
    name: str, dropout: str, law: str, tmp_path: Path
) -> None:
    whole, watcher = trainer_with(name, dropout, law), Watcher()
    expected = whole.run(progress=watcher)  # type: ignore[arg-type]
    assert watcher.seen == [1, 2, 3, 4, 5]
    for step in watcher.seen:
        file = tmp_path / f"{step}.safetensors"
        with pytest.raises(KilledError):
            trainer_with(name, dropout, law).run(Checkpoint(file, Fingerprint("this run"), seconds=0), Watcher(step))  # type: ignore[arg-type]
        resumed = trainer_with(name, dropout, law)
        checkpoint = Checkpoint(file, Fingerprint("this run"), seconds=1e9)
        assert checkpoint.done in (step - 1, step)
        assert resumed.run(checkpoint) == expected
        assert same_bits(state(resumed), state(whole))
