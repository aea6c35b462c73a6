"""Performing a plan: whole artifacts or none, reuse by key and hash, and failures that stay alone.

A converter of a few lines stands in for the real ones, so that it can be made to fail at every point.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import (
    Artifact,
    Conversion,
    ConversionError,
    ImageInput,
    Job,
    Layout,
    MapOutput,
    MissingToolError,
    OutputKind,
    PixelRange,
    Plan,
    SourceError,
    Written,
    make_plan,
)
from converters.conversion.perform import State, perform
from converters.errors import in_one_line
from converters.source import ModelSource
from converters.tools.capture import captured, last_informative_line, terminal
from converters.tools.noise import last_words
from quantization import recipe
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small

IMAGE = ImageInput("image", 64, 48, PixelRange.UNIT, Layout.NHWC)
ANSWER = MapOutput("logits", 40, 56, 5, OutputKind.LOGITS, Layout.NHWC)
Work = Callable[[Conversion, Path, Path], None]


class Stand:
    """Takes the place of every converter; `works` says what happens for which artifact name."""

    suffix = ".tflite"

    def __init__(self) -> None:
        self.works: dict[str, Work] = {}
        self.calls: list[str] = []

    def convert(self, job: Job) -> Written:
        self.calls.append(job.conversion.name)
        self.works.get(job.conversion.name, _write)(job.conversion, job.destination, job.workspace)
        return Written(IMAGE, ANSWER, {"route": job.conversion.route})


def _write(conversion: Conversion, destination: Path, room: Path) -> None:
    (room / "intermediate").write_text("shared")
    destination.write_text(f"content of {conversion.name}")


def _write_folder(conversion: Conversion, destination: Path, room: Path) -> None:
    (destination / "Data").mkdir(parents=True)
    (destination / "Data" / "weights").write_text(f"content of {conversion.name}")


def _half_then(error: BaseException) -> Work:
    def work(conversion: Conversion, destination: Path, room: Path) -> None:
        print("compiling layer 7")
        destination.write_text("half")
        os.write(2, b"E fatal: kernel 7 has no lowering\n")
        raise error

    return work


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    instance = Stand()
    monkeypatch.setattr("converters.conversion.perform.converter", lambda name: instance)
    return instance


@pytest.fixture
def plan(source: ModelSource) -> Plan:
    names = ("float32", "float16", "int8_dynamic")
    return make_plan(source, [("tflite", recipe(name)) for name in names])


def visible(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir() if item.name != ".segport.lock")


def known_of(outcomes: list[Any]) -> dict[str, Artifact]:
    return {item.conversion.name: item.artifact for item in outcomes if item.artifact}


ALL = ["logs", "tflite-float16.tflite", "tflite-float32.tflite", "tflite-int8_dynamic.tflite"]


def test_all_artifacts_are_made_and_nothing_else_stays(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    told: list[tuple[str, State]] = []
    outcomes = perform(plan, tmp_path / "out", on_progress=lambda name, state, seconds: told.append((name, state)))
    assert visible(tmp_path / "out") == ALL
    assert [item.artifact and item.artifact.path.read_text() for item in outcomes] == [
        f"content of {item.name}" for item in plan.conversions
    ]
    assert told == [(item.name, state) for item in plan.conversions for state in (State.START, State.DONE)]


def test_second_run_reuses_and_makes_nothing(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    first = perform(plan, tmp_path)
    stand.calls.clear()
    second = perform(plan, tmp_path, known=known_of(first))
    assert stand.calls == []
    assert all(item.reused and item.error is None for item in second)
    assert known_of(second) == known_of(first)


def test_what_was_tampered_with_is_made_again(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    first = perform(plan, tmp_path)
    (tmp_path / "tflite-float16.tflite").write_text("another file")
    (tmp_path / "tflite-float32.tflite").unlink()
    stand.calls.clear()
    second = perform(plan, tmp_path, known=known_of(first))
    assert stand.calls == ["tflite-float32", "tflite-float16"]
    assert known_of(second) == known_of(first)


def test_another_key_is_made_again(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    known = {name: replace(item, key="old") for name, item in known_of(perform(plan, tmp_path)).items()}
    stand.calls.clear()
    assert not any(item.reused for item in perform(plan, tmp_path, known=known))
    assert len(stand.calls) == 3


def test_folders_replace_folders(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    stand.works = {item.name: _write_folder for item in plan.conversions}
    perform(plan, tmp_path)
    (tmp_path / "tflite-float32.tflite" / "stray").write_text("from before")
    perform(plan, tmp_path)
    assert visible(tmp_path) == ALL
    assert [item.name for item in (tmp_path / "tflite-float32.tflite").rglob("*")] == ["Data", "weights"]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RuntimeError("no such kernel: conv9\n\nsecond thoughts\n"), ConversionError),
        (ConversionError("conv9 is not supported"), ConversionError),
        (MissingToolError("conv9 needs a tool; pip install it"), MissingToolError),
        (SourceError("conv9 is not in the file"), SourceError),
    ],
)
def test_one_failure_leaves_nothing_half_written_and_does_not_stop_the_others(
    stand: Stand,
    plan: Plan,
    tmp_path: Path,
    raised: Exception,
    kind: type[Exception],
    capfd: pytest.CaptureFixture[str],
) -> None:
    stand.works["tflite-float16"] = _half_then(raised)
    told: list[State] = []
    outcomes = perform(plan, tmp_path, on_progress=lambda name, state, seconds: told.append(state))
    assert [item.artifact is None for item in outcomes] == [False, True, False]
    assert type(outcomes[1].error) is kind
    message = str(outcomes[1].error)
    assert "conv9" in message and "\n" not in message
    assert visible(tmp_path) == [name for name in ALL if name != "tflite-float16.tflite"]
    assert told.count(State.FAILED) == 1
    log = (tmp_path / "logs" / "tflite-float16.log").read_text()
    assert "compiling layer 7" in log and "fatal: kernel 7" in log and "Traceback" in log
    if kind is ConversionError:
        assert "fatal: kernel 7 has no lowering" in message and "tflite-float16.log" in message
    assert capfd.readouterr() == ("", "")


def test_failure_keeps_the_artifact_of_an_earlier_run(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    perform(plan, tmp_path)
    stand.works["tflite-float16"] = _half_then(RuntimeError("no"))
    perform(plan, tmp_path)
    assert (tmp_path / "tflite-float16.tflite").read_text() == "content of tflite-float16"


def test_interruption_leaves_nothing_half_written(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    stand.works["tflite-float16"] = _half_then(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        perform(plan, tmp_path)
    assert visible(tmp_path) == ["logs", "tflite-float32.tflite"]


def test_leftovers_of_a_killed_run_are_removed(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / ".segport-workspace" / "old").mkdir(parents=True)
    (tmp_path / ".segport-tflite-float16.tflite").write_text("half")
    perform(plan, tmp_path)
    assert visible(tmp_path) == ALL


def test_two_runs_do_not_write_into_one_folder(stand: Stand, plan: Plan, tmp_path: Path) -> None:
    def meanwhile(conversion: Conversion, destination: Path, room: Path) -> None:
        with pytest.raises(SourceError, match="another conversion is writing"):
            perform(plan, tmp_path)
        _write(conversion, destination, room)

    stand.works["tflite-float16"] = meanwhile
    assert all(item.artifact for item in perform(plan, tmp_path))


def test_what_tools_leave_behind_is_removed(
    stand: Stand, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setenv("TMPDIR", str(system))
    monkeypatch.setattr(tempfile, "tempdir", None)
    used: list[Path] = []

    def untidy(conversion: Conversion, destination: Path, room: Path) -> None:
        used.append(Path(tempfile.mkdtemp(suffix=".mlpackage")))
        program = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
        used.append(Path(subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()))
        destination.write_text("whole")

    stand.works = dict.fromkeys((item.name for item in plan.conversions), untidy)
    assert all(outcome.artifact for outcome in perform(plan, tmp_path / "out"))
    assert len(used) == 6
    assert not any(path.exists() for path in used)
    assert visible(system) == []
    assert visible(tmp_path / "out") == ALL
    assert tempfile.gettempdir() == str(system)


def test_calibration_must_be_the_plans_and_fit(stand: Stand, source: ModelSource, tmp_path: Path) -> None:
    right = small.calibration()
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=right.digest())
    other = CalibrationSet(right.images, tuple("abcdefgh"), "noise")
    for wrong in (None, other):
        with pytest.raises(SourceError, match="make the plan again"):
            perform(plan, tmp_path, wrong)
    large = CalibrationSet(np.repeat(right.images, 2, axis=1), right.ids, "noise")
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=large.digest())
    with pytest.raises(SourceError, match="resize them first"):
        perform(plan, tmp_path, large)
    assert not visible(tmp_path)


def test_capture_takes_everything_but_the_terminal_stream(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with terminal() as stream:
        with captured(log):
            print("from python")
            os.write(1, b"from C\n")
            subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
            stream.write("still shown\n")
        print("afterwards")
    assert log.read_text().split("\n") == ["from python", "from C", "from a child", ""]
    out, err = capfd.readouterr()
    assert (out, err) == ("afterwards\n", "still shown\n")


def test_capture_gives_the_streams_back_after_an_error(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), captured(tmp_path / "log"):
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before


def test_last_informative_line_skips_decoration(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_informative_line(log) == ""
    log.write_text('error: layer 3 overflows\n  File "x.py", line 3\n    ^^^^^\n(00:02) [ DONE] all\n-----\n\n')
    assert last_informative_line(log) == "error: layer 3 overflows"


@pytest.mark.parametrize(
    "noise",
    [
        (
            "lib/copyreg.py:105: FutureWarning: `isinstance(treespec, LeafSpec)` is deprecated, use"
            " `isinstance(treespec, TreeSpec)` instead."
        ),
        "Converting PyTorch Frontend ==> MIL Ops:  77%|#######   | 10/13 [00:00<00:00, 757.30 ops/s]",
        (
            "I0000 00:00:1795875997.520116 31085 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU"
            " will not be used."
        ),
        "2026-11-28 14:00:00.1: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.",
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "%209 : Float(1, 4, 64, 64, strides=[16384, 4096, 64, 1]) = aten::_convolution(%input, %body.3.weight)",
        "    def forward(s, x): return s.body(torch.fft.fft2(x).real / 64)",
        "y=s.b(x); return torch.special.bessel_j0(y)",
    ],
)
def test_last_words_are_no_noise(noise: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"reading layer 3\n{noise}\n")
    assert last_informative_line(log) == "reading layer 3"
    log.write_text(f"loc(x): error: 'tf.FFT2D' op is no custom op\nreading layer 4\n{noise}\n")
    assert last_informative_line(log) == "loc(x): error: 'tf.FFT2D' op is no custom op"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError(
                "Lowering not found: aten.fft\n\nWhile executing %fft : [num_users=1] ="
                ' call_function[target=aten.fft](args = (%x,))\nOriginal traceback:\nFile "nets.py", line 49, in'
                " forward\n    def forward(s, x): return s.body(torch.fft.fft2(x))\nUse tlparse to see full graph."
            ),
            "RuntimeError: Lowering not found: aten.fft (at fft)",
        ),
        (
            KeyError("torch.complex64\n\nWhile executing %_to_copy : [num_users=1]"),
            "KeyError: torch.complex64 (at _to_copy)",
        ),
        (ValueError("Several things failed:\n  one\nTypeError: not a tensor\n"), "ValueError: TypeError: not a tensor"),
        (ValueError("\nthe first line\nand more"), "ValueError: the first line"),
        (ValueError(""), "ValueError"),
        (TypeError("int() wants a real number, not 'Proxy'"), "TypeError: int() wants a real number, not 'Proxy'"),
        (
            ValueError("'NoneType' object has no attribute 'shape'"),
            "ValueError: 'NoneType' object has no attribute 'shape'",
        ),
        (ValueError("'all of it is quoted'"), "ValueError: all of it is quoted"),
        (KeyError("no 'lowering' for 'aten::fft'"), "KeyError: no 'lowering' for 'aten::fft'"),
        (KeyError(("pair", 2)), "KeyError: ('pair', 2)"),
        (
            RuntimeError("Failed to export the model.\nsome words\nTypeError: no such thing"),
            "RuntimeError: TypeError: no such thing",
        ),
        (RuntimeError("An error occurred while tracing."), "RuntimeError: An error occurred while tracing."),
    ],
)
def test_an_error_is_told_by_the_line_that_says_it(error: Exception, said: str) -> None:
    assert in_one_line(error) == said


def test_what_is_only_announced_is_told_by_its_cause() -> None:
    error = RuntimeError("Failed to export the model to ONNX. This is step 2/3. See the report.")
    error.__cause__ = ValueError("upsample_bicubic2d has no lowering")
    assert in_one_line(error) == "ValueError: upsample_bicubic2d has no lowering"
    error = RuntimeError("Error when translating node %svd. See the stack trace for more information.")
    error.__cause__ = LookupError("No ONNX function found for aten._linalg_svd")
    assert in_one_line(error) == "LookupError: No ONNX function found for aten._linalg_svd"


def test_long_lines_keep_their_end() -> None:
    shapes = ", ".join(f"tensor<1x{size}x8x8xf32>" for size in range(40))
    error = in_one_line(ValueError(f"op 'concat' ({shapes}) failed: the sizes 3 and 5 do not agree"))
    assert error.startswith("ValueError: op 'concat' (tensor<1x0x8x8xf32>")
    assert error.endswith("failed: the sizes 3 and 5 do not agree")
    assert " ... " in error
    assert len(error) <= 300 + len("ValueError: ")
    assert last_words(f"{'x' * 500} because of this").endswith("because of this")
    assert last_words("a short line") == "a short line"


def test_a_missing_package_is_named_with_its_remedy() -> None:
    from converters.tools.importing import tool

    with pytest.raises(MissingToolError, match=r"no_such_package is not installed; .*pip install 'segport\[tflite\]'"):
        tool("no_such_package.inner", "tflite")
