"""Sampling in turns, with clocks that the test holds: who runs when, who is open when, what drift does to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from converters import Artifact
from tests.validation.tiny_network import damaged, picture
from validation.errors import RunnerError
from validation.results.run import Accuracy, RunResult, Setting, Status
from validation.runners.base.contract import Runner
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.milrun import MilRunRunner
from validation.runners.onnxruntime import OnnxRuntimeRunner
from validation.runners.reference import TorchArtifact, TorchRunner
from validation.timing.runs import Subject, start_fresh, time_runs
from validation.timing.turns import Entrant, grouped, time_in_turns


class NotedRunner(TorchRunner):
    """Writes down its name whenever it runs; takes as long as the machine of the test says."""

    title: str
    diary: list[str]
    drift: Iterator[int]
    fails_at: int | None = None
    runs = 0

    def _open(self) -> None:
        self.diary.append(f"open {self.title}")

    def _invoke_timed(self) -> int:
        self.runs += 1
        if self.runs == self.fails_at:
            raise RunnerError(f"{self.title} broke")
        self.diary.append(self.title)
        return next(self.drift)

    def _close(self) -> None:
        self.diary.append(f"close {self.title}")


def _noted(reference: TorchArtifact, titles: str, drift: Iterator[int]) -> tuple[list[NotedRunner], list[str]]:
    diary: list[str] = []
    made = []
    for title in titles:
        runner = NotedRunner(reference)
        runner.title, runner.diary, runner.drift = title, diary, drift
        made.append(runner)
    return made, diary


def _endless(time: int = 10**6) -> Iterator[int]:
    while True:
        yield time


def test_rounds_go_forwards_and_backwards_each_after_an_untimed_run(float_artifact: TorchArtifact) -> None:
    runners, diary = _noted(float_artifact, "abc", _endless())
    teams = [[Entrant(runner, picture(0))] for runner in runners]
    ticks: list[tuple[int, int]] = []
    settings = LatencySettings(samples=16, max_warmup=1)
    found = time_in_turns(teams, settings, lambda done, total: ticks.append((done, total)))
    body = [item for item in diary if len(item) == 1][3:]  # without the three cold runs
    turn = 3  # one untimed and two timed
    assert body[: 4 * 3 * turn] == [*"aaabbbccccccbbbaaa", *"aaabbbccccccbbbaaa"]
    assert ticks[0] == (6, 48)
    assert ticks[-1] == (48, 48)
    for (answer,) in found:
        assert answer.latency is not None
        assert (answer.latency.samples, answer.latency.in_turns) == (16, 3)
        assert (answer.latency.group, answer.latency.groups) == (1, 1)
    assert diary[-3:] == ["close c", "close b", "close a"]


def test_drift_hits_all_alike(float_artifact: TorchArtifact) -> None:
    """A machine that slows down threefold: two equal runners in turns get equal medians, one after the other they do
    not."""

    def slowing() -> Iterator[int]:
        return iter([10**6 + step * 10**4 for step in range(400)])

    settings = LatencySettings(samples=80, max_warmup=1)
    together, _ = _noted(float_artifact, "ab", slowing())
    (one,), (two,) = time_in_turns([[Entrant(item, picture(0))] for item in together], settings)
    assert one.latency is not None
    assert two.latency is not None
    assert two.latency.p50 == pytest.approx(one.latency.p50, rel=0.02)
    apart, _ = _noted(float_artifact, "ab", slowing())
    (first,), (second,) = time_in_turns([[Entrant(item, picture(0))] for item in apart], settings, most_open=1)
    assert first.latency is not None
    assert second.latency is not None
    assert second.latency.p50 > 1.3 * first.latency.p50
    assert [(item.group, item.groups) for item in (first.latency, second.latency)] == [(1, 2), (2, 2)]


def test_groups_are_bounded_by_number_and_by_bytes_and_never_divide_a_team() -> None:
    assert grouped([[1], [1], [1]], 2, 10) == [[0, 1], [2]]
    assert grouped([[4], [4], [4]], 9, 8) == [[0, 1], [2]]
    assert grouped([[1, 1, 1], [1], [1]], 2, 10) == [[0], [1, 2]]
    assert grouped([[99], [1]], 9, 8) == [[0], [1]]
    assert grouped([], 9, 8) == []


def test_only_one_group_is_open_at_a_time(float_artifact: TorchArtifact) -> None:
    runners, diary = _noted(float_artifact, "abcd", _endless())
    teams = [[Entrant(runner, picture(0), held_bytes=60)] for runner in runners]
    time_in_turns(teams, LatencySettings(samples=3, max_warmup=1), most_bytes=120)
    doors = [item for item in diary if len(item) > 1]
    assert doors == [
        "open a",
        "open b",
        "close b",
        "close a",
        "open c",
        "open d",
        "close d",
        "close c",
    ]


@pytest.mark.parametrize("fails_at", [1, 4, 9])
def test_a_runner_that_breaks_is_out_and_the_others_go_on(float_artifact: TorchArtifact, fails_at: int) -> None:
    runners, diary = _noted(float_artifact, "abc", _endless())
    runners[1].fails_at = fails_at
    found = time_in_turns(
        [[Entrant(runner, picture(0))] for runner in runners], LatencySettings(samples=8, max_warmup=2)
    )
    assert [answer.reason for (answer,) in found] == ["", "b broke", ""]
    for (answer,) in (found[0], found[2]):
        assert answer.latency is not None
        assert (answer.latency.samples, answer.latency.in_turns) == (8, 2)
    assert diary.count("close b") == diary.count("open b") == 1


def test_ctrl_c_closes_everything(float_artifact: TorchArtifact) -> None:
    def until_ctrl_c() -> Iterator[int]:
        yield from [10**6] * 20
        raise KeyboardInterrupt

    runners, diary = _noted(float_artifact, "ab", until_ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        time_in_turns([[Entrant(runner, picture(0))] for runner in runners], LatencySettings(samples=50, max_warmup=1))
    assert diary[-2:] == ["close b", "close a"]


def test_time_and_memory_of_real_runs(float_artifact: TorchArtifact, artifacts: dict[str, Artifact]) -> None:
    settings = LatencySettings(samples=6, max_warmup=2, cold_starts=2)
    runners: list[Runner] = [
        TorchRunner(float_artifact),
        LiteRtRunner(artifacts["tflite-float32"]),
        OnnxRuntimeRunner(artifacts["onnx-float32"]),
        MilRunRunner(artifacts["coreml-float32"]),
    ]
    subjects = [Subject(runner, picture(0)) for runner in runners]
    fresh = [start_fresh(subject, settings) for subject in subjects]
    results = [
        RunResult.of(Setting(runner.name, runner.backend, 1), Accuracy(Status.NOT_RUN, "-"), found.timing)
        for runner, found in zip(runners, time_runs(subjects, fresh, settings), strict=True)
    ]
    torch, litert, onnx, milrun = results
    for run in (litert, onnx):
        assert run.latency_ms is not None
        assert run.latency_ms.cold_start == pytest.approx(run.latency_ms.load_ms + run.latency_ms.first_run_ms)
        assert (run.latency_ms.cold_starts, run.latency_ms.in_turns) == (2, 3)
        assert run.latency_ms.iqr is not None
        assert 0 <= run.latency_ms.iqr <= run.latency_ms.max - run.latency_ms.min
        assert (run.peak_memory_bytes or 0) > 0
        assert RunResult.from_json(run.to_json()) == run
    assert torch.latency_ms is not None
    assert torch.latency_ms.cold_start is None  # a module in memory has no file that a fresh process could open
    assert "in memory" in torch.memory_reason
    assert (milrun.latency_status, milrun.latency_ms) == (Status.NOT_RUN, None)
    assert "not a phone's" in milrun.latency_reason


def test_a_file_that_is_no_model_is_a_result(
    artifacts: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = LiteRtRunner(damaged(artifacts["tflite-float32"], tmp_path_factory.mktemp("broken")))
    settings = LatencySettings(samples=3, max_warmup=1, cold_starts=1)
    subjects = [Subject(broken, picture(0)), Subject(LiteRtRunner(artifacts["tflite-float32"]), picture(0))]
    bad, good = (
        found.timing
        for found in time_runs(subjects, [start_fresh(subject, settings) for subject in subjects], settings)
    )
    assert bad.latency_status == Status.FAILED
    assert "refuses" in bad.latency_reason
    assert bad.peak_memory_bytes is None
    assert good.latency_status == Status.MEASURED
