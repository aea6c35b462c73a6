"""LiteRT on an Android phone: the user's `benchmark_model`, pushed and called over adb.

The tool times itself, in one process a call, and tells statistics only; segport takes them over and adds nothing to
them. Answers are pulled as the tool writes them (`--output_filepath`), picture by picture.
"""

from __future__ import annotations

import os
import secrets
import shlex
import warnings
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.facts import Availability, Delegation, OtherMachine
from validation.results.latency import LatencyResult, OwnBenchmark
from validation.runners.android.phone import FOLDER, Phone, check_fits, find_phone, find_tool
from validation.runners.android.server import AdbError, AdbServer, Answer
from validation.runners.android.transcript import ToolReport, read_transcript
from validation.runners.base.contract import Runner
from validation.runners.base.values import native_input

if TYPE_CHECKING:
    from validation.runners.base.latency_settings import LatencySettings

IMAGES_VARIABLE = "SEGPORT_ANDROID_IMAGES"
"""Pictures an accuracy run shows to a phone; each starts the tool anew, and a GPU compiles its programs each time."""
_IMAGES = 16
_DELEGATES = {"cpu": "XNNPACK", "gpu": "GPU", "nnapi": "NNAPI"}
"""What the tool calls the delegate that each backend applies (`--use_xnnpack`, `--use_gpu`, `--use_nnapi`)."""
_CLEAN_UP_SECONDS = 10.0
_WARM_UP_RUNS = 10
_WARM_UP_SECONDS = 1.0
_SETTLED = 0.05
"""Times had settled if the last run of the warm-up was within this fraction of the median."""
_US_PER_MS = 1e3


class AndroidRunner(Runner):
    """Executes .tflite files on a phone. Backends: ``cpu`` (XNNPACK), ``gpu`` and ``nnapi``, each a delegate of LiteRT.

    What it pushes lies in one folder below /data/local/tmp and is deleted on closing.

    Attributes:
        tool_seconds: longest wait for one call of the tool, beyond the time it is told to measure for.
    """

    name: ClassVar[str] = "android"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    backends: ClassVar[tuple[str, ...]] = tuple(_DELEGATES)
    default: ClassVar[bool] = False
    chooses_signatures: ClassVar[bool] = True
    own_process: ClassVar[bool] = True
    benchmarks_itself: ClassVar[bool] = True
    tool_seconds: ClassVar[float] = 300.0
    _phone: Phone | None = None
    _load_ns: int | None = None
    _delegation: Delegation | None = None

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """With a phone that can be used, and the tool named in SEGPORT_ANDROID_BENCHMARK."""
        missing = []
        for look in (lambda: find_phone(AdbServer()), find_tool):
            try:
                look()
            except AdbError as error:
                missing.append(str(error))
        return Availability(not missing, "; and ".join(missing))

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Say why operations are not timed: the tool's profile is a table for people."""
        return "benchmark_model's profile is not read; see docs/runtimes/android.md"

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        """Limit accuracy to a few pictures, or to as many as the variable says."""
        given = os.environ.get(IMAGES_VARIABLE, "")
        return int(given) if given.isdecimal() and int(given) else _IMAGES

    def machine(self) -> OtherMachine:
        """Return the phone's description."""
        return find_phone(AdbServer()).facts().machine

    def benchmark(self, image: NDArray[np.uint8], settings: LatencySettings) -> OwnBenchmark:
        """Call the tool once, with a warm-up and then `settings.samples` runs; see `Runner.benchmark`."""
        self._check_open()
        self._check_image(image)
        self._feed(image)
        report = self._measure(
            f"--num_runs={settings.samples}",
            "--min_secs=0",
            f"--max_secs={settings.max_seconds:g}",
            f"--warmup_runs={min(_WARM_UP_RUNS, settings.max_warmup)}",
            f"--warmup_min_secs={min(_WARM_UP_SECONDS, settings.max_warmup_seconds):g}",
            seconds=self.tool_seconds + 2 * settings.max_seconds,
        )
        return OwnBenchmark(self._latency(report), report.held_bytes)

    def _open(self) -> None:
        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        tool, phone = find_tool(), find_phone(AdbServer())
        check_fits(tool, phone.facts())
        self._phone = phone
        self._folder = f"{FOLDER}/segport-{secrets.token_hex(6)}"
        phone.server.push(phone.serial, tool.read_bytes(), f"{self._folder}/benchmark_model", 0o755)
        phone.server.push(phone.serial, self.artifact.path.read_bytes(), f"{self._folder}/model.tflite")
        # Loads the model, applies the delegate and allocates, without an inference: what cannot run is refused here.
        opened = self._call("--dry_run=true", seconds=self.tool_seconds)
        self._load_ns = round((opened.init_us or 0.0) * 1000)
        self._delegation = _delegation(opened, _DELEGATES[self.backend])

    def delegation(self) -> Delegation | None:
        """Return what XNNPACK, the GPU delegate or NNAPI took."""
        return self._delegation

    def undelegated(self) -> dict[str, int] | None:
        """None where something was left: the tool does not tell its kind."""
        return {} if self._delegation is not None and self._delegation.whole else None

    def load_ns(self) -> int | None:
        """Return how long the tool needed to open the model with its delegate, its own start excluded."""
        return self._load_ns

    def _feed(self, image: NDArray[np.uint8]) -> None:
        phone = self._on_phone()
        content = native_input(image, self.artifact.image).tobytes()
        phone.server.push(phone.serial, content, f"{self._folder}/input.raw")

    def _invoke(self) -> None:
        self._once(0)

    def _invoke_timed(self) -> int:
        inference = self._once(1).inference
        assert inference is not None  # `_once` has looked
        return round(inference.last * 1000)

    def _once(self, warm_up: int) -> ToolReport:
        """Time one inference after `warm_up` that are not timed."""
        return self._measure(
            "--num_runs=1",
            "--min_secs=0",
            f"--warmup_runs={warm_up}",
            "--warmup_min_secs=0",
            f"--output_filepath={self._folder}/output.raw",
            seconds=self.tool_seconds,
        )

    def _fetch(self) -> NDArray[Any]:
        phone, spec = self._on_phone(), self.artifact.output
        content = phone.server.pull(phone.serial, f"{self._folder}/output.raw")
        if len(content) != prod(spec.shape) * np.dtype(spec.dtype).itemsize:
            raise RunnerError(
                f"{self.artifact.name} answers with {len(content):,} bytes on the phone, not with {spec.dtype} "
                f"{spec.shape}; convert it again"
            )
        return np.frombuffer(content, dtype=spec.dtype).reshape(spec.shape)

    def _measure(self, *options: str, seconds: float) -> ToolReport:
        """Call the tool on the picture that was fed; raises RunnerError unless it measured."""
        shape = ",".join(map(str, self.artifact.image.shape))
        report = self._call(
            "--input_layer=image",
            f"--input_layer_shape={shape}",
            f"--input_layer_value_files=image:{self._folder}/input.raw",
            *options,
            seconds=seconds,
        )
        if report.inference is None or not report.inference.count:
            raise RunnerError(
                f"{self.name} ({self.backend}) failed on {self.artifact.name}: benchmark_model made no inference"
            )
        return report

    def _call(self, *options: str, seconds: float) -> ToolReport:
        """Call the tool; raises RunnerError unless it ended well, with the delegate that was asked for."""
        phone = self._on_phone()
        command = [
            f"{self._folder}/benchmark_model",
            f"--graph={self._folder}/model.tflite",
            f"--num_threads={self.threads}",
            f"--use_{_DELEGATES[self.backend].lower()}=true",
            *options,
        ]
        if self.artifact.signature is not None:
            command.append(f"--signature_to_run_for={self.artifact.signature}")
        answer = phone.server.shell(phone.serial, shlex.join(command), seconds)
        report = read_transcript(f"{answer.stdout}\n{answer.stderr}")
        if problem := self._problem(answer, report):
            raise RunnerError(f"{self.name} ({self.backend}) failed on {self.artifact.name}: {problem}")
        return report

    def _problem(self, answer: Answer, report: ToolReport) -> str:
        """Say in one sentence what is wrong with a call of the tool; empty if nothing is."""
        if report.unknown_flags:
            return (
                f"this benchmark_model does not know {report.unknown_flags[0].partition('=')[0]}; get a newer one "
                "(docs/runtimes/android.md)"
            )
        said = "; ".join(report.complaints[-2:]) or _last_line(answer)
        if answer.status in (126, 127):
            return (
                f"the phone cannot execute benchmark_model ({said}); get the one for its processor "
                "(docs/runtimes/android.md)"
            )
        if answer.status:
            return said or f"benchmark_model ended with status {answer.status} and said nothing; try again"
        return self._delegate_problem(report)

    def _delegate_problem(self, report: ToolReport) -> str:
        """Say why the time and answers are not this backend's, although the tool measured; empty if they are.


        The tool goes on with the CPU where a delegate cannot be had. XNNPACK may take nothing and is the CPU all the
        same.
        """
        if self.backend == "cpu":
            return ""
        wanted = _DELEGATES[self.backend]
        told = next((item for item in report.delegates if item.name == wanted), None)
        if told is None:
            return f"{'; '.join(report.complaints) or f'the phone has no {wanted} delegate'}, so it ran on the CPU"
        if told.took == "nothing":
            return (
                f"the {wanted} delegate took no operation of it, so it ran on the CPU (`segport inspect FILE "
                "--lint` says why)"
            )
        return ""

    def _latency(self, report: ToolReport) -> LatencyResult:
        """Take over the tool's statistics; raises RunnerError if it is too old to tell a median."""
        warm, runs = report.warm_up, report.inference
        if warm is None or runs is None or runs.median is None or runs.p95 is None or report.init_us is None:
            raise RunnerError(
                f"{self.name} ({self.backend}) cannot be timed: this benchmark_model prints no median; get a newer one "
                "(docs/runtimes/android.md)"
            )
        first = warm.first if report.first_us is None else report.first_us
        return LatencyResult(
            p50=runs.median / _US_PER_MS,
            p90=None,
            p95=runs.p95 / _US_PER_MS,
            p99=None,
            mean=runs.mean / _US_PER_MS,
            min=runs.min / _US_PER_MS,
            max=runs.max / _US_PER_MS,
            samples=runs.count,
            warmup=warm.count,
            stable=abs(warm.last - runs.median) <= _SETTLED * runs.median,
            threads=self.threads,
            load_ms=report.init_us / _US_PER_MS,
            first_run_ms=first / _US_PER_MS,
            other_load=None,
            warning="",
            cold_start=(report.init_us + first) / _US_PER_MS,
            cold_starts=1,
        )

    def _on_phone(self) -> Phone:
        if self._phone is None:
            raise RunnerError(f"{self.name} is not open; use it in a with-statement")
        return self._phone

    def _close(self) -> None:
        phone, self._phone = self._phone, None
        if phone is None:
            return
        # A tool that was given up may still run. The brackets keep the pattern from finding the shell that searches.
        stop, delete = f"pkill -f '{self._folder}/benchmark_mode[l]'", f"rm -rf {self._folder}"
        try:
            phone.server.shell(phone.serial, f"{stop}; {delete}", _CLEAN_UP_SECONDS)
        except AdbError as error:
            warnings.warn(f"{self._folder} stays on {phone.serial} ({error}); run: adb shell {delete}", stacklevel=2)


def _delegation(report: ToolReport, wanted: str) -> Delegation | None:
    """Read what the tool says that the delegate `wanted` took; None if it says nothing."""
    told = next((item for item in report.delegates if item.name == wanted and item.took != "nothing"), None)
    if told is None:
        return None
    # The runtime's own line names the delegate's class: TfLiteGpuDelegateV2, TfLiteNnapiDelegate,
    # TfLiteXNNPackDelegate.
    counted = next((item for item in report.replaced if wanted.lower() in item[0].lower()), (wanted, None, None))
    return Delegation(wanted, told.took == "completely", counted[1], counted[2], told.kernels)


def _last_line(answer: Answer) -> str:
    lines = [line.strip() for line in (*answer.stdout.splitlines(), *answer.stderr.splitlines()) if line.strip()]
    return lines[-1] if lines else ""


RUNNER = AndroidRunner
