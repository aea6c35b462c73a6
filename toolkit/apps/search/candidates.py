"""Make and measure candidates of a search: quantized by the same code as every artifact, executed in LiteRT, remembered
on disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import Artifact, ModelSource, make_plan
from converters.contract import Job
from converters.formats.tflite.quantizing.quantize import quantize
from converters.tools.capture import captured
from quantization import NumberType, recipe
from quantization.calibration import CalibrationSet
from toolkit.apps.search.strategy import Candidate
from toolkit.options import RunOptions
from toolkit.run_folder.files import write_json
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.context import latency_settings
from validation.errors import RunnerError
from validation.runners import runners

if TYPE_CHECKING:
    from segdata import Dataset
    from validation.measure import Reference

RECIPE = "int8_static"
FORMAT = "tflite"
RUNNER = "litert"


@dataclasses.dataclass
class CandidateMaker:
    """Make and measure candidates; those of an interrupted search are read back.

    Attributes:
        options: of the search: threads, latency samples.
        source: the network.
        calibration: pictures that fix ranges; their statistics are shared by all candidates.
        dataset, reference: what judges.
        base: the float32 .tflite artifact that every candidate is quantized from.
        folder: where files and figures are kept.
    """

    options: RunOptions
    source: ModelSource
    calibration: CalibrationSet
    dataset: Dataset
    reference: Reference
    base: Artifact
    folder: RunFolder

    def evaluate(self, kept: tuple[str, ...]) -> Candidate:
        """Give the candidate that keeps these layers in float16: from disk if it was measured before, else made now."""
        name = self._name(kept)
        known = self._known(name, kept)
        if known is not None:
            return known
        path = self._made(name, kept)
        candidate = self._measured(path, kept)
        write_json(self._figures(name), {"kept": sorted(kept), "candidate": candidate.to_json()})
        return candidate

    def _name(self, kept: tuple[str, ...]) -> str:
        decided = [
            RECIPE,
            sorted(kept),
            self.base.key,
            self.calibration.digest(),
            self.dataset.digest(),
            self.options.threads,
            self.options.latency_samples,
        ]
        return hashlib.sha256(json.dumps(decided).encode()).hexdigest()[:16]

    def _figures(self, name: str) -> Path:
        return self.folder.cache / "candidates" / f"{name}.json"

    def _known(self, name: str, kept: tuple[str, ...]) -> Candidate | None:
        try:
            stored: dict[str, Any] = json.loads(self._figures(name).read_text(encoding="utf-8"))["candidate"]
            return Candidate(**{**stored, "kept": kept})
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not measured yet, or half a file of another version: measured again

    def _made(self, name: str, kept: tuple[str, ...]) -> Path:

        place = self.folder.cache / "candidates"
        place.mkdir(parents=True, exist_ok=True)
        unfinished, path = place / f".{name}.tflite.part", place / f"{name}.tflite"
        keep = [(layer, NumberType.FLOAT16) for layer in kept]
        wanted = [(FORMAT, recipe(RECIPE))]
        (conversion,) = make_plan(self.source, wanted, calibration=self.calibration.digest(), keep=keep).conversions
        with captured(place / f"{name}.log"):
            quantize(self.base.path, Job(self.source, conversion, unfinished, place, self.calibration))
        unfinished.replace(path)
        return path

    def _measured(self, path: Path, kept: tuple[str, ...]) -> Candidate:
        from validation.measure import Measurements, measure_run

        artifact = dataclasses.replace(
            self.base, name=f"candidate-{len(kept)}", path=path, size_bytes=path.stat().st_size
        )
        what = Measurements(self.dataset, self.reference, latency=latency_settings(self.options), memory=False)
        run = measure_run(runners()[RUNNER], artifact, what, threads=self.options.threads)
        if run.miou is None or run.delta_miou is None or run.worst_class is None:
            raise RunnerError(f"a candidate could not be measured: {run.reason or 'no class is on the pictures'}")
        name, change = run.worst_class
        return Candidate(
            kept,
            run.miou,
            run.delta_miou,
            name,
            change,
            artifact.size_bytes,
            None if run.latency_ms is None else run.latency_ms.p50,
        )
