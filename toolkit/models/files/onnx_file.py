"""ONNX files of any form; what they lack for one NCHW picture in and one NCHW map of logits out is put around their
graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from converters import ModelSource, PixelRange, SourceError
from converters.onnx_sources.adapter import OnnxForm, adapted_onnx, fits_already
from converters.onnx_sources.reading import (
    count_parameters,
    described,
    onnx_hash,
    read_onnx,
    stands_in_order,
    stored_class_names,
    weights_beside,
)
from converters.onnx_sources.scores import meaning_in, trace_of
from converters.scores import AnswerKind, Meaning, Scores, Trace, Values, meaning
from toolkit.errors import UsageError
from toolkit.isolation.limits import Limits
from toolkit.isolation.process import GuardedProcess, LostError
from toolkit.models.naming import MOST_CLASSES, class_names, palette, picture_form
from toolkit.options import RunOptions
from toolkit.run_folder.files import write_bytes
from toolkit.run_folder.folder import RunFolder

Made = TypeVar("Made")

ADAPTING = ("mean", "std", "channel_order", "model_layout", "upsample", "answer", "answer_kind", "output_size")
"""Options that put something around a network."""


def from_onnx(path: Path, options: RunOptions) -> ModelSource:
    """The network of a file: as it is where it fits, else in a file of our own in the run folder's cache.

    Raises:
        SourceError: no usable file, or one that cannot be brought to take a picture and answer with logits.
        UsageError: the run folder cannot be written.
        MissingToolError: the onnx extra is not installed.
    """
    model, form, beside = read_onnx(path), _form(options), weights_beside(path)
    fits = fits_already(model, form) and not beside and stands_in_order(path)
    weights = onnx_hash(path, beside)
    if not fits:
        weights = hashlib.sha256(f"{weights}\0{form}".encode()).hexdigest()
    used, whole = (path, model) if fits else _adapted(path, form, options, weights)
    found = described(whole, path)
    meant = meaning_in(whole) or Meaning()
    if fits:
        meant = _meant(path, model, found.output_name, found.classes, form, options)
    elif meant.scores is not Scores.LOGITS:  # what is put around the graph depends on it
        weights = hashlib.sha256(f"{weights}\0{meant.scores.value}".encode()).hexdigest()
    if found.classes > MOST_CLASSES:
        raise SourceError(f"{path} answers with {found.classes} classes; segport goes up to {MOST_CLASSES}")
    classes = class_names(options, found.classes, stored_class_names(model, found.classes))
    return ModelSource(
        name=path.stem,
        classes=classes,
        colours=palette(len(classes)),
        input_size=found.input_size,
        output_size=found.output_size,
        pixel_range=PixelRange(options.pixel_range),
        parameters=count_parameters(model),
        channels=found.channels,
        weights_sha256=weights,
        origin=str(path),
        onnx_path=used,
        meaning=meant,
    )


def _form(options: RunOptions) -> OnnxForm:
    return OnnxForm(
        picture=picture_form(options),
        size=options.input_size,
        insists=bool(options.given("input_size")),
        answer=options.answer,
        output_size=options.output_size,
        upsample=options.upsample,
        kind=AnswerKind(options.answer_kind),
    )


def _adapted(path: Path, form: OnnxForm, options: RunOptions, fingerprint: str) -> tuple[Path, Any]:
    """A file in the run folder's cache, named by all that decides it, and what it holds; made anew each time, so that
    it is never another's."""
    import onnx

    content = _guarded(adapted_bytes, path, form, options)
    kept = RunFolder(options.out).cache / "onnx" / f"{path.stem}-{fingerprint[:12]}.onnx"
    try:
        write_bytes(kept, content)
    except OSError as error:
        raise UsageError(
            f"output folder {options.out} cannot be written ({error}); choose another with --out"
        ) from error
    return kept, onnx.load_model_from_string(content)


def _meant(path: Path, model: Any, output: str, classes: int, form: OnnxForm, options: RunOptions) -> Meaning:
    """What the answers of a graph are that is used as it is: tried on pictures only where its last operation does not
    tell."""
    trace = trace_of(model.graph, output)
    if trace is Trace.OTHER:
        return _guarded(meaning_by_values, path, form, options)
    return meaning(classes, trace, Values(trace is Trace.SOFTMAX, trace is Trace.SOFTMAX), form.kind)


def meaning_by_values(path: Path, form: OnnxForm, pixel_range: str) -> Meaning:
    """What the answers of a file are, tried on pictures; raises as `adapted_onnx` and `read_onnx`."""
    import onnx

    return meaning_in(onnx.load_model_from_string(adapted_bytes(path, form, pixel_range))) or Meaning()


def adapted_bytes(path: Path, form: OnnxForm, pixel_range: str) -> bytes:
    """The file of `converters.onnx_sources.adapter.adapted_onnx`; raises as that and `read_onnx`."""
    whole = adapted_onnx(read_onnx(path), str(path), form, PixelRange(pixel_range).scale)
    return bytes(whole.SerializeToString(deterministic=True))


def _guarded(work: Callable[[Path, OnnxForm, str], Made], path: Path, form: OnnxForm, options: RunOptions) -> Made:
    """What `work` makes of a file, in a process of its own unless told otherwise: a damaged graph may crash or hang
    what runs it."""
    if not options.isolate:
        return work(path, form, options.pixel_range)
    try:
        process = GuardedProcess(
            "the process that fits ONNX files", Limits.of(options.time_limit, options.memory_limit)
        )
        try:
            return process.call(work, path, form, options.pixel_range)
        finally:
            process.stop()
    except LostError as lost:
        raise SourceError(f"{path} could not be brought into segport's form ({lost}); export it again") from lost
