"""Find out what a torch network's answers are: follow the operations that run, and look at the values. Imports
torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from converters.scores import Trace, Values

_MARK = "_segport_trace"
_ROUNDING = 1e-3
_SIGMOID = {"sigmoid", "hardsigmoid", "special_expit"}
_SOFTMAX = {"softmax", "_softmax", "_safe_softmax"}
_LINEAR = {
    *("convolution", "_convolution", "conv2d", "conv1d", "conv3d", "conv_transpose2d", "mkldnn_convolution", "linear"),
    *("mm", "addmm", "bmm", "baddbmm", "matmul", "einsum", "native_batch_norm", "batch_norm", "native_layer_norm"),
    *("_native_batch_norm_legit_no_training", "_native_batch_norm_legit", "cudnn_batch_norm", "native_group_norm"),
}
_SUMS = {"add", "sub", "rsub"}
_BOUNDS = {"clamp", "clamp_min", "clamp_max", "clip", "hardtanh"}
_PASSED_OVER = {
    *(
        "view",
        "_unsafe_view",
        "reshape",
        "_reshape_alias",
        "permute",
        "transpose",
        "t",
        "slice",
        "select",
        "squeeze",
        "unsqueeze",
    ),
    *(
        "clone",
        "_to_copy",
        "to",
        "contiguous",
        "alias",
        "detach",
        "expand",
        "cat",
        "stack",
    ),
    *(
        "constant_pad_nd",
        "pad",
        "flip",
        "index",
        "index_select",
        "narrow",
        "split",
        "split_with_sizes",
        "chunk",
        "unbind",
        "copy",
    ),
    *(
        "lift_fresh",
        "pixel_shuffle",
        "max_pool2d",
        "max_pool2d_with_indices",
        "avg_pool2d",
        "grid_sampler_2d",
        "flatten",
    ),
    *(
        "unflatten",
        "movedim",
        "view_as",
        "reshape_as",
        "expand_as",
        "dropout",
        "type_as",
        "float",
        "select_copy",
        "slice_copy",
    ),
}


def traced(module: torch.nn.Module, picture: torch.Tensor) -> Any:
    """The answer to a picture; `trace_of` tells of each tensor in it where it comes from."""
    with torch.no_grad(), _Follow():  # type: ignore[no-untyped-call]
        return module(picture)


def trace_of(answer: torch.Tensor) -> Trace:
    """The last operation that changed the values of what `traced` answered."""
    found = getattr(answer, _MARK, None)
    return found if isinstance(found, Trace) else Trace.OTHER


def values_of(answers: Sequence[torch.Tensor]) -> Values:
    """Where the values of answers (1, C, h, w) to several pictures lie."""
    inside = all(bool(((answer >= 0) & (answer <= 1)).all()) for answer in answers)
    whole = inside and all(bool(((answer.sum(1) - 1).abs() <= _ROUNDING).all()) for answer in answers)
    return Values(inside, whole)


class _Follow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Marks every tensor with the last operation that changed its values."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [value for value in tree_leaves((args, kwargs or {})) if isinstance(value, torch.Tensor)]
        found = _trace(func._schema.name.split("::")[-1].rstrip("_"), [trace_of(value) for value in given])
        answer = func(*args, **(kwargs or {}))
        for value in tree_leaves(answer):
            if isinstance(value, torch.Tensor):
                setattr(value, _MARK, found)
        return answer


def _trace(name: str, given: Sequence[Trace]) -> Trace:
    if name in _SIGMOID:
        return Trace.SIGMOID
    if name in _SOFTMAX:
        return Trace.SOFTMAX
    if name in _LINEAR:
        return Trace.LINEAR
    if name in _SUMS or (name in ("mul", "div") and len(given) == 1):
        return Trace.LINEAR if Trace.LINEAR in given else Trace.OTHER
    if name in _BOUNDS:
        return Trace.OTHER if Trace.LINEAR in given else next(iter(given), Trace.OTHER)
    if name in _PASSED_OVER or name.startswith(("upsample_", "_upsample_", "adaptive_avg_pool", "_adaptive_avg_pool")):
        return given[0] if given and len(set(given)) == 1 else Trace.OTHER
    return Trace.OTHER
