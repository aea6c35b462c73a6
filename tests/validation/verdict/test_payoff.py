"""What quantizing gained: planted times and sizes, and a real 16-bit artifact whose operations no delegate takes."""

from __future__ import annotations

import pytest

from converters import Artifact, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import artifact_of
from validation.measure import Measurements, measure_run
from validation.results.latency import LatencyResult
from validation.results.run import RunResult, Status
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.litert.graph import left_behind
from validation.runners.litert.runner import LiteRtRunner
from validation.verdict.gains import Speed, Weighed, compared, payoff
from validation.verdict.gates import Gates
from validation.verdict.judge import VerdictStatus, judge

GATES = Gates(miou_drop=0.01, class_drop=0.05)
KEPT = [RunResult("litert", "xnnpack", 1, Status.MEASURED, images=4, miou=0.7, delta_miou=0.0)]
"""Runs that keep every gate."""


def latency(p50: float, iqr: float = 0.1, warning: str = "") -> LatencyResult:
    """100 samples around a median."""
    return LatencyResult(
        p50=p50,
        p90=p50,
        p95=p50,
        p99=p50,
        mean=p50,
        min=p50,
        max=p50,
        samples=100,
        warmup=5,
        stable=True,
        threads=1,
        load_ms=1.0,
        first_run_ms=p50,
        other_load=0.0,
        warning=warning,
        iqr=iqr,
        in_turns=2,
    )


def weighed(name: str, size: int, *times: LatencyResult, undelegated: dict[str, int] | None = None) -> Weighed:
    """An artifact with a run a backend, and one that was not timed."""
    runs = [
        RunResult(
            "litert",
            f"backend{number}",
            1,
            Status.MEASURED,
            latency_status=Status.MEASURED,
            latency_ms=found,
            undelegated=undelegated,
        )
        for number, found in enumerate(times)
    ]
    return Weighed(name, size, (*runs, RunResult("milrun", "cpu", 1, Status.MEASURED)))


@pytest.mark.parametrize(
    ("mine", "float_time", "speed"),
    [
        (latency(5), latency(10), Speed.FASTER),
        (latency(10.2), latency(10), Speed.SAME),
        (latency(9.8), latency(10), Speed.SAME),
        (latency(11), latency(10), Speed.SLOWER),
        (latency(10, iqr=20), latency(10, iqr=20), Speed.UNKNOWN),
        (latency(5, iqr=20), latency(40, iqr=20), Speed.FASTER),
        (latency(5, warning="busy"), latency(10), Speed.UNKNOWN),
        (latency(0.09, iqr=0.001), latency(0.02, iqr=0.001), Speed.UNKNOWN),  # calls, not networks
        (latency(0.11, iqr=0.001), latency(0.02, iqr=0.001), Speed.SLOWER),
    ],
)
def test_times_differ_only_beyond_their_spread(mine: LatencyResult, float_time: LatencyResult, speed: Speed) -> None:
    assert compared(mine, float_time) is speed


def test_neither_smaller_nor_faster_fails_and_names_the_operations() -> None:
    slow = weighed("tflite-int16x8", 1000, latency(12), undelegated={"CONV_2D": 7, "ADD": 3})
    (reason,) = payoff(slow, weighed("tflite-float32", 1000, latency(10)))
    assert reason.outcome is VerdictStatus.FAIL
    assert "neither smaller (1.00 of its bytes) nor faster than float, 12 ms against 10 ms" in reason.sentence
    assert "CONV_2D x7, ADD x3" in reason.sentence
    verdict = judge(KEPT, GATES, [reason])
    assert verdict.status is VerdictStatus.FAIL
    assert verdict.reasons == (reason.sentence, *judge(KEPT, GATES).reasons)


def test_smaller_but_slower_is_said_and_passes() -> None:
    (reason,) = payoff(weighed("q", 270, latency(27), undelegated={}), weighed("f", 1000, latency(10)))
    assert reason.outcome is VerdictStatus.PASS
    assert "smaller (0.27 of its bytes) but slower than float, 27 ms against 10 ms of f" in reason.sentence
    assert "the delegate took every operation" in reason.sentence
    assert judge(KEPT, GATES, [reason]).status is VerdictStatus.PASS


def test_what_pays_gets_no_sentence() -> None:
    plain = weighed("f", 1000, latency(10), latency(10))
    assert payoff(weighed("small", 270, latency(9), latency(10)), plain) == ()
    assert payoff(weighed("faster in one runtime", 1000, latency(12), latency(5)), plain) == ()


def test_what_cannot_be_told_is_neither_pass_nor_fail() -> None:
    plain = weighed("f", 1000, latency(10), latency(10))
    (reason,) = payoff(weighed("q", 1000, latency(10, warning="busy")), plain)
    assert reason.outcome is VerdictStatus.NOT_RUN
    assert "segport bench" in reason.sentence
    # One runtime in which it may be faster still saves it.
    found = payoff(weighed("q", 1000, latency(12), latency(10, iqr=30)), plain)
    assert [item.outcome for item in found] == [VerdictStatus.NOT_RUN]
    assert payoff(weighed("q", 1000), plain) == ()


def test_other_threads_and_other_machines_are_not_compared() -> None:
    plain = weighed("f", 1000, latency(10))
    run = weighed("q", 1000, latency(30)).runs[0]
    for changes in ({"threads": 4}, {"machine": "Pixel"}, {"backend": "reference"}):
        other = RunResult.from_json({**run.to_json(), **changes})
        assert payoff(Weighed("q", 1000, (other,)), plain) == ()


def test_operations_between_delegates_are_left_behind() -> None:
    operations = [
        {"op_name": "MUL", "inputs": [0, 9], "outputs": [1]},
        {"op_name": "CONV_2D", "inputs": [1, 8, -1], "outputs": [2]},
        {"op_name": "RESIZE_NEAREST_NEIGHBOR", "inputs": [2], "outputs": [3]},
        {"op_name": "CONV_2D", "inputs": [3, 7], "outputs": [4]},
        {"op_name": "DELEGATE", "inputs": [0, 9, 8], "outputs": [2]},
        {"op_name": "DELEGATE", "inputs": [3, 7], "outputs": [4]},
    ]
    assert left_behind(operations) == {"RESIZE_NEAREST_NEIGHBOR": 1}
    assert left_behind(operations[:4]) == {"CONV_2D": 2, "MUL": 1, "RESIZE_NEAREST_NEIGHBOR": 1}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The small network in floats, in 8 bits, and with 16-bit activations."""
    source, pictures = small.small_source(), small.calibration(4)
    pairs = [("tflite", recipe(name)) for name in ("float32", "int8_static", "int16x8")]
    plan = make_plan(source, pairs, calibration=pictures.digest())
    made = [artifact_of(outcome) for outcome in perform(plan, tmp_path_factory.mktemp("payoff"), pictures)]
    return {artifact.recipe: artifact for artifact in made}


def undelegated(artifact: Artifact, backend: str = "xnnpack") -> dict[str, int] | None:
    with LiteRtRunner(artifact, backend, threads=1) as runner:
        return runner.undelegated()


def test_xnnpack_takes_8_bits_whole_and_leaves_16_bits_behind(real: dict[str, Artifact]) -> None:
    assert undelegated(real["float32"]) == undelegated(real["int8_static"]) == {}
    left = undelegated(real["int16x8"])
    assert left is not None
    assert left["CONV_2D"] == 7
    assert undelegated(real["int16x8"], "builtin") is None


def test_a_real_16_bit_artifact_is_slower_and_its_operations_are_named(real: dict[str, Artifact]) -> None:
    what = Measurements(
        latency=LatencySettings(samples=15, min_samples=15, cold_starts=0),
        memory=False,
        picture=small.pictures(1, small.INPUT_SIZE, 3)[0],
    )

    def timed(name: str, left: dict[str, int] | None) -> Weighed:
        artifact = real[name]
        run = measure_run(LiteRtRunner, artifact, what, backend="xnnpack")
        assert run.latency_ms is not None
        # Reference kernels are slower by far more than other load: it must not keep the two from being compared.
        quiet = {
            **run.latency_ms.to_json(),
            "warning": "",
            "iqr": min(run.latency_ms.iqr or 0.0, run.latency_ms.p50 / 9),
        }
        document = {**run.to_json(), "latency_ms": quiet, "undelegated": left}
        return Weighed(artifact.name, artifact.size_bytes, (RunResult.from_json(document),))

    (reason,) = payoff(timed("int16x8", undelegated(real["int16x8"])), timed("float32", {}))
    assert reason.outcome is VerdictStatus.PASS  # its file is smaller
    print(reason.sentence)
    assert "slower than float" in reason.sentence
    assert "on slow kernels: CONV_2D x7" in reason.sentence
