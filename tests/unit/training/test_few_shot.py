"""Few-shot super-nets: the weights of each branch, copies at the split, and resumption."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny import SPACES, random_images
from torch import Tensor, nn
from trainings import (
    SPLITS,
    KilledError,
    Watcher,
    assert_resumes_after_any_step,
    run_of,
    same_bits,
    state,
    trainer_of,
)

from supernet.config.study import Evaluation
from supernet.spaces.base import Space
from supernet.training.build import build_supernet, load_supernet
from supernet.training.evaluator import Evaluator
from supernet.training.few_shot import FewShot, SplitStep
from supernet.training.trainer import Trainer

IMAGES = random_images(4, in_channels=1).float()


@pytest.fixture(params=SPACES.values(), ids=SPACES)
def space(request: pytest.FixtureRequest) -> Space[Any]:
    found: Space[Any] = request.param
    return found


def few_shot_of(name: str, **factors: Any) -> FewShot:
    network = build_supernet(run_of(name, few_shot="split", **factors), SPACES[name], SPLITS)
    assert isinstance(network, FewShot)
    return network


def branch_state(tensors: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """Return the tensors of a branch, with momentum, by their names in the plain super-net."""
    part = f"networks.{number}."
    return {name.replace(part, ""): value for name, value in tensors.items() if part in name}


# The operation that each branch has, in the order of the spaces' own lists.
BRANCHES = {
    "nasbench101": {
        "I3O:10/1": 0, "I1O:10/1": 1, "IMO:10/1": 2, "IO:1": 0, "IM3O:100/10/1": 2,
    },
    "nasbench201": {
        f"|{op}~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|nor_conv_1x1~2|": number
        for number, op in enumerate(("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"))
    },
    "darts": {
        op: number
        for number, op in enumerate(
            ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
             "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
        )
    },
    "macro": {"02012100": 0, "12012100": 1, "22012100": 2},
}  # fmt: skip


def parsed(space: Space[Any], text: str) -> Any:
    """Return the architecture of an entry of `BRANCHES`; for DARTS an operation means a genotype."""
    if space.name != "darts":
        return space.parse(text)
    others = [("none", 0), ("none", 1)] * 3
    # The edge of the higher state comes first here: the lower one counts.
    normal = [("skip_connect", 1), (text, 0), *others]
    return space.parse({"normal": normal, "reduce": [("skip_connect", 0), ("none", 1), *others]})


def test_a_branch_is_the_operation_of_one_position(space: Space[Any]) -> None:
    known = BRANCHES[space.name]
    assert {text: space.branch(parsed(space, text)) for text in known} == known
    assert set(known.values()) == set(range(space.branches))
    drawn = {space.branch(arch) for arch in space.sample(np.random.default_rng(0), count=200)}
    assert drawn == set(range(space.branches))


def test_each_architecture_has_the_weights_of_its_branch(space: Space[Any]) -> None:
    """The logits are those of the plain super-net with the branch's weights, and of the first one's while shared."""
    network = few_shot_of(space.name).eval()
    with torch.no_grad():
        for number, one in enumerate(network.networks):
            for parameter in one.parameters():
                parameter.add_(0.01 * number * torch.randn(parameter.shape, generator=torch.manual_seed(number)))
    plain = build_supernet(run_of(space.name), space, SPLITS).eval()
    # Of DARTS two alone: loading its super-net takes its time.
    archs = [parsed(space, text) for text in list(BRANCHES[space.name])[:: 1 if space.name != "darts" else 4]]
    seen = set()
    for arch in archs:
        for shared in (False, True):
            network.shared = shared
            number = 0 if shared else space.branch(arch)
            plain.load_state_dict(branch_state(network.state_dict(), number))
            with torch.no_grad():
                found = network(IMAGES, arch)
                assert torch.equal(found, plain(IMAGES, arch))
            seen.add(tuple(found.flatten().tolist()))
    assert len(seen) > len(archs)


def test_off_costs_nothing_and_on_has_a_super_net_for_each_branch(space: Space[Any]) -> None:
    plain, split = build_supernet(run_of(space.name), space, SPLITS), few_shot_of(space.name)
    assert not any(isinstance(module, FewShot) for module in plain.modules())
    count = sum(parameter.numel() for parameter in plain.parameters())
    assert sum(parameter.numel() for parameter in split.parameters()) == space.branches * count
    # All start as the plain super-net of the same seed, in separate memory.
    for number in range(space.branches):
        assert same_bits(branch_state(split.state_dict(), number), plain.state_dict())
    storages = {value.data_ptr() for value in split.state_dict().values()}
    assert len(storages) == len(split.state_dict())


def at_steps(trainer: Trainer, steps: list[int]) -> dict[int, dict[str, Tensor]]:
    """Return the state after each of the numbers of steps."""
    found: dict[int, dict[str, Tensor]] = {}
    trainer.run(progress=Watcher(at={done: lambda done=done: found.update({done: state(trainer)}) for done in steps}))  # type: ignore[arg-type]
    return found


def test_until_the_split_it_is_the_plain_training() -> None:
    """Six steps, of which half are shared: the first branch is the plain super-net, the others rest."""
    plain = at_steps(trainer_of(run_of()), [3])[3]
    states = at_steps(trainer_of(run_of(few_shot="split")), [3])
    assert same_bits(branch_state(states[3], 0), plain)
    initial = few_shot_of("nasbench201").state_dict()
    for number in range(1, 5):
        assert same_bits(branch_state(states[3], number), branch_state(initial, number))


def test_the_split_copies_weights_statistics_and_momentum() -> None:
    trainer = trainer_of(run_of(few_shot="split"))
    with pytest.raises(KilledError):
        trainer.run(progress=Watcher(3))  # type: ignore[arg-type]
    network = trainer.network
    assert isinstance(network, FewShot) and network.shared
    network.split(trainer.optimizer)
    first = branch_state(state(trainer), 0)
    assert any(name.startswith("momentum.") for name in first)
    assert any(name.endswith("running_mean") and value.any() for name, value in first.items())
    for number in range(1, 5):
        assert same_bits(branch_state(state(trainer), number), first)
    assert not network.shared
    # They are copies, not the same memory: a step on the one leaves the others alone.
    with torch.no_grad():
        for parameter in network.networks[0].parameters():
            trainer.optimizer.state[parameter].get("momentum_buffer", parameter).add_(1)
            parameter.add_(1)
    assert same_bits(branch_state(state(trainer), 1), first)


def test_after_the_split_each_step_trains_its_own_branch_alone() -> None:
    run = run_of(few_shot="split")
    trainer = trainer_of(run)
    states = at_steps(trainer, [3, 4, 5, 6])
    groups = [group for epoch in range(2) for group in trainer.paths(epoch, 3)]
    after_split = branch_state(states[3], 0)
    trained = set()
    for done in (4, 5, 6):
        ((arch,), before) = groups[done - 1], states[done - 1]
        own = SPACES[run.space].branch(arch)
        trained.add(own)
        for number in range(5):
            past = after_split if done == 4 else branch_state(before, number)
            now = branch_state(states[done], number)
            assert same_bits(past, now) == (number != own), (done, number)
    assert len(trained) > 1
    # And it is trained as the plain super-net would be from there: the first step after the split is the same.
    ((arch,),) = (groups[3],)
    plain = at_steps(trainer_of(run_of()), [4])[4]
    assert same_bits(branch_state(states[4], SPACES[run.space].branch(arch)), plain)


@pytest.mark.parametrize(
    ("shared", "steps", "splits_at"), [(0.0, 6, 0), (0.5, 6, 3), (0.34, 6, 2), (0.99, 6, 5), (1 - 1e-16, 6, 5)]
)
def test_share_of_the_steps_before_the_split(shared: float, steps: int, splits_at: int) -> None:
    trainer = trainer_of(run_of(few_shot="split", protocol={"few_shot_shared": shared}))
    assert trainer.recipe.steps == steps
    assert isinstance(trainer.before, SplitStep)
    assert trainer.before.at == splits_at


def test_passes_and_steps_are_those_of_any_other_run() -> None:
    plain, split = (trainer_of(run_of(few_shot=value)).run() for value in ("none", "split"))
    assert (plain.steps, plain.passes) == (split.steps, split.passes)


RESUMED = {
    "split in mid-epoch, dropout": run_of(few_shot="split", dropout="global-0.2", protocol={"few_shot_shared": 0.7}),
    "split at once, kernels and operations that are shared": run_of(
        few_shot="split", ofa_kernel="transform", op_placement="node", epochs=1, protocol={"few_shot_shared": 0.0}
    ),
    "fairnas, norms for each input": run_of(
        "nasbench101", few_shot="split", path_sampling="fairnas", wsbn="per_input", epochs=1,
        protocol={"fairnas_budget": "equal_steps"},
    ),
    "split at an epoch's start, shuffled channels": run_of(
        "nasbench101", few_shot="split", dynamic_channels="shuffled-v1", protocol={"few_shot_shared": 0.5}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESUMED)
def test_killed_at_any_step_training_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    for resumed in assert_resumes_after_any_step(lambda: trainer_of(RESUMED[name]), tmp_path):
        assert isinstance(resumed.network, FewShot) and not resumed.network.shared


def test_weights_that_are_loaded_score_as_those_that_were_trained(tmp_path: Path) -> None:
    run, space = run_of(few_shot="split"), SPACES["nasbench201"]
    trainer = trainer_of(run)
    trainer.run()
    file = tmp_path / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in trainer.network.state_dict().items()}, file)
    loaded = load_supernet(run, space, SPLITS, file)
    evaluator = Evaluator(SPLITS, Evaluation(), run.protocol.channels_last)
    archs = [parsed(space, text) for text in BRANCHES["nasbench201"]]

    def scores(network: nn.Module) -> list[Any]:
        return evaluator.evaluate_many(network, archs, "batch", ["scoring", "test"])

    assert scores(trainer.network) == scores(loaded)
    # Each by its own branch: by the first one all others would score differently.
    first: nn.Module = loaded.networks[0]  # type: ignore[index,assignment]
    pairs = enumerate(zip(scores(loaded), scores(first), strict=True))
    differing = {number for number, (own, other) in pairs if own != other}
    assert differing and differing <= {1, 2, 3, 4}
