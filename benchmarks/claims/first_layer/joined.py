"""FP-LIIF with its first pixel layer at every output pixel, as it was trained: what `fpliif.deploy` rewrites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpliif.deploy import DeployedFPLIIF, deploy
from fpliif.network import position_code

if TYPE_CHECKING:
    from fpliif.network import FPLIIF


class StillEncoder(nn.Module):
    """What all forms of a static FP-LIIF share: the deployed network's encoder, and its features on the small grid."""

    def __init__(self, still: DeployedFPLIIF, side: int) -> None:
        super().__init__()
        self.encoder, self.reduce1, self.reduce2, self.average = (
            still.encoder,
            still.reduce1,
            still.reduce2,
            still.average,
        )
        self.side = side

    def features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Features (1, feature_width, h, w) and what the encoder answered, of which the average is taken."""
        z = self.encoder(image)
        return self.reduce2(F.relu(self.reduce1(z))), z


class JoinedFPLIIF(StillEncoder):
    """Upsampled features, average and positional code joined, then every pixel layer on all pixels.

    `forward` takes float32 RGB 0..1 (1, 3, side, side) and answers logits (1, classes, side, side). Everything but
    the first pixel layer is the deployed network's own: norms are folded, unfolding is a convolution.
    """

    def __init__(self, network: FPLIIF, side: int) -> None:
        still = deploy(network, side, side)
        super().__init__(still, side)
        first = network.pixel[0]
        assert isinstance(first, nn.Linear)
        self.first = nn.Conv2d(first.in_features, first.out_features, 1)
        with torch.no_grad():
            self.first.weight.copy_(first.weight[:, :, None, None])
            assert self.first.bias is not None
            self.first.bias.copy_(first.bias)
        self.rest = still.pixel
        code = position_code(side, network.config.position_bands).T
        places = torch.cat(
            [code[:, :, None].expand(-1, side, side), code[:, None, :].expand(-1, side, side)]
        ).contiguous()
        self.register_buffer("places", places[None])
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        grid, z = self.features(image)
        size = (self.side, self.side)
        upsampled = F.interpolate(grid, size=size, mode="bilinear", align_corners=False)
        # Upsampling the average of one cell repeats it; converters take that where they refuse to expand it.
        average = F.interpolate(self.average(z), size=size, mode="bilinear", align_corners=False)
        joined = torch.cat([upsampled, average, self.places], dim=1)  # type: ignore[list-item]
        return self.rest(self.first(joined))  # type: ignore[no-any-return]
