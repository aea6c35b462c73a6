"""Recurrent layers, one step after the other as their definitions say."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from validation.milrun.registry import op

Activation = Callable[[Tensor], Tensor]

# Each with its standard parameters, so scaled_tanh is tanh and linear passes through.
_ACTIVATIONS: dict[str, Activation] = {
    "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "linear": lambda x: x,
    "relu": torch.relu,
    "scaled_tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "sigmoid_hard": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "tanh": torch.tanh,
}


def _activation(name: str) -> Activation:
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation {name!r} is unknown; one of {', '.join(_ACTIVATIONS)} was expected")
    return _ACTIVATIONS[name]


def _sequence(states: list[Tensor], output_sequence: bool) -> Tensor:
    """Stack all hidden states in the order they were computed (reverse: from the end on), or return the last one."""
    return torch.stack(states) if output_sequence else states[-1].unsqueeze(0)


def _order(x: Tensor, direction: str) -> Tensor:
    if direction not in ("forward", "reverse"):
        raise ValueError(f"direction {direction!r} is not possible here")
    return x.flip(0) if direction == "reverse" else x


@op("rnn")
def rnn(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Compute h = act(W_ih x + W_hh h + b)."""
    act = _activation(activation)
    inputs = torch.matmul(_order(x, direction), weight_ih.T)
    if bias is not None:
        inputs = inputs + bias
    h, states = initial_h, []
    for step in inputs:
        h = act(step + torch.matmul(h, weight_hh.T))
        states.append(h)
    return _sequence(states, output_sequence), h


@op("gru")
def gru(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: bool = False,
    input_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a GRU: gates in the order reset, output, update.

    The reset gate acts on h, or after its product (reset_after).
    """
    gate, act = _activation(recurrent_activation), _activation(activation)
    inputs = torch.matmul(_order(x, direction), weight_ih.T)
    if input_bias is not None:
        inputs = inputs + input_bias
    size = weight_hh.shape[1]
    zeros = torch.zeros(3 * size)
    bias_r, bias_o, bias_z = (bias if bias is not None else zeros).chunk(3)
    weight_r, weight_o, weight_z = weight_hh.chunk(3)
    h, states = initial_h, []
    for step in inputs:
        in_r, in_o, in_z = step.chunk(3, dim=-1)
        r = gate(in_r + torch.matmul(h, weight_r.T) + bias_r)
        z = gate(in_z + torch.matmul(h, weight_z.T) + bias_z)
        if reset_after:
            o = act(in_o + r * (torch.matmul(h, weight_o.T) + bias_o))
        else:
            o = act(in_o + torch.matmul(r * h, weight_o.T) + bias_o)
        h = (1 - z) * o + z * h
        states.append(h)
    return _sequence(states, output_sequence), h


class _LstmCell:
    """One direction of an LSTM: gates in the order input, forget, output, cell."""

    def __init__(
        self,
        weights: tuple[Tensor, Tensor],
        bias: Tensor | None,
        peephole: Tensor | None,
        activations: tuple[str, str, str],
        clip: float | None,
    ) -> None:
        self._weight_ih, self._weight_hh = weights
        self._bias, self._clip = bias, clip
        self._gate, self._cell, self._out = (_activation(name) for name in activations)
        size = self._weight_hh.shape[1]
        self._peephole = (peephole if peephole is not None else torch.zeros(3 * size)).chunk(3)

    def run(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Hidden states of every step, and the last hidden and cell state."""
        inputs = torch.matmul(x, self._weight_ih.T)
        if self._bias is not None:
            inputs = inputs + self._bias
        peep_i, peep_f, peep_o = self._peephole
        # coremltools gives packed sequences a longer first state; Core ML reads the rows it needs.
        h, c = h[: x.shape[1]], c[: x.shape[1]]
        states = []
        for step in inputs:
            i, f, o, z = (step + torch.matmul(h, self._weight_hh.T)).chunk(4, dim=-1)
            i, f = self._gate(i + peep_i * c), self._gate(f + peep_f * c)
            c = f * c + i * self._cell(z)
            if self._clip is not None:
                c = c.clamp(-self._clip, self._clip)
            h = self._gate(o + peep_o * c) * self._out(c)
            states.append(h)
        return states, h, c


@op("lstm")
def lstm(
    x: Tensor,
    initial_h: Tensor,
    initial_c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    peephole: Tensor | None = None,
    weight_ih_back: Tensor | None = None,
    weight_hh_back: Tensor | None = None,
    bias_back: Tensor | None = None,
    peephole_back: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM forward, in reverse or both ways; both directions' states lie side by side in the last dimension."""
    activations = (recurrent_activation, cell_activation, activation)
    cell = _LstmCell((weight_ih, weight_hh), bias, peephole, activations, clip)
    if direction != "bidirectional":
        states, h, c = cell.run(_order(x, direction), initial_h, initial_c)
        return _sequence(states, output_sequence), h, c
    if weight_ih_back is None or weight_hh_back is None:
        raise ValueError("a bidirectional LSTM needs weights for the way back")
    back = _LstmCell((weight_ih_back, weight_hh_back), bias_back, peephole_back, activations, clip)
    size = weight_hh.shape[1]
    there, h_there, c_there = cell.run(x, initial_h[:, :size], initial_c[:, :size])
    returned, h_back, c_back = back.run(x.flip(0), initial_h[:, size:], initial_c[:, size:])
    # Here the states of the way back stand beside those of the same input step.
    sequence = torch.cat([_sequence(there, output_sequence), _sequence(returned, output_sequence).flip(0)], -1)
    return sequence, torch.cat([h_there, h_back], -1), torch.cat([c_there, c_back], -1)
