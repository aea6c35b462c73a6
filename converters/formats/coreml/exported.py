"""A network as a program of torch.export in which all that no picture changes is computed already. Imports torch.

The second way to Core ML, where coremltools does not take the traced network. BEiT, for one, writes into a table of
positions while it computes; a trace holds those writes one by one, and coremltools 9.0 refuses their shapes. In the
exported program each is a value made of the one before, none depends on the picture, and what remains after folding
is the finished table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from converters.errors import ConversionError

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def exported(network: nn.Module, picture: torch.Tensor) -> ExportedProgram:
    """`network` in torch's own few operations (ATen), with the constants folded.

    Args:
        network: float32 (1, 3, H, W) -> one tensor; in eval mode.
        picture: any that it takes.

    Raises:
        ConversionError: its answer departs from the network's after folding.
    """
    from torch.fx.experimental.const_fold import split_const_subgraphs

    with torch.no_grad():
        program = torch.export.export(network, (picture,)).run_decompositions({})
        folded = split_const_subgraphs(program.module())
        folded.run_folding()
        answer = _OneAnswer(folded)
        expected, found = network(picture), answer(picture)
        if found.shape != expected.shape or not torch.allclose(found, expected, rtol=1e-4, atol=1e-4):
            raise ConversionError("the exported program answers otherwise than the network")
        final: ExportedProgram = torch.export.export(answer, (picture,)).run_decompositions({})
    return final


class _OneAnswer(nn.Module):
    """Where there was something to fold, all answers are handed over in a tuple."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        answer = self.program(image)
        return cast(torch.Tensor, answer if isinstance(answer, torch.Tensor) else answer[0])
