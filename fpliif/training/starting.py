"""Make what a training starts with: device, arithmetic, first weights, optimizer, and where its pictures lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from fpliif.checkpoint import read_tensors, shipped
from fpliif.errors import TrainingError
from fpliif.network import FPLIIF
from fpliif.training.config import TrainConfig
from fpliif.training.pool import Pool
from fpliif.training.schedule import scene_order

GPU_SHARE = 0.5
"""Pools are copied to a GPU if they take at most this share of its free memory; the rest is for the network."""


def choose_device(config: TrainConfig) -> torch.device:
    """Choose the device that the config asks for; raises TrainingError if there is no such device."""
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("the config asks for a GPU but torch sees none; set device to 'auto' or 'cpu'")
    wants_gpu = config.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wants_gpu else "cpu")


def choose_half(config: TrainConfig, device: torch.device) -> bool:
    """Tell whether to run under bfloat16 autocast: on CPUs it only pays where there are instructions for it."""
    if config.precision != "auto":
        return config.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def make_optimizer(network: FPLIIF, config: TrainConfig) -> torch.optim.AdamW:
    """Make an AdamW (I. Loshchilov and F. Hutter, ICLR 2019) that decays kernels and matrices, not biases and norms."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.optimizer.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.optimizer.learning_rate, betas=(0.9, 0.99), fused=True)


def start_from(network: FPLIIF, checkpoint: str) -> int:
    """Give `network` the checkpoint's tensors of the same name and shape; returns how many it kept of its own.

    Raises:
        CheckpointError: if the checkpoint cannot be read.
        TrainingError: if nothing of it fits.
    """
    path = Path(checkpoint) if checkpoint.endswith(".safetensors") else shipped(checkpoint)
    tensors, _ = read_tensors(path)
    own = network.state_dict()
    fitting = {name: t.float() for name, t in tensors.items() if name in own and own[name].shape == t.shape}
    if not fitting:
        raise TrainingError(f"{path}: no tensor fits the network to train; choose a checkpoint of the same network")
    network.load_state_dict(own | fitting)
    return len(own) - len(fitting)


def started_network(config: TrainConfig) -> FPLIIF:
    """Make the network with the weights of the checkpoint that `config` starts from.

    Raises:
        CheckpointError: if it cannot be read.
        TrainingError: if nothing of it fits; for quantization-aware fine-tuning, if anything is missing.
    """
    network = FPLIIF(config.network_config())
    missing = start_from(network, config.start)
    if config.qat and missing:
        raise TrainingError(
            f"{config.start}: {missing} tensors of the network are not in it; fine-tuning for a recipe goes on from a "
            "checkpoint of the same network and label set"
        )
    return network


def start_and_pictures(config: TrainConfig, pool: Pool, device: torch.device) -> tuple[FPLIIF, Iterator[Tensor]]:
    """Return what fixes the ranges of a quantization-aware fine-tuning: its first weights, and training pictures.

    Both follow from the config, so a resumed training finds the same ranges.

    Returns:
        the eval-mode network on `device`, and float RGB 0..1 (1, 3, S, S) pictures.

    Raises:
        TrainingError: as `started_network`.
    """
    network = started_network(config)
    order = scene_order(config.seed, 0, min(config.qat_pictures, len(pool)), len(pool))

    def pictures() -> Iterator[Tensor]:
        for place in order:
            images, _ = pool.fetch(order[order == place], device)
            yield images.permute(0, 3, 1, 2).float() / 255.0

    return network.to(device).eval(), pictures()


def place_pools(pools: tuple[Pool, Pool], device: torch.device) -> tuple[Pool, Pool]:
    """Put the pools on the GPU if they fit, else leave them on disk, fetched step by step. The weights are the same."""
    if device.type != "cuda" or sum(pool.bytes for pool in pools) > GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
        return pools
    return pools[0].on(device), pools[1].on(device)
