"""What is put around a network before it is converted: channel order and the argmax. Imports torch."""

from __future__ import annotations

import torch
from torch import nn

from converters.artifact import OutputKind
from converters.errors import SourceError
from converters.source import ModelSource


class LabelMap(nn.Module):
    """Logits (1, C, h, w) -> class ids int32 (1, h, w)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)
        return logits.argmax(1).to(torch.int32)


class ChannelsLast(nn.Module):
    """float32 (1, H, W, 3) -> ``{"logits": float32 (1, h, w, C)}`` or ``{"labels": int32 (1, h, w)}``.

    The dictionary's key becomes the name of the output in the converted file.
    """

    def __init__(self, network: nn.Module, output: OutputKind) -> None:
        super().__init__()
        self.network = network
        self.output = output

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(image.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        if self.output is OutputKind.LABELS:
            return {"labels": logits.argmax(-1).to(torch.int32)}
        return {"logits": logits}


def channels_first(network: nn.Module, output: OutputKind) -> nn.Module:
    """`network` itself, or with the argmax behind it; in eval mode."""
    return (LabelMap(network) if output is OutputKind.LABELS else network).eval()


def example_image(source: ModelSource) -> torch.Tensor:
    """A seeded noise picture, float32 (1, channels, H, W), in the value range the network takes."""
    image = torch.rand(source.picture_shape(), generator=torch.Generator().manual_seed(0))
    return image * source.pixel_range.scale


def torch_module(source: ModelSource, target: str) -> nn.Module:
    """The source's module in eval mode; raises SourceError for an ONNX source."""
    if source.module is None:
        raise SourceError(
            f"{target} is made from a torch network, but {source.name!r} is an ONNX file; give the network"
        )
    return source.module.eval()
