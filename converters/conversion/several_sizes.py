"""Make one artifact for several output sizes: convert each size as an artifact of its own, then join them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from converters.artifact import Signature, content_size
from converters.contract import Converter, Job, Part, Written
from converters.conversion.routes import convert_by_routes
from converters.source import ModelSource


def signature_name(size: tuple[int, int]) -> str:
    """Name the signature or function that answers at (height, width): ``size_256``, ``size_256x320``."""
    height, width = size
    return f"size_{height}" if height == width else f"size_{height}x{width}"


def convert_sizes(target: Converter, job: Job) -> Written:
    """Write one artifact that answers at the source's size and at all of `source.sizes`; raises as `Converter.convert`.

    A format that holds one size a file gets the source's own size.
    """
    source = job.source
    if not source.sizes or not target.joins:
        written = convert_by_routes(target, job)
        if not source.sizes:
            return written
        held = {"output sizes": f"{_words(source.output_size)} only: {target.format} holds one size a file"}
        return dataclasses.replace(written, provenance={**written.provenance, **held})
    parts = [_part(target, dataclasses.replace(job, source=one)) for one in _default_first(source)]
    target.join(parts, job.destination)
    default = parts[0].written
    signatures = tuple(
        Signature(part.name, part.written.output, default=part is parts[0])
        for part in sorted(parts, key=lambda part: part.written.output.height * part.written.output.width)
    )
    facts = {
        "output sizes": ", ".join(
            f"{item.name} {_words((item.output.height, item.output.width))}" for item in signatures
        ),
        "bytes of the default size alone": str(content_size(parts[0].path)),
    }
    for part in parts:
        _remove(part.path)
    return Written(default.image, default.output, {**default.provenance, **target.joined_facts, **facts}, signatures)


def _part(target: Converter, job: Job) -> Part:
    """Convert one size in a room of its own below the workspace, where other recipes find its intermediate files
    again."""
    name = signature_name(job.source.output_size)
    room = job.workspace / name
    room.mkdir(exist_ok=True)
    path = room / f"{job.conversion.name}{target.suffix}"
    return Part(name, path, convert_by_routes(target, dataclasses.replace(job, destination=path, workspace=room)))


def _default_first(source: ModelSource) -> Sequence[ModelSource]:
    return sorted(source.sizes, key=lambda one: one.output_size != source.output_size)


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
