"""8-bit weights and activations placed in the torch network, before it is converted: coremltools' other route.

    coremltools on the program (activations.py)    x -> quantize -> dequantize -> conv -> relu -> add ...
    coremltools on the network (here)              x -> q -> dq -> conv -> relu -> q -> dq -> add -> q -> dq ...

`LinearQuantizer` follows every value with a pair, sums and the answer among them. It is made for training; here it only
watches: observers see the calibration pictures go through the float network, and nothing is trained.
"""

from __future__ import annotations

import warnings
from typing import Any

from converters.artifact import PixelRange
from converters.contract import Job
from converters.errors import ConversionError, SourceError, in_one_line
from converters.formats.coreml.tool import coremltools
from converters.tools.importing import tool

OBSERVING, NEVER = 0, 1 << 30
"""Milestones of `LinearQuantizer`, in steps: observers from the first step, fake rounding and the rest not at all."""


def quantized_network(job: Job) -> Any:
    """Return the source's network as a torch.fx.GraphModule whose weights and activations pass through 8 bits.

    Ranges run from the smallest to the largest value that a tensor had on the calibration pictures.

    Raises:
        ConversionError: there are no calibration pictures.
        SourceError: the network's code branches on values or does something else that torch.fx cannot follow.
    """
    import torch

    from converters.torch_sources.heads import example_image, torch_module

    source, calibration = job.source, job.calibration
    if calibration is None:
        raise ConversionError(f"recipe {job.recipe.name!r} measures activations on calibration pictures; give some")
    quantizer = _quantizer(torch_module(source, "Core ML"))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is deprecated, and coremltools has nothing else yet
        try:
            watched = quantizer.prepare(example_inputs=(example_image(source),), inplace=False).eval()
        except torch.fx.proxy.TraceError as error:
            raise SourceError(
                f"{source.name} branches on values, so torch's quantizer cannot follow it; use recipe 'w8a8' instead"
            ) from error
        except Exception as error:  # the network's own code, called with stand-ins for tensors, may raise anything
            raise SourceError(
                f"{source.name} computes in ways that torch's quantizer cannot follow ({in_one_line(error)}); use"
                " recipe 'w8a8' instead"
            ) from error
        quantizer.step()
        for picture in calibration.tensors(unit_range=source.pixel_range is PixelRange.UNIT):
            watched(torch.from_numpy(picture).permute(0, 3, 1, 2).contiguous())
        return quantizer.finalize(inplace=False).eval()


def _quantizer(network: Any) -> Any:
    coremltools()
    torch_side = tool("coremltools.optimize.torch.quantization", "coreml")
    options = {
        "quantization_scheme": "affine",
        "activation_observer": "min_max",
        "weight_observer": "min_max",
        "milestones": [OBSERVING, NEVER, NEVER, NEVER],
    }
    return torch_side.LinearQuantizer(network, torch_side.LinearQuantizerConfig.from_dict({"global_config": options}))
