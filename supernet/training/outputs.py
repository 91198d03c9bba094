"""The outputs of a training: the weights of its network, and a summary of the run."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from supernet.config.study import Run
from supernet.io.atomic import publish
from supernet.training.trainer import TrainingResult


def write_weights(path: Path, network: nn.Module) -> None:
    """Write all tensors of a network's state_dict to a safetensors file, from whichever device they are on."""
    with publish(path) as temporary:
        save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, temporary)


def summary(run: Run, network: nn.Module, trained: TrainingResult) -> dict[str, Any]:
    """Return the content of a run's run.json: its status, its cost in steps, passes and images, and its config."""
    return {
        "status": "complete" if trained.diverged_at is None else "diverged",
        "diverged_at": trained.diverged_at,
        "steps": trained.steps,
        "passes": trained.passes,
        "images": trained.passes * run.setting.batch_size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "run": run.model_dump(mode="json"),
    }
