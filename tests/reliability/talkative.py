"""A runner with everything behind it that a runner can tell of: another machine, a delegate, a benchmark of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange
from tests.reliability.hostile import HostileRunner
from validation.results.facts import Delegation, OtherMachine
from validation.results.latency import OwnBenchmark
from validation.runners.base.latency_settings import LatencySettings
from validation.timing.stopwatch import measure_latency

MACHINE = OtherMachine("a test's phone", "TestOS", "1")
DELEGATION = Delegation("a test's delegate", whole=False, taken=3, operations=4, parts=2)


class TalkativeRunner(HostileRunner):
    """Knows its delegation once it was opened."""

    benchmarks_itself: ClassVar[bool] = True
    _delegation: Delegation | None = None

    def _open(self) -> None:
        self._delegation = DELEGATION

    def machine(self) -> OtherMachine:
        return MACHINE

    def delegation(self) -> Delegation | None:
        return self._delegation

    def benchmark(self, image: NDArray[np.uint8], settings: LatencySettings) -> OwnBenchmark:
        timed = measure_latency(HostileRunner(self.artifact), image, LatencySettings(samples=3, cold_starts=0))
        return OwnBenchmark(replace(timed, samples=settings.samples), None)


def artifact(path: Path) -> Artifact:
    """What it runs; nothing looks at the file."""
    facts: dict[str, Any] = {"sha256": "0" * 64, "size_bytes": 1, "key": "0", "classes": ("a", "b")}
    image = ImageInput("image", 4, 4, PixelRange.UNIT, Layout.NCHW)
    output = MapOutput("logits", 4, 4, 2, OutputKind.LOGITS, Layout.NCHW, dtype="float32")
    return Artifact("hostile-make_fine", "hostile", "make_fine", path, image=image, output=output, **facts)
