"""LiteRT for ARM64, a phone's instruction set, under QEMU on this machine.

What it proves: that the kernels a phone executes give the answers that were judged here, and how many instructions they
take. What it does not: any time. An emulator's says nothing about a phone's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from validation.errors import RunnerError
from validation.results.facts import Availability, InstructionCount
from validation.runners.arm64.agreement import Agreement, computes_in_integers
from validation.runners.arm64.instructions import read_counts
from validation.runners.arm64.machine import MACHINE, unsupported
from validation.runners.arm64.profiles import PROFILES
from validation.runners.base.installed import is_there
from validation.runners.base.other_interpreter.process import WorkerProcess
from validation.runners.base.other_interpreter.runner import WorkerRunner
from validation.runners.litert.runner import LiteRtRunner

IMAGES_VARIABLE = "SEGPORT_ARM64_IMAGES"
"""Pictures an accuracy run shows to it; a picture takes seconds to minutes."""
_IMAGES = 4
WORKER = Path(__file__).parents[1] / "base" / "other_interpreter" / "tflite_worker.py"


def ensure_environment(progress: Callable[[str], None] = lambda message: None) -> Path:
    """Make the machine unless it exists; returns its folder. See `Machine.ensure` for errors."""
    return MACHINE.ensure(progress)


class Arm64Runner(WorkerRunner):
    """Executes .tflite files with LiteRT for ARM64 (XNNPACK inside), always with one thread.

    Backends are CPUs: ``cortex-a76``, ``cortex-a53`` and ``max``. Every answer is compared with that of LiteRT on this
    machine's own CPU: a network that computes in integers must give the same bits.
    """

    name: ClassVar[str] = "arm64"
    backends: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    settable_threads: ClassVar[bool] = False
    counts_instructions: ClassVar[bool] = True
    reply_seconds: ClassVar[float] = 3600.0

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Once it has been set up, on Linux for x86-64."""
        if unsupported():
            return Availability(False, unsupported())
        if not MACHINE.exists():
            return Availability(False, "the ARM64 machine has not been made; run: segport doctor --setup arm64")
        if not is_there("ai_edge_litert"):
            return Availability(
                False, "LiteRT, whose answers it compares, is not installed; run: pip install 'segport[tflite]'"
            )
        return Availability(True)

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Never a time."""
        return "an emulator's time says nothing about a phone's; its instructions are counted instead"

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        """Say why memory is not reported: most of what is held is the emulator's."""
        return "what an emulator holds says nothing about a phone's memory"

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        """Limit accuracy to a few pictures, or to as many as the variable says."""
        given = os.environ.get(IMAGES_VARIABLE, "")
        return int(given) if given.isdecimal() and int(given) else _IMAGES

    def __init__(self, artifact: Artifact, backend: str | None = None, threads: int = 1) -> None:
        """See `Runner`; whatever `threads` says, one is used: two share the work differently, and wait, every time."""
        super().__init__(artifact, backend, threads)
        self.threads = 1
        self._resources = ExitStack()
        self._agreement = Agreement()

    def native_agreement(self) -> dict[str, Any] | None:
        """Compare the answers since opening with LiteRT's on this machine's own CPU; None before the first."""
        return self._agreement.to_json() if self._agreement.images else None

    def count_instructions(self, image: NDArray[np.uint8]) -> InstructionCount:
        """Count what one inference of `image` executes, once one has gone before that is not counted.


        The number is the same every time and in every process: what is done only once (symbols are bound, caches set
        up; some nine thousand instructions, and not on every machine as many) is done in the first inference.

        Raises:
            RunnerError: the runtime failed, or nothing was counted.
            ValidationError: wrong picture shape or dtype.
        """
        self._check_open()
        self._check_image(image)
        self._feed(image)
        self._ask("counted")
        by_class = read_counts(self._counts)
        emulator = f"qemu-user {MACHINE.installed()['qemu-user']}"
        return InstructionCount(sum(by_class.values()), by_class, self.backend, emulator)

    def _start_worker(self) -> WorkerProcess:
        folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="segport-arm64-"))
        self._counts = Path(folder) / "counts"
        start = MACHINE.start(PROFILES[self.backend], self._counts)
        return WorkerProcess(
            start.python,
            WORKER,
            f"{self.name} ({self.backend})",
            self.reply_seconds,
            flags=(*start.flags, "-u"),
            arguments=("ai_edge_litert.interpreter",),
            launcher=start.launcher,
            environment=start.environment,
        )

    def _open(self) -> None:
        super()._open()
        self._agreement = Agreement()
        self._native = self._resources.enter_context(LiteRtRunner(self.artifact, "xnnpack"))
        self._exact = computes_in_integers(self._native)

    def _feed(self, image: NDArray[np.uint8]) -> None:
        super()._feed(image)
        self._native._feed(image)

    def _fetch(self) -> NDArray[Any]:
        answer = super()._fetch()
        self._native._invoke()
        different = self._agreement.add(answer, self._native._fetch())
        if different and self._exact:
            raise RunnerError(
                f"{self.name} ({self.backend}) and LiteRT on this machine's CPU differ in {different:,} of "
                f"{answer.size:,} "
                f"values of {self.artifact.name}, a network of integers that must give the same bits; do not trust "
                "either"
            )
        return answer

    def _close(self) -> None:
        super()._close()
        self._resources.close()


RUNNER = Arm64Runner
