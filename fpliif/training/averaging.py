"""Keep an exponential moving average of a network's weights; it is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from fpliif.network import FPLIIF


class WeightAverage:
    """Keep average = decay * average + (1 - decay) * weights, running statistics of norms included.

    The first updates use a smaller decay, (1 + n) / (10 + n), so that the random start is forgotten quickly.

    Args:
        network: what to average; its current weights are the start.
        decay: in 0..1.
    """

    def __init__(self, network: FPLIIF, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: FPLIIF) -> None:
        """Take in the weights of `network` after a step."""
        self.updates += 1
        share = 1.0 - min(self.decay, (1.0 + self.updates) / (10.0 + self.updates))
        averages: list[Tensor] = []
        weights: list[Tensor] = []
        for average, weight in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                averages.append(average)
                weights.append(weight)
            else:
                average.copy_(weight)
        torch._foreach_lerp_(averages, weights, share)
