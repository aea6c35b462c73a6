"""Define a converter, the job it is given, and what it says of the file it wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from converters.artifact import ImageInput, MapOutput, OutputKind, Signature
from converters.errors import ConversionError
from quantization import NumberType, Recipe

if TYPE_CHECKING:
    from converters.source import ModelSource
    from quantization.calibration import CalibrationSet


@dataclass(frozen=True)
class Written:
    """What a converter says of the file it has just written.

    Attributes:
        image: the input as found in the written file.
        output: the output as found in the written file.
        provenance: facts for people (opset, deployment target, ops, ...), all strings.
        signatures: of a file for several output sizes, each of its entries; `output` is the default one's.
    """

    image: ImageInput
    output: MapOutput
    provenance: dict[str, str]
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True)
class Part:
    """One size of an artifact for several sizes, still a file of its own.

    Attributes:
        name: of the signature or function it becomes.
        path: the file or package.
        written: what it holds.
    """

    name: str
    path: Path
    written: Written


class Converter(ABC):
    """Writes one target format. Stateless; instances are shared.

    Attributes:
        format: name used on the command line and in artifact names.
        suffix: file name ending, with the dot.
        routes: chains of tools it knows, the usual one first.
        joins: True if one file can hold several output sizes; then `join` is there.
        joined_facts: provenance of a joined file that differs from its parts'.
        several_inputs: True if one file can take pictures of several sizes (`ModelSource.input_shapes`).
        keeps_operators: True if single operators can keep a number type of their own (`Conversion.keep`).
        edition: raised whenever this converter alone changes what it writes, so that its old artifacts are not reused.
    """

    format: ClassVar[str]
    suffix: ClassVar[str]
    routes: ClassVar[tuple[str, ...]]
    joins: ClassVar[bool] = False
    joined_facts: ClassVar[Mapping[str, str]] = {}
    several_inputs: ClassVar[bool] = False
    keeps_operators: ClassVar[bool] = False
    edition: ClassVar[int] = 1

    @abstractmethod
    def tools(self, route: str) -> tuple[str, ...]:
        """Distribution names of the packages that decide what `route` writes."""

    @abstractmethod
    def default_route(self, source: ModelSource) -> str:
        """The route to take for this source when the user names none."""

    def other_routes(self, source: ModelSource) -> tuple[str, ...]:
        """Routes to try where the default one fails for this source, in that order."""
        return ()

    def check(self, source: ModelSource, route: str) -> None:  # noqa: B027 - most routes take every source
        """Refuse, before anything heavy runs, a source that `route` cannot take; raises SourceError."""

    @abstractmethod
    def convert(self, job: Job) -> Written:
        """Write the artifact to `job.destination`, which does not exist yet. The job has been checked against this
        converter.

        Raises:
            MissingToolError: a needed package is not installed.
            ConversionError: the tool failed; the message carries its reason.
        """

    def join(self, parts: Sequence[Part], destination: Path) -> None:
        """Write one file at `destination` that answers as every part does; the first is its default. Raises as
        `convert`."""
        raise ConversionError(f"a {self.format} file holds one output size")


class Tell(Protocol):
    """Takes note of what a converter is doing."""

    def __call__(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Hear that `phase` is being worked on, and that `done` of its `total` steps are over where it has steps."""


def unheard(phase: str, done: int = 0, total: int = 0) -> None:
    """Forget what a converter is doing: nobody asked."""


@dataclass(frozen=True, eq=False)
class Job:
    """Hold everything that a converter needs to write one artifact.

    Attributes:
        source: the network.
        conversion: what to make of it.
        destination: file, or folder for package formats; a temporary name, which is changed when the artifact is whole.
        workspace: existing folder shared by all jobs of one plan and deleted afterwards. Intermediate files that
            several recipes need (a float32 .tflite, a SavedModel, an ONNX graph) are kept there.
        calibration: pictures, if the recipe needs them.
        tell: told what is being done, for whoever waits.
    """

    source: ModelSource
    conversion: Conversion
    destination: Path
    workspace: Path
    calibration: CalibrationSet | None = None
    tell: Tell = field(default=unheard, repr=False)

    @property
    def recipe(self) -> Recipe:
        """Say how numbers are stored and computed."""
        return self.conversion.recipe

    @property
    def output(self) -> OutputKind:
        """Say what the artifact answers with."""
        return self.conversion.output

    def pictures(self) -> CalibrationSet:
        """Return the calibration pictures; raises ConversionError if there are none."""
        if self.calibration is None:
            raise ConversionError(f"recipe {self.recipe.name!r} needs calibration pictures, and none were given")
        return self.calibration


@dataclass(frozen=True)
class Conversion:
    """One artifact to make.

    Attributes:
        name: artifact name, ``"<format>-<recipe>"``.
        format: target format.
        recipe: how numbers are stored and computed.
        route: which chain of tools makes it, one of the converter's `routes`.
        output: logits, or label map with the argmax in the graph.
        calibration: digest of the calibration set, or None if the recipe needs none.
        tools: (package, version) pairs that decide the content.
        key: hash of everything above plus the weights; equal keys mean the artifact can be reused.
        keep: (pattern, number type) of operators that are not to be computed and stored as the recipe says.
        others: routes to try, in this order, where `route` fails or its file does not compute what the source does.
    """

    name: str
    format: str
    recipe: Recipe
    route: str
    output: OutputKind
    calibration: str | None
    tools: tuple[tuple[str, str], ...]
    key: str
    keep: tuple[tuple[str, NumberType], ...] = ()
    others: tuple[str, ...] = ()
