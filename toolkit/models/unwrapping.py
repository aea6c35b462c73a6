"""Takes a network out of what training put around it, and brings it to float32. Imports torch.

Every converter reads a plain module in float32. A wrapper of torch.compile or DataParallel computes the same as the
module inside it, and half or double weights are exact or rounded once in float32; neither is worth a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

_ORIGINAL = "_torchdynamo_orig_callable"
"""Where torch.compile keeps the function that it was given."""


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside wrappers of torch.compile and DataParallel, whose parts lie in none either; in eval mode and
    in float32.

    Changes `network` in place. Averaged models are left as they are: what they average is not for us to say.
    """
    network = _inner(network)
    for part in list(network.modules()):
        for name, child in list(part.named_children()):
            if (inner := _inner(child)) is not child:
                setattr(part, name, inner)
        _forget_compiled(part)
    return in_float32(network).eval()


def in_float32(network: nn.Module) -> nn.Module:
    """The network with all floating-point tensors in float32, buffers that no checkpoint holds too; whole numbers
    stay.
    """
    return network.float() if any(other_floats(network)) else network


def other_floats(network: nn.Module) -> Iterator[torch.dtype]:
    """The types of its floating-point tensors that are not float32."""
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point() and tensor.dtype is not torch.float32:
            yield tensor.dtype


def _inner(module: nn.Module) -> nn.Module:
    while True:
        if isinstance(module, DataParallel | DistributedDataParallel):
            module = cast(nn.Module, module.module)
        elif isinstance(inner := module.__dict__.get("_modules", {}).get("_orig_mod"), nn.Module):
            module = inner
        else:
            return module


def _forget_compiled(module: nn.Module) -> None:
    """Undo `module.compile()` and `module.forward = torch.compile(module.forward)`."""
    if module.__dict__.get("_compiled_call_impl") is not None:
        module._compiled_call_impl = None
    own: Any = module.__dict__.get("forward")
    if own is not None and hasattr(own, _ORIGINAL):
        original = getattr(own, _ORIGINAL)
        if getattr(original, "__func__", None) is type(module).forward:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = original
