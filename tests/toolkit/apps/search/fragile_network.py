"""A network that plain int8 breaks at one planted layer: outlier channels stretch the range of all others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = ("night", "sand", "sea", "leaf")
COLOURS = torch.tensor([[10, 10, 40], [230, 200, 140], [30, 90, 200], [60, 160, 60]]) / 255
PLANTED = "middle"
OUTLIER = 4000.0


class Fragile(nn.Module):
    """Tells four colours apart by their distance. `middle` passes features on and adds a channel that is 4,000 times as
    large and that nobody needs: in one 8-bit tensor with it the features vanish."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.middle = nn.Conv2d(4, 5, 1)
        self.last = nn.Conv2d(5, 4, 1)
        with torch.no_grad():
            self.first.weight.copy_((2 * COLOURS)[:, :, None, None])
            self.first.bias.copy_(2 - COLOURS.square().sum(1))  # type: ignore[union-attr]
            self.middle.weight.zero_()
            self.middle.weight[:4, :, 0, 0] = torch.eye(4)
            self.middle.weight[4, 0] = OUTLIER
            self.middle.bias.zero_()  # type: ignore[union-attr]
            self.last.weight.zero_()
            self.last.weight[:, :4, 0, 0] = torch.eye(4)
            self.last.bias.zero_()  # type: ignore[union-attr]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(F.relu(self.middle(F.relu(self.first(image)))))
        return logits


def fragile() -> nn.Module:
    """For the command line: ``tests.toolkit.apps.search.fragile_network:fragile``."""
    return Fragile()
