"""The Android runner on a phone that is not there: what it measures, what it refuses, what it leaves behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from converters import Artifact
from tests.validation.runners.android.fake_phone import FakePhone, Program
from tests.validation.runners.android.fake_tool import ELF_ARM64, FakeTool, program_file
from tests.validation.tiny_network import MemoryDataset, picture
from validation.errors import RunnerError
from validation.measure import Measurements, measure_run
from validation.results.facts import Delegation
from validation.results.run import Status
from validation.runners.android.phone import TOOL_VARIABLE
from validation.runners.android.runner import IMAGES_VARIABLE, AndroidRunner
from validation.runners.android.server import PORT_VARIABLE
from validation.runners.base.latency_settings import LatencySettings
from validation.timing.runs import FreshStarts, Subject, start_fresh, time_runs
from validation.timing.stopwatch import measure_latency

SETTINGS = LatencySettings(samples=20, max_warmup=4)
NAME = "Google Pixel 0 (Android 14)"


def opened(artifact: Artifact, backend: str = "cpu") -> None:
    with AndroidRunner(artifact, backend):
        pass


def prints(*lines: str, status: int = 0) -> Program:
    return lambda arguments, files: ("\n".join(lines), "", status)


def test_latency_is_what_the_tool_told(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    found = measure_latency(AndroidRunner(artifacts["tflite-float32"], "cpu", 2), picture(0), SETTINGS)
    assert (found.samples, found.warmup, found.threads, found.cold_starts) == (20, 4, 2, 1)
    assert 0 < found.min <= found.p50 <= found.p95 <= found.max
    assert found.min <= found.mean <= found.max
    assert (found.p90, found.p99, found.iqr, found.other_load) == (None, None, None, None)
    assert found.cold_start == pytest.approx(found.load_ms + found.first_run_ms)
    (measuring,) = [command for command in android_phone.commands if "--num_runs=20" in command]
    for word in (
        "--num_threads=2",
        "--use_xnnpack=true",
        "--warmup_runs=4",
        "--max_secs=10",
        "--input_layer_shape=1,16,24,3",
    ):
        assert word in measuring
    assert "--output_filepath" not in measuring


def test_time_and_memory_beside_runners_that_are_timed_in_turns(
    android_phone: FakePhone, artifacts: dict[str, Artifact]
) -> None:
    subject = Subject(AndroidRunner(artifacts["tflite-float32"], "gpu", 2), picture(0), threads=(1, 2))
    fresh = start_fresh(subject, SETTINGS)
    assert fresh == FreshStarts(reason="android's own benchmark tells it together with the time")
    (found,) = time_runs([subject], [fresh], SETTINGS)
    assert found.timing.latency_status == Status.MEASURED
    assert (found.timing.peak_memory_bytes, found.timing.memory_reason) == (4.25 * 2**20, "")
    assert [item.threads for item in found.timing.thread_sweep] == [1, 2]


def test_accuracy_and_the_phone_it_was_measured_on(
    android_phone: FakePhone, artifacts: dict[str, Artifact], dataset: MemoryDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(IMAGES_VARIABLE, "3")
    what = Measurements(dataset, latency=SETTINGS, memory=False, limit=AndroidRunner.images_limit("gpu"))
    found = measure_run(AndroidRunner, artifacts["tflite-float32"], what, backend="gpu")
    assert (found.status, found.latency_status, found.machine, found.images) == ("measured", "measured", NAME, 3)
    assert found.miou is not None
    assert found.title == f"android (gpu) on {NAME}"


@pytest.mark.parametrize(("backend", "flag"), [("cpu", "xnnpack"), ("gpu", "gpu"), ("nnapi", "nnapi")])
def test_each_backend_is_a_delegate(
    backend: str, flag: str, android_phone: FakePhone, artifacts: dict[str, Artifact]
) -> None:
    opened(artifacts["tflite-float32"], backend)
    (command,) = [command for command in android_phone.commands if "--dry_run=true" in command]
    assert f"--use_{flag}=true" in command
    assert command.count("--use_") == 1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("unsupported", "GPU acceleration is unsupported on this platform., so it ran on the CPU"),
        ("nothing", "the GPU delegate took no operation of it, so it ran on the CPU"),
        ("failed", "dilation is not supported; Failed to apply GPU delegate"),
    ],
)
def test_delegate_that_is_refused_is_no_measurement(
    how: str, says: str, android_phone: FakePhone, artifacts: dict[str, Artifact]
) -> None:
    android_phone.tool = FakeTool(failing={"GPU": how})
    with pytest.raises(RunnerError, match=says):
        opened(artifacts["tflite-float32"], "gpu")


def test_delegate_that_takes_a_part_counts(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    android_phone.tool = FakeTool(failing={"GPU": "partially", "XNNPACK": "nothing"})
    subject = Subject(AndroidRunner(artifacts["tflite-float32"], "gpu"), picture(0))
    (found,) = time_runs([subject], [start_fresh(subject, SETTINGS)], SETTINGS)
    assert found.delegation == Delegation("GPU", whole=False, taken=2, operations=3, parts=2)
    assert subject.runner.undelegated() is None
    # Where XNNPACK takes nothing, LiteRT's own kernels are the CPU all the same.
    with AndroidRunner(artifacts["tflite-float32"], "cpu") as runner:
        assert runner.delegation() is None


def test_delegate_that_takes_all_leaves_nothing(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    with AndroidRunner(artifacts["tflite-float32"], "nnapi") as runner:
        assert runner.delegation() == Delegation("NNAPI", whole=True)
        assert runner.undelegated() == {}


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (prints("/system/bin/sh: x: not executable: 64-bit ELF file", status=126), "cannot execute benchmark_model"),
        (
            prints('CANNOT LINK EXECUTABLE "x": library "libc++_shared.so" not found', status=1),
            "CANNOT LINK EXECUTABLE",
        ),
        (prints("Segmentation fault", status=139), "Segmentation fault"),
        (prints(status=139), "ended with status 139 and said nothing"),
        (prints("WARN: Unconsumed cmdline flags: --dry_run=true"), "does not know --dry_run; get a newer one"),
    ],
)
def test_tool_that_does_not_run(
    tool: Program, says: str, android_phone: FakePhone, artifacts: dict[str, Artifact]
) -> None:
    android_phone.tool = tool
    with pytest.raises(RunnerError, match=says) as failure:
        opened(artifacts["tflite-float32"])
    assert "tflite-float32" in str(failure.value)


def test_old_tool_without_outputs_or_medians(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    android_phone.tool = FakeTool(lacks=("output_filepath",))
    with AndroidRunner(artifacts["tflite-float32"]) as runner:
        with pytest.raises(RunnerError, match="does not know --output_filepath; get a newer one"):
            runner.predict(picture(0))
        runner.benchmark(picture(0), SETTINGS)
        lines = (
            "count=1 curr=9\n\ncount=2 first=8 curr=9 min=8 max=9 avg=8.5 std=1\n\nInference timings in us: Init: 1,"
            " First inference: 9,"
        )
        android_phone.tool = prints(lines)
        with pytest.raises(RunnerError, match="prints no median; get a newer one"):
            runner.benchmark(picture(0), SETTINGS)
        android_phone.tool = prints("count=0", "count=0")
        with pytest.raises(RunnerError, match="made no inference"):
            runner.benchmark(picture(0), SETTINGS)


def test_signature_is_named(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    artifact = dataclasses.replace(artifacts["tflite-float32"], signature="serving_default")
    with AndroidRunner(artifact) as runner:
        runner.predict(picture(0))
    assert "--signature_to_run_for=serving_default" in android_phone.commands[-2]


def test_integers_go_in_and_come_out(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    from validation.runners.litert.runner import LiteRtRunner

    artifact = artifacts["tflite-int8_static"]
    with AndroidRunner(artifact) as phone, LiteRtRunner(artifact) as here:
        np.testing.assert_array_equal(phone.predict(picture(3)), here.predict(picture(3)))


def test_phone_that_goes_away_fails_the_run_and_what_stays_is_said(
    android_phone: FakePhone, artifacts: dict[str, Artifact]
) -> None:
    with (
        pytest.warns(UserWarning, match=r"/data/local/tmp/segport-\w+ stays on .*run: adb shell rm -rf"),
        pytest.raises(RunnerError, match="went away during a shell request"),
        AndroidRunner(artifacts["tflite-float32"]) as runner,
    ):
        android_phone.drop = "--num_runs"
        runner.predict(picture(0))
    android_phone.files.clear()


def test_tool_that_hangs_is_given_up_and_ended(
    android_phone: FakePhone, artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    with AndroidRunner(artifacts["tflite-float32"]) as runner:
        monkeypatch.setattr(AndroidRunner, "tool_seconds", 0.3)
        android_phone.hang = "--num_runs"
        with pytest.raises(RunnerError, match=r"benchmark_model did not end within 0\.3 s"):
            runner.predict(picture(0))
    assert android_phone.commands[-1].startswith("pkill -f '/data/local/tmp/segport-")


def test_full_phone_keeps_nothing(android_phone: FakePhone, artifacts: dict[str, Artifact]) -> None:
    android_phone.space = 200
    with pytest.raises(RunnerError, match="No space left on device"):
        opened(artifacts["tflite-float32"])


def test_tool_for_another_processor_is_not_pushed(
    android_phone: FakePhone, artifacts: dict[str, Artifact], tmp_path: Path
) -> None:
    android_phone.abis = "armeabi-v7a,armeabi"
    with pytest.raises(RunnerError, match="is for arm64-v8a and the Google Pixel 0 executes armeabi-v7a"):
        opened(artifacts["tflite-float32"])
    android_phone.abis = "arm64-v8a"
    program_file(tmp_path, ELF_ARM64[:18] + (62).to_bytes(2, "little") + ELF_ARM64[20:])
    with pytest.raises(RunnerError, match="is for x86_64 and"):
        opened(artifacts["tflite-float32"])


def unset(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.delenv(TOOL_VARIABLE)


def not_there(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv(TOOL_VARIABLE, str(folder / "nowhere"))


def no_program(patch: pytest.MonkeyPatch, folder: Path) -> None:
    program_file(folder, b"#!/bin/sh\n")


def no_server(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv(PORT_VARIABLE, "1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (unset, "set SEGPORT_ANDROID_BENCHMARK to its path"),
        (not_there, "which is no file"),
        (no_program, "is no Android program"),
        (no_server, "no adb server answers"),
    ],
)
def test_what_is_missing_is_said(
    change: Callable[[pytest.MonkeyPatch, Path], None],
    says: str,
    android_phone: FakePhone,
    artifacts: dict[str, Artifact],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert AndroidRunner.availability("cpu").ok
    change(monkeypatch, tmp_path)
    state = AndroidRunner.availability("cpu")
    assert not state.ok
    assert says in state.reason
    found = measure_run(AndroidRunner, artifacts["tflite-float32"], Measurements(latency=None, memory=False))
    assert (found.status, found.reason, found.machine) == ("not_run", state.reason, "")
