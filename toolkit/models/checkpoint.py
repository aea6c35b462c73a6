"""FP-LIIF checkpoints: shipped by name, or a .safetensors that `segport train` wrote."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from converters import ModelSource, PixelRange, content_hash
from toolkit.errors import UsageError
from toolkit.options import RunOptions


def from_checkpoint(named: str, options: RunOptions) -> ModelSource:
    """The deployed network at every output size asked for; raises CheckpointError or UsageError."""
    from fpliif.checkpoint import load_checkpoint, shipped
    from fpliif.deploy import deploy

    path = Path(named) if "." in named or "/" in named else shipped(named)
    _refuse_weights_alone(path)
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


def _refuse_weights_alone(path: Path) -> None:
    """Raise UsageError for tensors without a network: somebody's state dict, alone or in what a trainer wrote."""
    from fpliif.checkpoint import KEY, SUFFIX, read_tensors

    if path.suffix == SUFFIX and KEY in read_tensors(path)[1]:
        return
    from toolkit.models.files.unpickled import read_contents, states_in

    if any(states_in(read_contents(path))) or path.suffix == SUFFIX:
        raise UsageError(
            f"{path} holds tensors without a network; name the function that makes it, and fill it: --model "
            f"package.module:factory "
            f"--weights {path}"
        )
    read_tensors(path)
    raise UsageError(f"{path} holds no network; name the function that makes it: --model package.module:factory")


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
