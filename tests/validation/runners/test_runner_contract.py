"""What every runner promises, checked for every runner and backend that is registered."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import Artifact, OutputKind
from tests.validation.tiny_network import HEIGHT, OUT_HEIGHT, OUT_WIDTH, WIDTH, damaged, picture
from validation.errors import RunnerError, ValidationError
from validation.runners import runners
from validation.runners.base.contract import Runner
from validation.runners.base.values import label_map
from validation.runners.reference import TorchArtifact

LogitsOf = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
CASES = [(name, backend) for name, kind in runners().items() for backend in kind.backends]
# A browser takes seconds to start, and these two differ from another backend only in how it is started.
SLOW = (("web", "chromium-threads"), ("web", "chromium-webgpu"))


def _marks(case: tuple[str, str]) -> list[pytest.MarkDecorator]:
    named = {"arm64": [pytest.mark.arm64], "web": [pytest.mark.web]}
    return named.get(case[0], []) + ([pytest.mark.slow] if case in SLOW else [])


MARKED = [pytest.param(case, marks=_marks(case)) for case in CASES]
OF_FORMAT = {"tflite": "tflite-float32", "onnx": "onnx-float32", "coreml": "coreml-float32"}


def _artifact(
    runner_type: type[Runner], artifacts: dict[str, Artifact], float_artifact: Artifact, suffix: str = ""
) -> Artifact:
    form = runner_type.formats[0]
    return float_artifact if form == "torch" else artifacts[OF_FORMAT[form] + suffix]


@pytest.fixture(params=MARKED, ids=["-".join(case) for case in CASES])
def closed(request: pytest.FixtureRequest, artifacts: dict[str, Artifact], float_artifact: TorchArtifact) -> Runner:
    """A runner bound to its artifact; the isolated one gets its environment first."""
    name, backend = request.param
    runner_type = runners()[name]
    if name == "tflite-runtime" and sys.platform == "linux":
        request.getfixturevalue("tflite_runtime")
    if backend.endswith("fp16") and not (state := runner_type.availability(backend)).ok:
        pytest.skip(state.reason)
    if name == "android":
        request.getfixturevalue("android_phone")
    if name == "arm64":
        request.getfixturevalue("arm64_machine")
    if name == "web":
        request.getfixturevalue("web_packages")
        if not (state := runner_type.availability(backend)).ok:
            pytest.skip(state.reason)
    if name == "coreml" and sys.platform != "darwin":
        request.getfixturevalue("framework_stand_in")
    return runner_type(_artifact(runner_type, artifacts, float_artifact), backend, threads=1)


@pytest.fixture
def framework_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off macOS the Core ML runner's own code is exercised with milrun in the framework's place."""
    import coremltools
    from coremltools.models.ml_program.experimental import perf_utils

    from validation.milrun import Interpreter
    from validation.results.facts import Availability
    from validation.runners.coreml import CoreMlRunner

    class Model:
        def __init__(self, path: str, compute_units: Any, function_name: str | None = None) -> None:
            assert isinstance(compute_units, coremltools.ComputeUnit)
            self._interpreter = Interpreter(path, function=function_name)

        def predict(self, values: dict[str, Any]) -> dict[str, Any]:
            return self._interpreter.predict(values)

    real = perf_utils.MLModelBenchmarker

    class Benchmarker:
        """Times milrun; calls are checked against the real one's signature."""

        def __init__(self, *given: Any, **named: Any) -> None:
            (self._model,) = inspect.signature(real).bind(*given, **named).arguments.values()

        async def benchmark_predict(self, *given: Any, **named: Any) -> Any:
            asked = inspect.signature(real.benchmark_predict).bind(self, *given, **named).arguments
            assert asked["iterations"] == 1
            self.given = asked["inputs"]
            start = time.perf_counter_ns()
            self._model.predict(self.given)
            return SimpleNamespace(samples=[(time.perf_counter_ns() - start) / 1e6])

    monkeypatch.setattr(coremltools.models, "MLModel", Model)
    monkeypatch.setattr(perf_utils, "MLModelBenchmarker", Benchmarker)
    monkeypatch.setattr(CoreMlRunner, "availability", lambda *backend: Availability(True))


def test_answers_what_the_network_answers(closed: Runner, logits_of: LogitsOf) -> None:
    with closed as runner:
        for seed in range(3):
            answer = runner.predict(picture(seed))
            assert answer.shape == (OUT_HEIGHT, OUT_WIDTH, 4)
            assert answer.dtype == np.float32
            # Float16 keeps 11 bits of a number. Three tensors of about 1 are rounded on the way; a CPU that adds in
            # float16 rounds
            # partial sums too, of 27 products in the first layer, which the second weighs up to eight times (0.0020
            # seen).
            tolerance = 8 * 2.0**-11 if closed.backend.endswith("fp16") else 2e-4
            np.testing.assert_allclose(answer, logits_of(picture(seed)), atol=tolerance)


def test_same_picture_twice_gives_equal_answers(closed: Runner) -> None:
    with closed as runner:
        first = runner.predict(picture(1)).copy()
        runner.predict(picture(2))
        np.testing.assert_array_equal(runner.predict(picture(1)), first)


def test_opens_again_after_closing(closed: Runner) -> None:
    with closed as runner:
        first = runner.predict(picture(1)).copy()
    with closed as runner:
        np.testing.assert_array_equal(runner.predict(picture(1)), first)


def test_answers_only_while_open(closed: Runner) -> None:
    with pytest.raises(RunnerError, match="not open"):
        closed.predict(picture(0))
    with closed:
        pass
    with pytest.raises(RunnerError, match="not open"):
        closed.predict(picture(0))
    with pytest.raises(RunnerError, match="not open"):
        closed.timed_call(picture(0))
    assert closed.process_ids() == ()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((WIDTH, HEIGHT, 3), np.uint8),
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((HEIGHT, WIDTH, 4), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.float32),
    ],
    ids=["sides swapped", "gray", "alpha", "float"],
)
def test_wrong_picture_is_refused(closed: Runner, image: NDArray[Any]) -> None:
    with closed as runner, pytest.raises(ValidationError, match="takes uint8 pictures of 16x24x3"):
        runner.predict(image)


def test_timed_call_runs_the_picture_it_was_given(closed: Runner) -> None:
    with closed as runner:
        expected = runner.predict(picture(3)).copy()
        runner.predict(picture(4))
        call = runner.timed_call(picture(3))
        assert all(isinstance(nanoseconds, int) and nanoseconds > 0 for nanoseconds in (call(), call()))
        if closed.name == "coreml":  # its benchmarker keeps the answer to itself; the stand-in shows what it was given
            answer = runner._model.predict(runner._benchmarker.given)[closed.artifact.output.name]
            np.testing.assert_array_equal(runner._checked(np.asarray(answer)), expected)
        else:
            np.testing.assert_array_equal(runner._checked(runner._fetch()), expected)


def test_not_a_number_is_an_error(closed: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed as runner:
        runner.predict(picture(0))
        raw = np.array(runner._fetch())
        raw.reshape(-1)[7] = np.nan
        monkeypatch.setattr(type(runner), "_fetch", lambda self: raw)
        with pytest.raises(RunnerError, match="NaN"):
            runner.predict(picture(0))


def test_answer_of_another_shape_is_an_error(closed: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed as runner:
        runner.predict(picture(0))
        raw = np.array(runner._fetch())[..., :-1]
        monkeypatch.setattr(type(runner), "_fetch", lambda self: raw)
        with pytest.raises(RunnerError, match="expected logits of shape"):
            runner.predict(picture(0))


def test_closes_when_the_block_fails(closed: Runner) -> None:
    with pytest.raises(KeyError), closed:
        raise KeyError
    with pytest.raises(RunnerError, match="not open"):
        closed.predict(picture(0))


def test_damaged_and_missing_files_are_runner_errors(closed: Runner, tmp_path: Path) -> None:
    if closed.formats == ("torch",):
        closed._module.train()
        try:
            with pytest.raises(RunnerError, match="eval"), closed:
                pass
        finally:
            closed._module.eval()
        return
    kind = type(closed)
    for artifact in (
        damaged(closed.artifact, tmp_path),
        dataclasses.replace(closed.artifact, path=tmp_path / "nothing.here"),
    ):
        with pytest.raises(RunnerError, match=closed.artifact.name), kind(artifact, closed.backend):
            pass


def test_artifact_that_promises_something_else_is_an_error(closed: Runner) -> None:
    artifact = closed.artifact
    other = dataclasses.replace(artifact, output=dataclasses.replace(artifact.output, classes=5))
    with pytest.raises(RunnerError), type(closed)(other, closed.backend) as runner:
        runner.predict(picture(0))


def test_impossible_requests_are_refused(closed: Runner) -> None:
    kind, artifact = type(closed), closed.artifact
    with pytest.raises(ValidationError, match="choose from"):
        kind(artifact, "abacus")
    with pytest.raises(ValidationError, match="threads is 0"):
        kind(artifact, closed.backend, threads=0)
    with pytest.raises(ValidationError, match="does not run stone artifacts"):
        kind(dataclasses.replace(artifact, format="stone"))
    assert kind(artifact).backend == kind.backends[0]


def test_label_maps_are_the_argmax(
    closed: Runner, artifacts: dict[str, Artifact], float_artifact: TorchArtifact, logits_of: LogitsOf
) -> None:
    if closed.formats == ("torch",):
        artifact: Artifact = _with_argmax(float_artifact)
    else:
        artifact = _artifact(type(closed), artifacts, float_artifact, "-labels")
    assert artifact.output.kind is OutputKind.LABELS
    with type(closed)(artifact, closed.backend) as runner:
        answer = runner.predict(picture(5))
        assert (answer.dtype, answer.shape) == (np.uint8, (OUT_HEIGHT, OUT_WIDTH))
        np.testing.assert_array_equal(label_map(answer), logits_of(picture(5)).argmax(axis=2))


def _with_argmax(reference: TorchArtifact) -> TorchArtifact:
    import torch

    class Labels(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = reference.module

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.net(image).argmax(dim=1)

    output = dataclasses.replace(reference.output, kind=OutputKind.LABELS)
    return dataclasses.replace(reference, module=Labels().eval(), output=output)


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
def test_statements_about_itself_are_sentences(case: tuple[str, str]) -> None:
    kind, backend = runners()[case[0]], case[1]
    state = kind.availability(backend)
    assert state.ok != bool(state.reason)
    assert isinstance(kind.latency_reason(backend), str)
    assert isinstance(kind.memory_reason(backend), str)
    assert isinstance(kind.emulates(backend), str)
    assert kind.images_limit(backend) is None or kind.images_limit(backend) >= 1
    assert isinstance(kind.in_default_set(), bool)
    assert kind.name == case[0]
