"""From what the user names as a model to a ModelSource that every converter accepts.

Nothing found in a file is ever executed: checkpoints are safetensors or state dicts read with `weights_only=True`. The one
exception is a factory, `package.module:name`: that is the user's own code, and naming it is asking for it to run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import ModelSource, PixelRange, SourceError, content_hash
from toolkit.config import RunOptions
from toolkit.errors import UsageError

if TYPE_CHECKING:
    import torch


def load_source(options: RunOptions) -> ModelSource:
    """Resolve `options.model`.

    Raises:
        SourceError, CheckpointError: no such model, or one that cannot be used; the sentence says what to do.
        UsageError: several output sizes of a model that has one, or a default size that is not among them.
        MissingToolError: an ONNX model without the onnx package.
    """
    named = options.model
    if options.output_sizes and (named.endswith(".onnx") or (":" in named and not Path(named).exists())):
        raise UsageError(
            f"--output-sizes is for FP-LIIF checkpoints, which answer at any size; {named} answers at one, so leave it out"
        )
    if ":" in named and not Path(named).exists():
        return _from_factory(named, options)
    if named.endswith(".onnx"):
        return _from_onnx(Path(named), options)
    return _from_checkpoint(named, options)


def _from_checkpoint(named: str, options: RunOptions) -> ModelSource:
    from fpliif.checkpoint import load_checkpoint, shipped
    from fpliif.deploy import deploy

    path = Path(named) if "." in named or "/" in named else shipped(named)
    checkpoint = load_checkpoint(path)
    weights_sha256 = content_hash(path)

    def answering_at(size: tuple[int, int]) -> ModelSource:
        return ModelSource(
            name=path.stem,
            classes=checkpoint.labels.names,
            colours=checkpoint.labels.colours,
            input_size=options.input_size,
            output_size=size,
            pixel_range=PixelRange(options.pixel_range),
            parameters=sum(parameter.numel() for parameter in checkpoint.network.parameters()),
            weights_sha256=weights_sha256,
            origin=named,
            module=deploy(
                checkpoint.network, output_size=size, input_size=options.input_size, pixel_range=options.pixel_range
            ),
        )

    default = default_output_size(options)
    if not options.output_sizes:
        return answering_at(default)
    sizes = tuple(answering_at(size) for size in options.output_sizes)
    return dataclasses.replace(sizes[options.output_sizes.index(default)], sizes=sizes)


def default_output_size(options: RunOptions) -> tuple[int, int]:
    """The size of an answer where none is chosen: the one asked for, else the input's, else the largest there is.

    Raises:
        UsageError: the one asked for is not among several that are.
    """
    sizes = options.output_sizes
    if options.output_size is None and sizes and options.input_size not in sizes:
        return max(sizes, key=lambda size: size[0] * size[1])
    default = options.output_size or options.input_size
    if sizes and default not in sizes:
        raise UsageError(
            f"--output-size {default[0]}x{default[1]} is not among --output-sizes; add it there or leave it out"
        )
    return default


def _from_factory(named: str, options: RunOptions) -> ModelSource:
    import torch

    module = _call_factory(named)
    if options.weights is not None:
        _load_weights(module, options.weights)
    module = module.eval()
    parameters = list(module.parameters())
    for parameter in parameters:
        parameter.requires_grad_(False)
    with torch.inference_mode():
        answer = module(torch.zeros(1, 3, *options.input_size))
    if not isinstance(answer, torch.Tensor) or answer.ndim != 4:
        raise SourceError(
            f"{named} must answer with a logits tensor (1, classes, h, w), not {_described(answer)}; wrap it in a module that does"
        )
    classes = _class_names(options, int(answer.shape[1]))
    return ModelSource(
        name=named.rsplit(":", 1)[1],
        classes=classes,
        colours=palette(len(classes)),
        input_size=options.input_size,
        output_size=(int(answer.shape[2]), int(answer.shape[3])),
        pixel_range=PixelRange(options.pixel_range),
        parameters=sum(parameter.numel() for parameter in parameters),
        weights_sha256=_module_hash(module),
        origin=named,
        module=module,
    )


def _call_factory(named: str) -> torch.nn.Module:
    import torch

    module_name, _, attribute = named.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(importlib.import_module(module_name), attribute)
        made = made if isinstance(made, torch.nn.Module) else made()
    except Exception as error:  # the user's own code may raise anything; its sentence is passed on
        raise SourceError(
            f"{named} could not be called ({type(error).__name__}: {error}); it must be an importable torch.nn.Module or a "
            "function without arguments that returns one"
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, torch.nn.Module):
        raise SourceError(f"{named} returned {_described(made)}; it must return a torch.nn.Module")
    return made


def _load_weights(module: torch.nn.Module, path: Path) -> None:
    from fpliif.checkpoint import read_tensors

    tensors, _ = read_tensors(path)
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        differences = " ".join(str(error).split())[:300]
        raise SourceError(
            f"{path} does not fit the network ({differences}); give the weights it was trained to"
        ) from error


def _from_onnx(path: Path, options: RunOptions) -> ModelSource:
    from converters.onnx_source import describe_onnx

    described = describe_onnx(path)
    classes = _class_names(options, described.classes, described.class_names)
    return ModelSource(
        name=path.stem,
        classes=classes,
        colours=palette(len(classes)),
        input_size=described.input_size,
        output_size=described.output_size,
        pixel_range=PixelRange(options.pixel_range),
        parameters=described.parameters,
        weights_sha256=content_hash(path),
        origin=str(path),
        onnx_path=path,
    )


def _class_names(options: RunOptions, count: int, stored: tuple[str, ...] = ()) -> tuple[str, ...]:
    if options.classes is None:
        return stored or tuple(f"class_{index}" for index in range(count))
    try:
        names = tuple(line.strip() for line in options.classes.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"class list {options.classes} cannot be read ({error}); give a text file, one name a line"
        ) from error
    if len(names) != count:
        raise SourceError(
            f"{options.classes} names {len(names)} classes but the model answers with {count}; make them agree"
        )
    return names


def palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for classes without any: black first, then hues a golden angle apart, so that neighbours differ."""
    import colorsys

    colours = [(0, 0, 0)]
    for index in range(1, count):
        red, green, blue = colorsys.hsv_to_rgb(index * 0.61803398875 % 1.0, 0.55 + 0.4 * (index % 2), 0.95)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colours[:count])


def _module_hash(module: torch.nn.Module) -> str:
    state = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        state.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        state.update(tensor.detach().contiguous().cpu().numpy().tobytes())
    return state.hexdigest()


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {tuple(shape)}" if shape is not None else type(value).__name__
