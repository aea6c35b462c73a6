"""Which kind of model a name means."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from converters import ModelSource
from toolkit.errors import UsageError
from toolkit.models.checkpoint import from_checkpoint
from toolkit.models.factory import from_factory
from toolkit.models.files.exported import EXPORTED, SCRIPTED, from_exported, from_torchscript, is_torchscript
from toolkit.models.files.onnx_file import ADAPTING, from_onnx
from toolkit.options import RunOptions


def load_source(options: RunOptions) -> ModelSource:
    """Resolve `options.model`.

    Raises:
        SourceError, CheckpointError: no such model, or one that cannot be used; the sentence says what to do.
        UsageError: several output sizes of a model that has one, a default size that is not among them, or an option
            that this kind of model cannot honour.
        MissingToolError: an ONNX model without the onnx package.
    """
    named, path = options.model, Path(options.model)
    is_factory = ":" in named and not path.exists()
    is_graph = path.suffix in (*EXPORTED, *SCRIPTED) or (path.is_file() and is_torchscript(path))
    if options.weights is not None and not is_factory:
        raise UsageError(
            f"--weights fills the network of a factory, package.module:name; {named} has weights of its own, so "
            f"leave it out"
        )
    if options.output_sizes and (is_factory or is_graph or path.suffix == ".onnx"):
        raise UsageError(
            f"--output-sizes is for FP-LIIF checkpoints, which answer at any size; {named} answers at one, so leave "
            f"it out"
        )
    if options.input_shapes and not (is_factory or is_graph):
        raise UsageError(
            f"--input-shapes is for torch networks whose graph takes any size, and that of {named} is fixed; for "
            f"several "
            "answer sizes of FP-LIIF use --output-sizes"
        )
    if is_factory:
        return _with_input_shapes(from_factory(named, options), options)
    if path.suffix == ".onnx":
        return from_onnx(path, options)
    if path.suffix in EXPORTED:
        return _with_input_shapes(from_exported(path, options), options)
    if is_graph:
        return _with_input_shapes(from_torchscript(path, options), options)
    foreign = [name for name in options.given(*ADAPTING, "channels") if name != "output_size"]
    if foreign:
        raise UsageError(
            f"--{foreign[0].replace('_', '-')} is for networks of your own; FP-LIIF checkpoints state theirs"
        )
    return from_checkpoint(named, options)


def _with_input_shapes(source: ModelSource, options: RunOptions) -> ModelSource:
    """The source for pictures of all the shapes asked for; raises UsageError if its own size is not among them."""
    if options.input_shapes and source.input_size not in options.input_shapes:
        height, width = source.input_size
        raise UsageError(
            f"--input-size {height}x{width} is not among --input-shapes; add it there, or name one of them by "
            f"--input-size"
        )
    return dataclasses.replace(source, input_shapes=options.input_shapes)


def same_source(options: RunOptions, manifest: Mapping[str, Any]) -> ModelSource:
    """The model again; raises UsageError if it is not the one the artifacts were made from."""
    source = load_source(options)
    if source.weights_sha256 != manifest["model"]["weights_sha256"]:
        raise UsageError(
            f"the weights of {options.model} have changed since these artifacts were made; "
            f"`segport convert --again {options.out}` makes them from what it is now"
        )
    return source
