"""Choose the .tflite files that a demo shows: those of a run, or files by themselves. What LiteRT.js does not take is
named with its reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange, Signature
from converters.artifact import content_hash, content_size
from converters.formats.tflite.file.flatbuffer import Tensor, read_model
from toolkit.errors import UsageError
from toolkit.models import palette
from toolkit.models.loading import same_source
from toolkit.models.naming import class_names
from toolkit.options import RunOptions
from toolkit.pipeline import convert
from toolkit.progress import Progress, SilentProgress
from toolkit.run_folder.folder import RunFolder, recorded_options, trusted_artifacts
from validation.runners.web.runner import WebRunner

Colour = tuple[int, int, int]
FORMAT = "tflite"


@dataclass(frozen=True)
class Chosen:
    """Hold what goes into a demo.

    Attributes:
        title: of the page.
        artifacts: .tflite files that LiteRT.js takes; those of equal name become one choice with the sizes of all.
        colours: RGB of each class, at least as many as any artifact has classes.
        left_out: a sentence on each file that LiteRT.js does not take.
    """

    title: str
    artifacts: tuple[Artifact, ...]
    colours: tuple[Colour, ...]
    left_out: tuple[str, ...]


@contextmanager
def chosen_from_run(folder: Path, convert: bool = False, progress: Progress | None = None) -> Iterator[Chosen]:
    """Open the .tflite artifacts of a run folder, for as long as the with-statement lasts.

    Args:
        folder: output folder of `segport run` or `convert`; nothing is written to it.
        convert: make what LiteRT.js does not take again, with a float picture and float logits, in a temporary folder.
        progress: of that conversion.

    Raises:
        UsageError: no manifest, a changed file, or nothing that LiteRT.js takes.
    """

    run = RunFolder(folder)
    manifest = run.load_manifest()
    model = manifest["model"]
    found = [item for item in trusted_artifacts(run) if item.format == FORMAT]
    if not found:
        formats = ",".join(dict.fromkeys([*manifest["options"]["formats"], FORMAT]))
        raise UsageError(
            f"{folder} holds no .tflite; `segport convert --again {folder} --formats {formats}` makes some"
        )
    with tempfile.TemporaryDirectory(prefix="segport-web-demo-") as place:
        refused = {item.name: reason for item in found if (reason := _refusal(item))}
        if convert and refused:
            names = {item.recipe for item in found if item.name in refused}
            again = _converted(folder, sorted(names), Path(place) / "run", progress or SilentProgress())
            found = [again.get(item.name, item) for item in found]
        yield _chosen(model["name"], found, _colours(model), hint=" (or add --convert)")


def chosen_files(paths: Sequence[Path], classes: Path | None = None, pixel_range: str | None = None) -> Chosen:
    """Take files by themselves. One that lies in a run folder is what its manifest says; of others, sizes and axes are
    read.

    Args:
        paths: .tflite files with one picture of three channels and one answer a pixel.
        classes: text file with a class name a line; without one, ``class_0`` and so on.
        pixel_range: ``unit`` (0..1, the default) or ``byte`` (0..255). Given this or `classes`, manifests are not
            looked for.

    Raises:
        UsageError: a file has another interface, or none is left.
        SourceError: a file is no .tflite, or a damaged one; or `classes` has another number of names than a file has
            classes.
    """

    if pixel_range not in (None, *(item.value for item in PixelRange)):
        raise UsageError(f"--pixel-range {pixel_range!r} is not known; write unit (0..1) or byte (0..255)")
    by_hand = classes is not None or pixel_range is not None
    artifacts, colours = [], None
    for path in paths:
        known = None if by_hand else _in_a_run(path)
        artifacts.append(known[0] if known else described(path, classes, PixelRange(pixel_range or "unit")))
        colours = colours or (known[1] if known else None)
    most = max(len(item.classes) for item in artifacts)
    title = " · ".join(dict.fromkeys(path.stem for path in paths))
    return _chosen(title, artifacts, colours if colours and len(colours) >= most else palette(most))


def _in_a_run(path: Path) -> tuple[Artifact, tuple[Colour, ...]] | None:
    """Read the artifact and the colours that a run folder's manifest has for a file in it, if it lies in one."""
    run = RunFolder(path.absolute().parent.parent)
    if not run.manifest.is_file():
        return None
    known = [item for item in run.known_artifacts().values() if item.path.absolute() == path.absolute()]
    if not known or content_hash(path) != known[0].sha256:
        return None
    return known[0], _colours(run.load_manifest()["model"])


def _colours(model: dict[str, Any]) -> tuple[Colour, ...]:
    return tuple((int(red), int(green), int(blue)) for red, green, blue in model["colours"])


def described(path: Path, classes: Path | None, pixel_range: PixelRange) -> Artifact:
    """Describe a .tflite file that comes without a manifest as an artifact. Errors as `chosen_files`."""

    model = read_model(path)
    calls: list[tuple[str | None, dict[str, Tensor], dict[str, Tensor]]] = []
    for signature in model.signatures:
        tensors = model.graphs[signature.graph].tensors
        ends = [
            {name: tensors[place] for name, place in side.items()} for side in (signature.inputs, signature.outputs)
        ]
        calls.append((signature.name, ends[0], ends[1]))
    if not calls:
        graph = model.graphs[0]
        sides = [
            {graph.tensors[place].name: graph.tensors[place] for place in side}
            for side in (graph.inputs, graph.outputs)
        ]
        calls.append((None, sides[0], sides[1]))
    read = [_interface(path, inputs, outputs, pixel_range) for _, inputs, outputs in calls]
    if len({image.shape for image, _ in read}) > 1:
        raise UsageError(f"{path} takes pictures of several sizes; give files or signatures that take one")
    image, output = read[0]
    several = len(calls) > 1
    signatures = tuple(
        Signature(str(name), answer, default=number == 0)
        for number, ((name, *_), (_, answer)) in enumerate(zip(calls, read, strict=True))
    )
    return Artifact(
        name=path.stem,
        format=FORMAT,
        recipe="",
        path=path,
        sha256=content_hash(path),
        size_bytes=content_size(path),
        key="",
        image=image,
        output=output,
        classes=class_names(RunOptions(classes=classes), output.classes),
        signatures=tuple(sorted(signatures, key=_pixels)) if several else (),
        signature=calls[0][0] if several else None,
    )


def _pixels(signature: Signature) -> int:
    return signature.output.height * signature.output.width


def _interface(
    path: Path, inputs: dict[str, Tensor], outputs: dict[str, Tensor], pixel_range: PixelRange
) -> tuple[ImageInput, MapOutput]:
    if len(inputs) != 1 or len(outputs) != 1:
        raise UsageError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; a demo takes files with one picture and "
            "one map of classes"
        )
    ((taken, picture),) = inputs.items()
    ((given, answer),) = outputs.items()
    layouts = [layout for layout, place in ((Layout.NCHW, 1), (Layout.NHWC, 3)) if _is_image(picture.shape, place)]
    if not layouts or len(answer.shape) not in (3, 4) or min(answer.shape, default=0) < 1:
        raise UsageError(
            f"{path} turns {_words(picture)} into {_words(answer)}; a demo takes one RGB picture and answers at "
            "every pixel"
        )
    height, width = picture.shape[2:] if layouts[0] is Layout.NCHW else picture.shape[1:3]
    image = ImageInput(taken, height, width, pixel_range, layouts[0], picture.dtype)
    if len(answer.shape) == 3:
        raise UsageError(
            f"{path} answers with labels, which do not say how many classes there are; give its run folder with --run"
        )
    classes, height, width = answer.shape[1:] if layouts[0] is Layout.NCHW else (answer.shape[3], *answer.shape[1:3])
    return image, MapOutput(given, height, width, classes, OutputKind.LOGITS, layouts[0], answer.dtype)


def _is_image(shape: tuple[int, ...], channels: int) -> bool:
    return len(shape) == 4 and shape[0] == 1 and shape[channels] == 3 and min(shape) > 0


def _words(tensor: Tensor) -> str:
    return f"{tensor.dtype} {' x '.join(map(str, tensor.shape))}"


def _refusal(artifact: Artifact) -> str:

    if artifact.image.channels != 3:
        return (
            f"{artifact.name} takes pictures of {artifact.image.channels} channels, and the page shows it photographs"
        )
    return WebRunner.artifact_reason(artifact)


def _chosen(title: str, artifacts: Sequence[Artifact], colours: tuple[Colour, ...], hint: str = "") -> Chosen:
    refused = tuple(f"left out: {reason}{hint}" for item in artifacts if (reason := _refusal(item)))
    kept = tuple(item for item in artifacts if not _refusal(item))
    if not kept:
        raise UsageError(f"there is nothing to show: {refused[0].removeprefix('left out: ')}")
    return Chosen(title, kept, colours, refused)


def _converted(folder: Path, recipes: Sequence[str], out: Path, progress: Progress) -> dict[str, Artifact]:
    """Make the named recipes again with floats at both ends, by artifact name."""

    given = {"formats": FORMAT, "recipes": ",".join(recipes), "io_dtype": "float32"}
    options = recorded_options(folder, given)
    same_source(options, RunFolder(folder).load_manifest())
    made = convert(options.model_copy(update={"out": out}), progress)
    for outcome in made.outcomes:
        if outcome.error is not None:
            raise outcome.error
    return {item.name: item for item in made.artifacts}
