"""Random weights that behave like trained ones: signals neither die nor explode, every class wins somewhere.

Freshly made networks answer with one class everywhere (transformers starts at a standard deviation of 0.02,
ConvNeXt's layer scales at a millionth); agreement of such answers would prove nothing. Weights are drawn anew by fan-
in (LeCun et al. 1998 for linear layers, He et al. 2015 for convolutions), batch norms get the statistics of real
pictures, and the last layer is scaled so that each class's logits have mean 0 and standard deviation 1 over those
pictures. Batch norms shift by 1: with most values on one side of the ReLU, a difference passes through fifty layers
at about its size; around 0 it would double every few layers, and even float16 would answer with other classes than
float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def lively(network: nn.Module, adapted: nn.Module, pictures: Tensor, seed: int = 0) -> None:
    """Give `network` such weights in place.

    Args:
        network: the packages' module.
        adapted: the same, as segport runs it: RGB (N, 3, H, W) -> logits (N, C, h, w).
        pictures: float32 (N, 3, H, W), real ones.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            _draw(module, generator)
        for name, parameter in network.named_parameters():
            _draw_alone(name, parameter, generator)
        with _gathering(network):
            adapted(pictures)
        _standardise(network, adapted, pictures)


def _draw(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        fan_in = module.weight[0].numel()
        gain = 1.0
        if isinstance(module, nn.ConvTranspose2d):  # each answer is a sum over fewer places than the kernel has
            fan_in = module.weight.shape[0] * module.weight[0, 0].numel() // (module.stride[0] * module.stride[1])
        if isinstance(module, CONVOLUTIONS):
            gain = 2.0
        module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (gain / max(fan_in, 1)) ** 0.5)
        if module.bias is not None:
            module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=generator))
    elif (
        isinstance(module, nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm | nn.InstanceNorm2d)
        and module.weight is not None
    ):
        module.weight.copy_(0.75 + 0.5 * torch.rand(module.weight.shape, generator=generator))
        module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=generator))
        if isinstance(module, nn.BatchNorm2d):
            module.bias.add_(1.0)


def _draw_alone(name: str, parameter: Tensor, generator: torch.Generator) -> None:
    """Parameters that belong to no usual layer: scales of residual branches, position tables, tokens."""
    last = name.rsplit(".", 1)[-1]
    if "layer_scale" in name or last.startswith("lambda_"):
        parameter.copy_(0.3 + 0.4 * torch.rand(parameter.shape, generator=generator))
    elif "position" in last or last.endswith("_token"):
        parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))


@contextmanager
def _gathering(network: nn.Module) -> Iterator[None]:
    """Batch norms take the statistics of what passes, everything else stays as it judges."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [module.momentum for module in norms]
    for module in norms:
        module.train()
        module.reset_running_stats()
        module.momentum = None  # the plain mean over calls
    try:
        yield
    finally:
        for module, momentum in zip(norms, before, strict=True):
            module.eval()
            module.momentum = momentum


def _standardise(network: nn.Module, adapted: nn.Module, pictures: Tensor) -> None:
    """Logits of mean 0 and standard deviation 1 in every class, by the layer that makes them.

    Where something is added behind that layer (a residual of MONAI's U-Net), the mean is 0 and the deviation near 1.
    """
    head, made = _head(network, adapted, pictures)
    std = made.std([dimension for dimension in range(made.ndim) if dimension != 1])
    assert head.bias is not None, "the layer that makes the logits has no bias to shift them with"
    assert bool((std > 1e-4 * made.abs().max()).all()), "a class's logits are the same everywhere"
    head.weight.mul_((1 / std)[:, None, None, None])
    head.bias.mul_(1 / std)
    mean = adapted(pictures).mean((0, 2, 3))
    head.bias.sub_(mean[-len(head.bias) :])  # a binary head's class 0 has no logit of its own


def _head(network: nn.Module, adapted: nn.Module, pictures: Tensor) -> tuple[Any, Tensor]:
    """Find the last convolution that runs, and what it answers."""
    last: list[tuple[nn.Module, Tensor]] = []

    def noted(module: nn.Module, _inputs: Any, answer: Tensor) -> None:
        last[:] = [(module, answer)]

    hooks = [item.register_forward_hook(noted) for item in network.modules() if isinstance(item, CONVOLUTIONS)]
    adapted(pictures)
    for hook in hooks:
        hook.remove()
    return last[0]


def winners(logits: Tensor) -> Mapping[str, int]:
    """Count the classes there are, and those that win in at least one pixel in a thousand."""
    counts = torch.bincount(logits.argmax(1).flatten(), minlength=logits.shape[1])
    return {"classes": logits.shape[1], "winning": int((counts >= counts.sum() / 1000).sum())}
