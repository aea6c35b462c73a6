"""ONNX networks as torch modules, for targets that are made from torch: onnx2torch reads the graph, and what comes
out is held against ONNX Runtime before anything is made of it."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from converters.errors import ConversionError, SourceError, in_one_line
from converters.onnx_sources.checked import OPSET, check_onnx_source, simplified
from converters.onnx_sources.opsets import lowered
from converters.onnx_sources.padding import with_even_padding
from converters.onnx_sources.resizes import with_matrices
from converters.tools.importing import tool

if TYPE_CHECKING:
    import torch

    from converters.source import ModelSource

TOOLS = ("torch", "onnx", "onnxsim", "onnx2torch", "onnxruntime")
"""Packages that decide what is made."""
IMPORTED = "onnx2torch"
"""Name of routes that go through here."""
LARGEST_ERROR = 1e-3
"""Largest accepted difference from ONNX Runtime, as a fraction of the logits' range (float32 round-off is below
1e-5).
"""


def imported(source: ModelSource) -> ModelSource:
    """`source` with a torch module, of the same interface, in place of its ONNX file; a torch source as it is.

    Raises:
        MissingToolError: a needed package is not installed.
        SourceError: the file is unreadable, or not one picture in and one score map out.
        ConversionError: it holds an operator that onnx2torch does not know, or the module computes something else.
    """
    if source.onnx_path is None:
        return source
    return dataclasses.replace(source, module=_module(source), onnx_path=None)


@lru_cache(maxsize=1)
def _module(source: ModelSource) -> torch.nn.Module:
    """The checked module; once for all recipes of a process. The source's hash of its weights tells a file from its
    successor.
    """
    import torch
    from torch._export.converter import TS2EPConverter

    from converters.torch_sources.adapter import FixedMode

    check_onnx_source(source)
    path = source.onnx_path
    assert path is not None  # `check_onnx_source` would have refused
    picture = torch.rand(source.picture_shape(), generator=torch.Generator().manual_seed(0))
    picture *= source.pixel_range.scale
    network = _read(path)
    try:
        with torch.no_grad():
            traced = torch.jit.trace(network, picture, check_trace=False)  # type: ignore[no-untyped-call]
            # Sizes stand in ONNX as tensors; frozen they are numbers, which the exporter wants.
            program = TS2EPConverter(torch.jit.freeze(traced.eval()), (picture,)).convert()
    except Exception as error:  # torch's errors share no base class
        raise ConversionError(
            f"{path} could be read by onnx2torch, but is no one graph of torch operations ({in_one_line(error)}); "
            "give the torch network instead"
        ) from error
    graph = program.module(check_guards=False)
    graph.validate_inputs = False  # type: ignore[assignment]  # its check of shapes cannot be traced; ours has been made
    module = FixedMode(graph)
    _check(module, path, picture)
    return module


def _read(path: Path) -> torch.nn.Module:
    """The graph as onnx2torch reads it once shape arithmetic and repeated names of one tensor are folded away."""
    model = with_matrices(with_even_padding(lowered(simplified(tool("onnx", "onnx").load(str(path))), OPSET)))
    with _without_detection():
        onnx2torch = tool("onnx2torch", "onnx")
    try:
        return onnx2torch.convert(model).eval()  # type: ignore[no-any-return]
    except NotImplementedError as error:
        raise ConversionError(
            f"onnx2torch does not know an operator of {path} ({in_one_line(error)}); give the torch network instead"
        ) from error
    except Exception as error:  # it raises anything
        raise ConversionError(
            f"onnx2torch cannot read {path} ({in_one_line(error)}); give the torch network instead"
        ) from error


def _check(module: torch.nn.Module, path: Path, picture: torch.Tensor) -> None:
    """Raise ConversionError unless the module computes what ONNX Runtime makes of the file."""
    import torch

    session = tool("onnxruntime", "onnx").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: picture.numpy()})
    with torch.inference_mode():
        found = module(picture).numpy()
    if found.shape != expected.shape:
        raise ConversionError(f"onnx2torch makes a network of {path} that answers {found.shape}, not {expected.shape}")
    error = float(np.abs(found - expected).max()) / max(float(np.ptp(expected)), 1e-12)
    if not error <= LARGEST_ERROR:
        agreed = f"{-20 * math.log10(error):.0f} dB of the logits' range" if math.isfinite(error) else "nothing"
        raise ConversionError(
            f"onnx2torch makes a network of {path} that computes something else than ONNX Runtime (agrees to "
            f"{agreed}); give the torch "
            "network instead"
        )


@contextmanager
def _without_detection() -> Iterator[None]:
    """Let onnx2torch be imported without torchvision, which it needs for the operators of object detectors alone.

    PyPI's torchvision fits PyPI's torch, not one built for the CPU alone, and its import fails beside that. Where it
    cannot be imported an empty module takes its place for the moment.
    """
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        names = ["torchvision", "torchvision.ops"]
    else:
        names = []
    for name in [name for name in sys.modules if names and name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what a failed import left
    for name in names:
        sys.modules[name] = ModuleType(name)
    if names:
        sys.modules["torchvision.ops"].roi_align = _absent  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _absent(*_: Any, **__: Any) -> None:
    raise SourceError("the network uses an operator of object detectors, which needs torchvision; install it")
