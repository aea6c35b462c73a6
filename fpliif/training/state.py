"""Keep where a training stands: network, average, optimizer and step in one safetensors file.

Randomness needs no place in it: every random number of a step comes from a generator seeded by (seed, step).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fpliif.checkpoint import replace_file
from fpliif.errors import TrainingError
from fpliif.training.averaging import WeightAverage
from fpliif.training.config import TrainConfig

KEY = "fpliif.training"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Standing:
    """Hold the numbers beside the tensors.

    Attributes:
        step: steps taken.
        averaged: updates of the weight average.
        best_miou: of the best checkpoint so far, 0 before the first validation.
        seconds: time spent in training so far, interruptions left out.
        digest: of the training data.
        config: the training's, in its dictionary form.
        best_mean_f1: of the best checkpoint so far, by which it was chosen; None before the first validation, and in
            states written when mIoU chose.
    """

    step: int
    averaged: int
    best_miou: float
    seconds: float
    digest: str
    config: dict[str, Any]
    best_mean_f1: float | None = None


def save_state(
    path: Path, network: nn.Module, average: WeightAverage, optimizer: torch.optim.AdamW, standing: Standing
) -> None:
    """Write everything that `load_state` needs; the file appears whole or not at all."""
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for moment in MOMENTS:
            tensors[f"{moment}/{name}"] = optimizer.state[parameter][moment]
    # Copies: tensors in channels_last layout, and those that share memory, cannot be written as they are.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    replace_file(path, save(plain, {KEY: json.dumps(asdict(standing))}))


def load_state(
    path: Path,
    network: nn.Module,
    average: WeightAverage,
    optimizer: torch.optim.AdamW,
    config: TrainConfig,
    digest: str,
) -> Standing:
    """Bring network, average and optimizer (new, on their device) to where a training stood.

    Raises:
        TrainingError: if the file is damaged, or belongs to other data or a config under which the steps so far would
            have come out differently.
        ConfigError: if its config is of another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a mapping
            standing = Standing(**json.loads((file.metadata() or {})[KEY]))
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise TrainingError(f"{path} is damaged; delete it to start the training anew") from None
    if standing.digest != digest:
        raise TrainingError(f"{path} belongs to a training on other data; choose another output folder")
    if not TrainConfig.from_dict(standing.config).shares_past(config, standing.step):
        raise TrainingError(
            f"{path}: its {standing.step} steps would come out differently under this config; "
            "resume with the config it began with or choose another output folder"
        )
    network.load_state_dict(_part(tensors, "network"))
    average.network.load_state_dict(_part(tensors, "average"))
    average.updates = standing.averaged
    for name, parameter in network.named_parameters():
        state: dict[str, Tensor] = {"step": torch.tensor(float(standing.step), device=parameter.device)}
        for moment in MOMENTS:
            state[moment] = torch.empty_like(parameter).copy_(tensors[f"{moment}/{name}"])
        optimizer.state[parameter] = state
    return standing


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
