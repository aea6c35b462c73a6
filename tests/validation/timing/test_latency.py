"""Latency with a clock we hold in our hands; nothing here depends on how fast the machine is."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from converters import Artifact
from tests.validation.tiny_network import picture
from validation.errors import RunnerError, ValidationError
from validation.results.latency import LatencyResult
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.onnxruntime import OnnxRuntimeRunner
from validation.runners.reference import TorchArtifact, TorchRunner
from validation.timing.busy import OtherLoad
from validation.timing.cold_start import peak_memory
from validation.timing.stopwatch import Stopwatch, busy_warning, measure_latency


class ScriptedRunner(TorchRunner):
    """Takes as long as its script says, in nanoseconds, without doing anything."""

    script: Iterator[int]

    def _invoke_timed(self) -> int:
        return next(self.script)


def _watch(reference: TorchArtifact, times_ms: list[float], **settings: float) -> tuple[Stopwatch, LatencyResult]:
    runner = ScriptedRunner(reference, threads=2)
    runner.script = iter([round(time * 1e6) for time in times_ms])
    with Stopwatch(runner, picture(0), LatencySettings(**settings)) as watch:  # type: ignore[arg-type]
        watch.warm_up()
        while watch.wants_more():
            watch.sample()
        return watch, watch.result()


def test_statistics_are_those_of_the_samples(float_artifact: TorchArtifact) -> None:
    warm = [50.0] + [9.0] * 10
    samples = [float(value) for value in range(1, 101)]
    watch, result = _watch(float_artifact, warm + samples, samples=100)
    np.testing.assert_allclose(watch.samples_ms, samples)
    assert (result.p50, result.p90, result.p95, result.p99) == pytest.approx((50.5, 90.1, 95.05, 99.01))
    assert (result.mean, result.min, result.max) == pytest.approx((50.5, 1.0, 100.0))
    assert (result.samples, result.warmup, result.stable, result.threads) == (100, 11, True, 2)
    assert result.first_run_ms == 50.0


def test_warm_up_goes_on_until_times_settle(float_artifact: TorchArtifact) -> None:
    falling = [float(value) for value in range(60, 20, -2)]
    _, result = _watch(float_artifact, falling + [20.0] * 40, samples=5)
    assert result.stable
    assert 20 < result.warmup < 40
    assert result.p50 == 20.0


def test_warm_up_is_bounded_by_count_and_by_time(float_artifact: TorchArtifact) -> None:
    wild = [float(1 + 7 * (index // 5 % 2)) for index in range(200)]
    _, counted = _watch(float_artifact, wild, samples=5, max_warmup=20)
    assert (counted.warmup, counted.stable) == (20, False)
    _, timed = _watch(float_artifact, [12_000.0] * 9, samples=100, max_seconds=0, max_warmup_seconds=5)
    assert (timed.warmup, timed.samples, timed.stable) == (1, 3, False)


def test_sampling_stops_after_its_time(float_artifact: TorchArtifact) -> None:
    runner = ScriptedRunner(float_artifact)
    runner.script = iter([10**6] * 1000)
    ticks = iter(range(0, 10**12, 10**9))
    settings = LatencySettings(samples=100, max_seconds=7, max_warmup=1)
    with Stopwatch(runner, picture(0), settings, clock=lambda: next(ticks)) as watch:
        while watch.wants_more():
            watch.sample()
        assert watch.result().samples == 7
        assert watch.result().load_ms == 1000.0


@pytest.mark.parametrize(
    "bad", [{"samples": 0}, {"min_samples": 0}, {"samples": 2}, {"max_warmup": 0}, {"max_seconds": -1.0}]
)
def test_impossible_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LatencySettings(**bad)  # type: ignore[arg-type]


def test_real_runtimes_give_the_report_s_keys(artifacts: dict[str, Artifact]) -> None:
    for runner in (LiteRtRunner(artifacts["tflite-float32"], threads=2), OnnxRuntimeRunner(artifacts["onnx-float32"])):
        document = measure_latency(runner, picture(0), LatencySettings(samples=7)).to_json()
        assert {"p50", "p90", "p95", "p99", "mean", "min", "samples", "warmup"} <= set(document)
        assert document["samples"] == 7
        assert document["threads"] == runner.threads
        assert 0 < document["min"] <= document["p50"] <= document["p90"] <= document["p99"] <= document["max"]
        assert document["load_ms"] > 0
        assert LatencyResult.from_json(json.loads(json.dumps(document))).to_json() == document
        with pytest.raises(RunnerError, match="not open"):
            runner.predict(picture(0))


def test_a_result_of_other_keys_is_refused() -> None:
    with pytest.raises(ValidationError, match="latency"):
        LatencyResult.from_json({"p50": 1.0})


def test_runners_can_be_sampled_in_turns(float_artifact: TorchArtifact, artifacts: dict[str, Artifact]) -> None:
    settings = LatencySettings(samples=4, max_warmup=1)
    with (
        Stopwatch(TorchRunner(float_artifact), picture(0), settings) as one,
        Stopwatch(LiteRtRunner(artifacts["tflite-float32"]), picture(0), settings) as two,
    ):
        with pytest.raises(ValidationError, match="no latency sample"):
            one.result()
        while one.wants_more() or two.wants_more():
            one.sample()
            two.sample()
        assert (one.result().samples, two.result().samples) == (4, 4)


def test_busy_machine_is_said_to_be_busy() -> None:
    assert busy_warning(0.0, threads=1, cores=2) == ""
    assert busy_warning(0.3, threads=1, cores=2) == ""
    assert "0.3 of 2 cores" in busy_warning(0.3, threads=2, cores=2)
    assert "1.5 of 8 cores" in busy_warning(1.5, threads=1, cores=8)


def test_work_of_other_processes_is_seen_and_our_own_is_not() -> None:
    burn = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass\nprint(); input()"
    foreign = OtherLoad()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", burn], **pipes) as process:
        ours = OtherLoad((process.pid,))
        assert process.stdout is not None
        process.stdout.readline()
        seen_as_foreign, seen_as_ours = foreign.cores(), ours.cores()
        process.communicate(b"\n")
    assert seen_as_foreign > seen_as_ours


def test_peak_memory_covers_the_weights(artifacts: dict[str, Artifact]) -> None:
    for runner in (LiteRtRunner(artifacts["tflite-float32"]), OnnxRuntimeRunner(artifacts["onnx-float32"])):
        found = peak_memory(runner)
        assert found.reason == ""
        assert found.bytes is not None
        assert runner.artifact.size_bytes // 2 < found.bytes < 2**30


def test_peak_memory_says_why_there_is_none(
    float_artifact: TorchArtifact, artifacts: dict[str, Artifact], tmp_path: object
) -> None:
    assert "in memory" in peak_memory(TorchRunner(float_artifact)).reason
    broken = dataclasses.replace(artifacts["onnx-float32"], path=artifacts["onnx-float32"].path.with_name("none.onnx"))
    with pytest.raises(RunnerError, match=r"none\.onnx does not exist"):
        peak_memory(OnnxRuntimeRunner(broken))
