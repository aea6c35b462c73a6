"""ModelSource: a trained network in the one form every converter accepts.

The toolkit makes it from a checkpoint, a Python factory or an ONNX file. Converters see a static network that takes
one RGB picture and answers with logits; they need to know nothing of FP-LIIF.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from converters.artifact import PixelRange
from converters.errors import SourceError
from converters.scores import PLAIN, Meaning

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ModelSource:
    """A trained segmentation network, ready to convert. Exactly one of `module` and `onnx_path` is given.

    Attributes:
        name: short identifier, used in file metadata and reports.
        classes: class names, position = channel of the logits.
        colours: one RGB triple per class, for previews.
        input_size: (height, width) of the picture.
        output_size: (height, width) of the answer.
        pixel_range: scale of the RGB values it takes.
        parameters: number of trained parameters (before any folding).
        weights_sha256: hash of the weights it came from; part of every artifact's key.
        origin: for people: the checkpoint path or factory name.
        module: eval-mode, trace-friendly `torch.nn.Module`, float32 (1, 3, H, W) -> float32 logits (1, C, h, w); of
            `channels` channels where that is another number.
        onnx_path: an ONNX file with one NCHW float32 image input and one NCHW logits output.
        sizes: the same network at several output sizes, this one among them, each as a source of its own; empty for
            an artifact that answers at `output_size` alone.
        input_shapes: (height, width) of every picture that one artifact shall take, `input_size` among them; empty
            for that one alone. Only for a module whose graph allows it.
        channels: of the picture: 3 for RGB; others as the dataset stores them.
        meaning: what the answers are where they are no logits, and how that was found out.
        remarks: sentences for people on what was chosen for them while the model was read.

    Raises:
        SourceError: if neither or both of `module` and `onnx_path` are given, or the counts disagree.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    pixel_range: PixelRange
    parameters: int
    weights_sha256: str
    origin: str
    module: torch.nn.Module | None = field(default=None, repr=False, compare=False)
    onnx_path: Path | None = None
    sizes: tuple[ModelSource, ...] = field(default=(), repr=False)
    input_shapes: tuple[tuple[int, int], ...] = ()
    channels: int = 3
    meaning: Meaning = PLAIN
    remarks: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if (self.module is None) == (self.onnx_path is None):
            raise SourceError("a model source is either a torch module or an ONNX file; give exactly one of them")
        if len(self.colours) != len(self.classes):
            raise SourceError(f"{len(self.classes)} classes but {len(self.colours)} colours; give one colour per class")
        self._check_sizes()

    def at(self, size: tuple[int, int]) -> ModelSource:
        """The source that answers at `size`; raises SourceError listing the sizes there are."""
        for one in self.sizes or (self,):
            if one.output_size == size:
                return one
        there = ", ".join(f"{height} x {width}" for height, width in self.output_sizes)
        raise SourceError(f"{self.name} does not answer at {size[0]} x {size[1]} here; choose from: {there}")

    def picture_shape(self, size: tuple[int, int] | None = None) -> tuple[int, int, int, int]:
        """(1, channels, height, width) of the picture, or of one at another size."""
        return (1, self.channels, *(size or self.input_size))

    @property
    def output_sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of every answer it gives, in the order asked for."""
        return tuple(one.output_size for one in self.sizes) or (self.output_size,)

    def _check_sizes(self) -> None:
        sizes = self.output_sizes
        if self.output_size not in sizes or len(set(sizes)) != len(sizes):
            raise SourceError("the output sizes of a model must differ and hold its own; name each once")
        if any(one.input_size != self.input_size or one.sizes for one in self.sizes):
            raise SourceError("a model answers at several output sizes from one picture size; use one input size")
        shapes = self.input_shapes
        if shapes and (self.input_size not in shapes or len(set(shapes)) != len(shapes) or self.sizes):
            raise SourceError("the input shapes of a model must differ and hold its own size; name each once")
