"""The backend that computes in float16: what it costs, and what is said of a CPU that only stores in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from converters import Artifact
from tests.validation.tiny_network import picture
from validation.runners.litert.c_api import NativeModel
from validation.runners.litert.cpu_features import Float16, float16_of, float16_of_this_cpu
from validation.runners.litert.float16 import FLOAT16, FLOAT16_OPTIONS
from validation.runners.litert.runner import LiteRtRunner
from validation.timing.runs import profile_operations

FLAGS = {
    "flags\t\t: fpu sse2 fma f16c avx2 avx512f avx512_fp16\n": Float16.ARITHMETIC,
    "processor\t: 0\nflags\t\t: fpu sse2 fma f16c avx2\n": Float16.ROUNDING,
    "flags\t\t: fpu sse2 f16c\n": Float16.NONE,
    "Features\t: fp asimd fphp asimdhp\n": Float16.ARITHMETIC,
    "Features\t: fp asimd\n": Float16.NONE,
    "": Float16.NONE,
}
rounding = pytest.mark.skipif(
    float16_of_this_cpu() is not Float16.ROUNDING, reason=f"this CPU {float16_of_this_cpu().value}"
)


@pytest.mark.parametrize(("cpuinfo", "expected"), FLAGS.items())
def test_what_a_cpu_can_do_is_read_from_its_flags(cpuinfo: str, expected: Float16) -> None:
    assert float16_of(cpuinfo) is expected


def test_a_cpu_without_the_instructions_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validation.runners.litert.runner.float16_of_this_cpu", lambda: Float16.NONE)
    state = LiteRtRunner.availability(FLOAT16)
    assert not state.ok
    assert "avx512_fp16" in state.reason
    assert LiteRtRunner.availability("xnnpack").ok


def test_only_a_cpu_that_computes_in_float16_gives_a_time(
    artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "validation.runners.litert.runner.float16_of_this_cpu"
    monkeypatch.setattr(where, lambda: Float16.ROUNDING)
    runner = LiteRtRunner(artifacts["tflite-float32"], FLOAT16)
    assert "does not compute in float16" in runner.latency_reason(FLOAT16)
    assert "float32" in runner.emulates(FLOAT16)
    assert profile_operations(runner, picture(0)).status == "not_run"
    monkeypatch.setattr(where, lambda: Float16.ARITHMETIC)
    assert (runner.latency_reason(FLOAT16), runner.emulates(FLOAT16)) == ("", "")


@pytest.mark.skipif(float16_of_this_cpu() is Float16.NONE, reason="this CPU has no instructions for float16")
def test_it_costs_what_float16_costs(artifacts: dict[str, Artifact]) -> None:
    answers = {}
    for backend in ("xnnpack", FLOAT16):
        with LiteRtRunner(artifacts["tflite-float32"], backend) as runner:
            answers[backend] = runner.predict(picture(0)).astype(np.float64)
    noise = answers[FLOAT16] - answers["xnnpack"]
    sqnr = 10 * np.log10((answers["xnnpack"] ** 2).mean() / (noise**2).mean())
    assert 45 < sqnr < 75, "float32 would give 130 dB and more, bfloat16 less than 45"
    np.testing.assert_array_equal(answers[FLOAT16], answers[FLOAT16].astype(np.float16))


@rounding
def test_a_cpu_that_rounds_adds_up_in_float32(tmp_path: Path) -> None:
    """4,096 ones: float16 cannot tell 2,049 from 2,048, so a sum in float16 would stop there."""
    import litert_torch

    layer = torch.nn.Linear(4096, 1)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.zero_()
    path = tmp_path / "sum.tflite"
    litert_torch.convert(layer.eval(), (torch.ones(1, 4096),)).export(str(path))
    with NativeModel(path, None, f"num_threads = 1\n{FLOAT16_OPTIONS}\n") as model:
        (name,), (answer,) = model.inputs, model.outputs
        model.feed(name, np.ones((1, 4096), np.float32))
        model.invoke()
        assert model.fetch(answer, "float32").tolist() == [4096.0]
