"""Artifact: one converted model on disk, with everything needed to feed it and to trust it.

These types are all that the validation side knows of conversion: a path, hashes, and an exact statement of what
goes in and what comes out. They round-trip through JSON (`to_json`, `from_json`) for the manifest.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Self

from converters.errors import SourceError
from converters.scores import Scores


class PixelRange(Enum):
    """Scale of the RGB values a model expects. Normalisation (mean, std) is always inside the model."""

    UNIT = "unit"
    """0.0 .. 1.0"""
    BYTE = "byte"
    """0 .. 255"""

    @property
    def scale(self) -> float:
        """Value of full white."""
        return 1.0 if self is PixelRange.UNIT else 255.0


class Layout(Enum):
    """Order of the axes of a four-dimensional image or logits tensor."""

    NCHW = "nchw"
    NHWC = "nhwc"


class OutputKind(Enum):
    """What a model answers with at every output pixel."""

    LOGITS = "logits"
    """One score per class."""
    LABELS = "labels"
    """The class id: the argmax is part of the graph."""


@dataclass(frozen=True)
class Quantization:
    """Affine quantization of a tensor: real = scale * (stored - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class ImageInput:
    """The picture a model takes.

    Attributes:
        name: tensor or feature name in the file.
        height, width: pixels.
        pixel_range: scale of the real values.
        layout: axis order of the tensor.
        dtype: ``"float32"``, ``"uint8"`` or ``"int8"``, as stored in the file's signature.
        quantization: for integer inputs, how real values map to stored ones.
        as_picture: True when the runtime takes a picture object (Core ML ImageType) and not a tensor.
        channels: 3 for RGB; other numbers are taken as the dataset stores them.

    Raises:
        ValueError: a size, or the number of channels, below 1.
    """

    name: str
    height: int
    width: int
    pixel_range: PixelRange
    layout: Layout
    dtype: str = "float32"
    quantization: Quantization | None = None
    as_picture: bool = False
    channels: int = 3

    def __post_init__(self) -> None:
        _check_sizes(height=self.height, width=self.width, channels=self.channels)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Tensor shape with a batch of one."""
        if self.layout is Layout.NCHW:
            return (1, self.channels, self.height, self.width)
        return (1, self.height, self.width, self.channels)


@dataclass(frozen=True)
class MapOutput:
    """The per-pixel answer of a model.

    Attributes:
        name: tensor or feature name in the file.
        height, width: pixels of the answer.
        classes: number of classes (also when the output is a label map).
        kind: logits or labels.
        layout: axis order of logits; label maps are (1, H, W) or (1, 1, H, W) in any case.
        dtype: as stored in the file's signature.
        quantization: for integer logits, how stored values map to real ones.
        scores: what the scores of classes are, also where the answer is the label map made of them.

    Raises:
        ValueError: a size, or the number of classes, below 1.
    """

    name: str
    height: int
    width: int
    classes: int
    kind: OutputKind
    layout: Layout
    dtype: str = "float32"
    quantization: Quantization | None = None
    scores: Scores = Scores.LOGITS

    def __post_init__(self) -> None:
        _check_sizes(height=self.height, width=self.width, classes=self.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Tensor shape with a batch of one; label maps in the shorter of their two shapes."""
        if self.kind is OutputKind.LABELS:
            return (1, self.height, self.width)
        if self.layout is Layout.NCHW:
            return (1, self.classes, self.height, self.width)
        return (1, self.height, self.width, self.classes)


@dataclass(frozen=True)
class Signature:
    """One way to call an artifact that answers at several sizes.

    Attributes:
        name: of the signature (TFLite) or function (Core ML) in the file.
        output: what it answers.
        default: True for the one that runs where none is named.
    """

    name: str
    output: MapOutput
    default: bool


@dataclass(frozen=True)
class Artifact:
    """One converted model on disk.

    Attributes:
        name: ``"<format>-<recipe>"``, unique inside a run.
        format: target format, e.g. ``"tflite"``.
        recipe: recipe name.
        path: file, or folder for an .mlpackage.
        sha256: of the content (for a folder: of its sorted relative paths and file hashes).
        size_bytes: sum over all files.
        key: hash of everything that decided the content (weights, recipe, options, tools, calibration).
        image: what goes in.
        output: what comes out.
        classes: class names, position = id.
        provenance: route, tool versions and other facts for people, all strings.
        signatures: of an artifact for several output sizes, smallest first; empty for one that has a single answer.
        signature: the one of them that `output` describes and a runner opens.
    """

    name: str
    format: str
    recipe: str
    path: Path
    sha256: str
    size_bytes: int
    key: str
    image: ImageInput
    output: MapOutput
    classes: tuple[str, ...]
    provenance: dict[str, str] = dataclasses.field(default_factory=dict)
    signatures: tuple[Signature, ...] = ()
    signature: str | None = None

    def at(self, size: tuple[int, int]) -> Self:
        """The same file, opened to answer at (height, width); raises SourceError if it does not."""
        if (self.output.height, self.output.width) == size:
            return self
        for entry in self.signatures:
            if (entry.output.height, entry.output.width) == size:
                return dataclasses.replace(self, output=entry.output, signature=entry.name)
        raise SourceError(f"{self.name} does not answer at {size[0]} x {size[1]}; convert it again with --output-sizes")

    @property
    def output_sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of every answer it can give."""
        outputs = [entry.output for entry in self.signatures] or [self.output]
        return tuple((output.height, output.width) for output in outputs)

    @property
    def needs_choice(self) -> bool:
        """True if a runtime must name the signature: a plain call runs another one."""
        return any(entry.name == self.signature and not entry.default for entry in self.signatures)

    def to_json(self, relative_to: Path) -> dict[str, Any]:
        """Plain JSON types; the path is written relative to `relative_to` so that a run folder can move."""
        document: dict[str, Any] = dataclasses.asdict(self, dict_factory=_plain)
        document["path"] = self.path.resolve().relative_to(relative_to.resolve()).as_posix()
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any], relative_to: Path) -> Self:
        """Inverse of `to_json`; raises SourceError if the document is not an artifact's."""
        try:
            image, output = document["image"], document["output"]
            return cls(
                **{
                    **document,
                    "path": relative_to / document["path"],
                    "classes": tuple(document["classes"]),
                    "image": ImageInput(
                        **{
                            **image,
                            "pixel_range": PixelRange(image["pixel_range"]),
                            "layout": Layout(image["layout"]),
                            "quantization": _quantization(image["quantization"]),
                        }
                    ),
                    "output": _map_output(output),
                    "signatures": tuple(
                        Signature(item["name"], _map_output(item["output"]), item["default"])
                        for item in document.get("signatures", ())
                    ),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise SourceError(f"manifest entry is not an artifact ({reason}); convert the model again") from error


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value.value if isinstance(value, Enum) else value for key, value in pairs}


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} {size!r} must be a whole number of at least 1")


def _map_output(document: dict[str, Any]) -> MapOutput:
    return MapOutput(
        **{
            **document,
            "kind": OutputKind(document["kind"]),
            "layout": Layout(document["layout"]),
            "quantization": _quantization(document["quantization"]),
            "scores": Scores(document.get("scores", Scores.LOGITS.value)),
        }
    )


def _quantization(document: dict[str, Any] | None) -> Quantization | None:
    return None if document is None else Quantization(**document)


def content_hash(path: Path) -> str:
    """sha256 (hex) of a file, or of a folder as its sorted relative paths with each file's hash."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    state = hashlib.sha256()
    for member in sorted(item for item in path.rglob("*") if item.is_file()):
        state.update(f"{member.relative_to(path).as_posix()}\0{content_hash(member)}\n".encode())
    return state.hexdigest()


def content_size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
