"""Measure how much each layer costs when it is quantized alone: on the logits, on every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from converters import ModelSource
from quantization.calibration import CalibrationSet
from toolkit.apps.search.allocator import freed_memory_kept
from toolkit.apps.search.tally import Tally
from toolkit.errors import UsageError
from toolkit.progress import Progress
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.base.torch_threads import TorchThreads

if TYPE_CHECKING:
    from quantization.emulation import LayerwiseNetwork
    from segdata import Dataset, Sample


@dataclass(frozen=True)
class LayerSensitivity:
    """Hold what one layer costs that is quantized alone, against the float network on the same pictures.

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
        """Name the class that lost most, and its change."""
        known = [(change, name) for name, change in self.delta_per_class_iou.items() if change is not None]
        change, name = min(known)
        return name, change

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


def measure_sensitivity(
    source: ModelSource,
    dataset: Dataset,
    calibration: CalibrationSet,
    threads: int,
    progress: Progress,
    kept: Path,
    key: str,
) -> list[LayerSensitivity]:
    """Quantize every layer alone, in the emulation of `quantization.emulation`; most harmful first.

    Args:
        source: the network.
        dataset: pictures that judge.
        calibration: pictures that fix ranges.
        threads: of torch.
        progress: hears of every picture.
        kept: file that holds the sums after every picture, so that a search which is stopped goes on where it was.
        key: what the sums depend on; those kept under another are not used.

    Raises:
        UsageError: the source is an ONNX file.
        RecipeError: the network cannot be traced, or a value is not finite.
    """
    from quantization.emulation import LayerwiseNetwork

    if source.module is None:
        raise UsageError(
            f"a search looks into the layers of a torch network, and {source.name} is an ONNX file; give the network"
        )
    network = LayerwiseNetwork(source.module)
    scale = source.pixel_range.scale / 255
    tally = Tally.read(kept, key, len(network.layers), len(source.classes))
    done = int(tally.pictures)
    with TorchThreads(threads), freed_memory_kept():
        if done < len(dataset):
            with progress.stage("ranges of layers", len(calibration.images)) as stage:
                for image in calibration.images:
                    network.observe(_tensor(image, scale))
                    stage.advance()
        with progress.stage(f"sensitivity of {len(network.layers)} layers", len(dataset)) as stage:
            stage.advance(done)
            for number in range(done, len(dataset)):
                _count(tally, network, dataset[number], source)
                tally.write(kept, key)
                stage.advance()
    return _found(tally, [layer.name for layer in network.layers], source.classes)


def _count(tally: Tally, network: LayerwiseNetwork, sample: Sample, source: ModelSource) -> None:
    """Add one picture: the float network's answer first, then that of each layer quantized alone."""
    import torch

    from validation.accuracy.confusion import confusion_matrix

    picture = _tensor(fit_picture(sample.image, *source.input_size), source.pixel_range.scale / 255)
    truth = fit_mask(sample.mask, *source.output_size)
    for row, (name, logits) in enumerate(network.answers(picture)):
        labels = logits[0].argmax(0).to(torch.uint8).numpy()
        if name is None:
            exact, before = logits, labels
            tally.signal += float(logits.double().square().sum())
            tally.pixels += labels.size
        tally.counts[row] += confusion_matrix(truth, labels, len(source.classes))
        tally.noise[row] += float((logits - exact).double().square().sum())
        tally.flipped[row] += int((labels != before).sum())
    tally.pictures += 1


def _found(tally: Tally, layers: Sequence[str], classes: Sequence[str]) -> list[LayerSensitivity]:
    from validation.accuracy.confusion import scores

    reference, found = scores(tally.counts[0]), []
    for row, layer in enumerate(layers, start=1):
        now = scores(tally.counts[row])
        changes = {
            label: None if mine is None or theirs is None else mine - theirs
            for label, mine, theirs in zip(classes, now.iou, reference.iou, strict=True)
        }
        decibels = 10 * float(np.log10(float(tally.signal) / max(float(tally.noise[row]), 1e-30)))
        delta = (now.miou or 0.0) - (reference.miou or 0.0)
        flipped = int(tally.flipped[row]) / int(tally.pixels)
        found.append(LayerSensitivity(layer, decibels, delta, changes, flipped))
    return sorted(found, key=lambda item: (item.worst_class[1], item.sqnr_db))


def by_harm(found: Sequence[LayerSensitivity]) -> list[str]:
    """Give layer names in the order in which a search gives them back to floats: lowest signal-to-noise ratio first.

    The logits rank better than IoU: on few pictures a class gains as often as it loses, noise never helps.
    """
    return [item.name for item in sorted(found, key=lambda item: item.sqnr_db)]


def _tensor(image: Any, scale: float) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() * scale
