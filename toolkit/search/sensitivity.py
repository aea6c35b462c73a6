"""How much each layer costs when it is quantized alone: on the logits, on every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.progress import Progress

if TYPE_CHECKING:
    from converters import ModelSource
    from quantization.calibration import CalibrationSet
    from segdata import Dataset


@dataclass(frozen=True)
class LayerSensitivity:
    """One layer quantized alone, against the float network on the same pictures.

    Attributes:
        name: dotted module name.
        sqnr_db: logits, signal to quantization noise over all pictures, in decibels.
        delta_miou: change of mean IoU, as a fraction.
        delta_per_class_iou: change of every class's IoU; None where it is absent.
        flipped: share of pixels that changed class.
    """

    name: str
    sqnr_db: float
    delta_miou: float
    delta_per_class_iou: dict[str, float | None]
    flipped: float

    @property
    def worst_class(self) -> tuple[str, float]:
        """The class that lost most, and its change."""
        known = [(change, name) for name, change in self.delta_per_class_iou.items() if change is not None]
        change, name = min(known)
        return name, change

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def measure_sensitivity(
    source: ModelSource, dataset: Dataset, calibration: CalibrationSet, threads: int, progress: Progress
) -> list[LayerSensitivity]:
    """Quantize every layer alone, in the emulation of `quantization.emulation`; most harmful first.

    Raises:
        UsageError: the source is an ONNX file.
        RecipeError: the network cannot be traced, or a value is not finite.
    """
    import torch

    from quantization.emulation import LayerwiseNetwork
    from toolkit.errors import UsageError
    from validation.confusion import confusion_matrix, scores
    from validation.pictures import fit_mask, fit_picture
    from validation.torch_threads import TorchThreads

    if source.module is None:
        raise UsageError(
            f"a search looks into the layers of a torch network, and {source.name} is an ONNX file; give the network"
        )
    network = LayerwiseNetwork(source.module)
    classes, scale = len(source.classes), source.pixel_range.scale / 255
    names: list[str | None] = [None, *(layer.name for layer in network.layers)]
    counts = {name: np.zeros((classes, classes), dtype=np.int64) for name in names}
    noise, flipped = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    signal, pixels = 0.0, 0
    with TorchThreads(threads):
        with progress.stage("ranges of layers", len(calibration.images)) as stage:
            for image in calibration.images:
                network.observe(_tensor(image, scale))
                stage.advance()
        with progress.stage(f"sensitivity of {len(network.layers)} layers", len(dataset)) as stage:
            for sample in dataset:
                picture = _tensor(fit_picture(sample.image, *source.input_size), scale)
                truth = fit_mask(sample.mask, *source.output_size)
                for name, logits in network.answers(picture):
                    labels = logits[0].argmax(0).to(torch.uint8).numpy()
                    if name is None:
                        exact, before = logits, labels
                        signal += float(logits.double().square().sum())
                        pixels += labels.size
                    counts[name] += confusion_matrix(truth, labels, classes)
                    noise[name] += float((logits - exact).double().square().sum())
                    flipped[name] += int((labels != before).sum())
                stage.advance()
    reference = scores(counts[None])
    found = []
    for layer in network.layers:
        now = scores(counts[layer.name])
        changes = {
            label: None if mine is None or theirs is None else mine - theirs
            for label, mine, theirs in zip(source.classes, now.iou, reference.iou, strict=True)
        }
        decibels = 10 * float(np.log10(signal / max(noise[layer.name], 1e-30)))
        delta = (now.miou or 0.0) - (reference.miou or 0.0)
        found.append(LayerSensitivity(layer.name, decibels, delta, changes, flipped[layer.name] / pixels))
    return sorted(found, key=lambda item: (item.worst_class[1], item.sqnr_db))


def by_harm(found: Sequence[LayerSensitivity]) -> list[str]:
    """Layer names in the order in which a search gives them back to floats: lowest signal-to-noise ratio first.

    The logits rank better than IoU: on few pictures a class gains as often as it loses, noise never helps.
    """
    return [item.name for item in sorted(found, key=lambda item: item.sqnr_db)]


def _tensor(image: Any, scale: float) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() * scale
