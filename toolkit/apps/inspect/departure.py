"""Do `segport inspect --compare`: make the reference of a package, compare them, and put the answer into words or
JSON."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import ModelSource, OutputKind, make_plan
from converters.conversion.perform import perform
from converters.onnx_sources.torch_import import imported
from quantization import recipe
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.options import RunOptions, checked_options
from validation.milrun import Interpreter
from validation.observing.departure import (
    THRESHOLD_DB,
    Departure,
    OperationNoise,
    OutputNoise,
    compare_output,
    compare_packages,
    given,
)
from validation.runners.base.resizing import fit_picture

if TYPE_CHECKING:
    from segdata import Dataset

SCHEMA = 1
PACKAGE = ".mlpackage"


def compare(
    artifact: Path,
    against: str,
    pictures: int = 2,
    dataset: str = "synthetic-faces",
    threshold_db: float = THRESHOLD_DB,
) -> Departure:
    """Compare an .mlpackage with its float reference, operation by operation.

    Args:
        artifact: the package to examine.
        against: a float32 .mlpackage of the same network, or whatever `--model` takes; of a network, the float32
            package is made in a temporary folder and both packages' outputs are compared with torch as well.
        pictures: how many pictures of `dataset`'s test split.
        threshold_db: see `Departure.first`.

    Raises:
        UsageError: not an .mlpackage, or a threshold that is no number.
        SourceError, ConversionError, MissingToolError: the network cannot be loaded or converted.
        ValidationError, MilRunError: the packages cannot be compared or executed.
    """
    if artifact.suffix != PACKAGE:
        raise UsageError(f"only Core ML packages are compared operation by operation, not {artifact.name}")
    if not math.isfinite(threshold_db):
        raise UsageError(f"a threshold of {threshold_db} dB means nothing; give a number such as {THRESHOLD_DB:g}")

    model = Interpreter(artifact)
    options = _options(model, artifact, against, pictures, dataset)
    shown = _pictures(options)
    images = [shown[index].image for index in range(len(shown))]
    if Path(against).suffix == PACKAGE:
        return compare_packages(artifact, Path(against), images, threshold_db=threshold_db)

    with tempfile.TemporaryDirectory() as place:
        source = imported(load_source(options.model_copy(update={"out": Path(place)})))
    with _float32_package(source, model) as reference:
        found = compare_packages(artifact, reference, images, source.pixel_range.scale, threshold_db)
        outputs = (
            *found.outputs,
            *_against_torch(source, [("this package", model), ("float32 package", Interpreter(reference))], images),
        )
    return Departure(
        str(artifact), f"{against}, converted to float32", len(images), threshold_db, found.operations, outputs
    )


def _options(model: Interpreter, artifact: Path, against: str, pictures: int, dataset: str) -> RunOptions:
    """Take the picture's and the answer's size from the package itself."""
    features = (*model.inputs[:1], *model.outputs[:1])
    if len(features) != 2 or any(feature.shape is None for feature in features):
        raise UsageError(f"{artifact} does not take one picture of a fixed size; only such packages are compared")
    takes, answers = (tuple(feature.shape or ())[-2:] for feature in features)
    sizes: dict[str, Any] = {}
    if Path(against).suffix != PACKAGE:
        sizes = {"model": against, "output_size": answers}
    if features[0].kind == "array" and len(features[0].shape or ()) == 4 and (features[0].shape or ())[1] != 3:
        sizes["channels"] = (features[0].shape or ())[1]
    return checked_options({"input_size": takes, "images": pictures, "dataset": dataset} | sizes)


def _pictures(options: RunOptions) -> Dataset:
    from segdata.registry import open_dataset

    return open_dataset(options.dataset, split=options.split, size=max(options.input_size), limit=options.images)


@contextmanager
def _float32_package(source: ModelSource, model: Interpreter) -> Iterator[Path]:
    """Make the network a float32 package of the same kind of answer, in a folder that vanishes."""

    kind = OutputKind.LABELS if len(model.outputs[0].shape or ()) == 3 else OutputKind.LOGITS
    plan = make_plan(source, [("coreml", recipe("float32"))], output=kind)
    with tempfile.TemporaryDirectory() as folder:
        (outcome,) = perform(plan, Path(folder))
        if outcome.error is not None:
            raise outcome.error
        assert outcome.artifact is not None  # an outcome has one of the two
        yield outcome.artifact.path


def _against_torch(
    source: ModelSource, models: list[tuple[str, Interpreter]], images: list[Any]
) -> Iterator[OutputNoise]:
    """Compare the packages' answers with the network's own, where both are class scores."""
    import torch

    assert source.module is not None  # it was imported
    expected = []
    with torch.inference_mode():
        for image in images:
            fitted = torch.from_numpy(fit_picture(image, *source.input_size).copy()).permute(2, 0, 1)[None].float()
            expected.append(source.module(fitted * (source.pixel_range.scale / 255)).numpy())
    for title, model in models:
        name = model.outputs[0].name
        answers = [model.predict(given(model, image, source.pixel_range.scale))[name] for image in images]
        if answers[0].ndim == expected[0].ndim - 1:
            yield compare_output(name, f"torch, {title}", [scores.argmax(1) for scores in expected], answers)
        else:
            yield compare_output(name, f"torch, {title}", expected, answers)


def to_json(found: Departure) -> dict[str, Any]:
    """Give the document of `--json`. JSON has no infinity: "exact" and "overflow" stand for inf and -inf dB."""
    first, loss = found.first, found.largest_loss
    return {
        "schema": SCHEMA,
        "candidate": found.candidate,
        "reference": found.reference,
        "pictures": found.pictures,
        "threshold_db": found.threshold_db,
        "first_departure": None if first is None else first.name,
        "cause": found.cause,
        "largest_loss": None if loss is None else loss.name,
        "operations": [
            {
                "number": item.number,
                "name": item.name,
                "op": item.kind,
                "sqnr_db": _number(item.sqnr_db),
                "float32_sqnr_db": _number(item.float32_db),
                "lost_db": _number(item.lost_db),
                "note": item.note,
            }
            for item in found.operations
        ],
        "outputs": [
            {
                "name": item.name,
                "against": item.against,
                "sqnr_db": _number(item.sqnr_db),
                "same_class": item.same_class,
            }
            for item in found.outputs
        ],
    }


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "exact" if value > 0 else "overflow"


def in_words(value: float | None) -> str:
    """Write decibels for people."""
    number = _number(value)
    return "" if number is None else number if isinstance(number, str) else f"{number:.1f}"


def verdict(found: Departure) -> str:
    """Say in one paragraph what departs first, and why."""
    loss = found.largest_loss
    most = f" Most is lost in {_named(loss)}: {in_words(loss.lost_db)} dB." if loss is not None else ""
    if found.first is None:
        return f"No operation falls below {found.threshold_db:g} dB.{most}"
    why = {
        "rounding": "float32 arithmetic on the same file repairs it, so rounding while computing is the cause",
        "conversion": "float32 arithmetic does not repair it, so the numbers in the file are the cause",
    }[found.cause or "conversion"]
    return (
        f"First departure: {_named(found.first)}, {in_words(found.first.sqnr_db)} dB, below {found.threshold_db:g} dB; "
        f"{why}.{most}"
    )


def _named(item: OperationNoise) -> str:
    return f"operation {item.number}, {item.name} ({item.kind})"
