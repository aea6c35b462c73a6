"""What is read out of `benchmark_model`'s lines.

The shapes of the lines are those that the tool prints: tensorflow/tensorflow, tensorflow/lite/tools/benchmark/README.md
and benchmark_model.cc; google-ai-edge/LiteRT, tflite/tools/benchmark/benchmark_tflite_model.cc (delegates, options) and
tflite/tools/delegates/gpu_delegate_provider.cc; tensorflow/core/util/stats_calculator.h (statistics). Figures are ours.
"""

from __future__ import annotations

import pytest

from validation.runners.android.transcript import DelegateStatement, read_transcript

RECENT = """\
INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Min num runs: [50]
INFO: Num threads: [4]
INFO: Graph: [/data/local/tmp/segport-0/model.tflite]
INFO: Signature to run: []
INFO: #threads used for CPU inference: [4]
INFO: Use gpu: [1]
INFO: Loaded model /data/local/tmp/segport-0/model.tflite
INFO: Created TensorFlow Lite delegate for GPU.
INFO: GPU delegate created.
VERBOSE: Replacing 58 out of 61 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for subgraph 0.
INFO: Loaded OpenCL library with dlopen.
INFO: Initialized OpenCL-based API.
INFO: Created 2 GPU delegate kernels.
INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2 delegate kernels.
INFO: The input model file size (MB): 9.78
INFO: Initialized session in 812.5ms.
INFO: Running benchmark for at least 10 iterations and at least 1 seconds but terminate if exceeding 10 seconds.
INFO: count=12 first=95000 curr=84100 min=83900 max=95000 avg=86120.5 std=3010 p5=83900 median=84300 p95=95000

INFO: Running benchmark for at least 100 iterations and at least 0 seconds but terminate if exceeding 10 seconds.
INFO: count=100 first=84000 curr=85210 min=83000 max=91000 avg=84411.2 std=1210 p5=83300 median=84200 p95=87500

INFO: Inference timings in us: Init: 812500, First inference: 95000, Warmup (avg): 86120.5, Inference (avg): 84411.2
INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory \
footprint of the model at runtime. Take the information at your discretion.
INFO: Memory footprint delta from the start of the tool (MB): init=101.5 overall=128.25
"""

OLD = """\
STARTING!
Min num runs: [50]
Loaded model model.tflite
INFO: Initialized TensorFlow Lite runtime.
The input model file size (MB): 9.78
Initialized session in 6.4ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=1041765

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=977738 curr=964908 min=911877 max=1112273 avg=1.01e+06 std=39112

Inference timings in us: Init: 6418, First inference: 1041765, Warmup (avg): 1.04176e+06, Inference (avg): 1.01e+06
"""


def test_recent_tool() -> None:
    found = read_transcript(RECENT)
    assert found.warm_up is not None
    assert found.inference is not None
    assert (found.warm_up.count, found.warm_up.first, found.warm_up.last) == (12, 95000, 84100)
    runs = found.inference
    assert (runs.count, runs.min, runs.max, runs.mean, runs.std) == (100, 83000, 91000, 84411.2, 1210)
    assert (runs.median, runs.p95, runs.first, runs.last) == (84200, 87500, 84000, 85210)
    assert (found.init_us, found.first_us) == (812500, 95000)
    assert found.held_bytes == 128.25 * 2**20
    assert found.delegates == (DelegateStatement("GPU", "partially", 2),)
    assert found.replaced == (("TfLiteGpuDelegateV2", 58, 61),)
    assert found.unknown_flags == ()
    assert found.complaints == ()


def test_old_tool_prints_no_percentiles() -> None:
    found = read_transcript(OLD)
    assert found.inference is not None
    assert (found.inference.median, found.inference.p95) == (None, None)
    assert found.inference.mean == 1.01e6
    assert found.warm_up is not None
    assert (found.warm_up.count, found.warm_up.first, found.warm_up.min) == (1, 1041765, 1041765)
    assert found.held_bytes is None


def test_lines_of_a_log_are_read_too() -> None:
    marked = "\n".join(f"05-30 15:16:44.857  3380  3380 I tflite  : {line}" for line in RECENT.splitlines())
    assert read_transcript(marked) == read_transcript(RECENT)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("count=3 curr=700(all same) p5=700 median=700 p95=700", (3, 700, 700, 700, 700)),
        ("count=1 curr=5 p5=5 median=5 p95=5", (1, 5, 5, 5, 5)),
        ("count=0 p5=0 median=0 p95=0", (0, 0, 0, 0, 0)),
        # Six digits of a mean may round to beyond the longest run.
        (
            (
                "count=2 first=1234561 curr=1234562 min=1234561 max=1234562 avg=1.23457e+06 std=0 p5=1234561"
                " median=1234562 p95=1234562"
            ),
            (2, 1234561, 1234562, 1234562, 1234562),
        ),
    ],
)
def test_every_shape_of_the_statistics(line: str, values: tuple[int, ...]) -> None:
    found = read_transcript(f"count=1 curr=1\n\nINFO: {line}").inference
    assert found is not None
    assert (found.count, found.min, found.max, found.mean, found.median) == values


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        (
            "Explicitly applied NNAPI delegate, and the model graph will be completely executed by the delegate.",
            DelegateStatement("NNAPI", "completely"),
        ),
        (
            "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.",
            DelegateStatement("GPU", "nothing"),
        ),
        (
            (
                "Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate w/"
                " 1 delegate kernels."
            ),
            DelegateStatement("XNNPACK", "partially", 1),
        ),
    ],
)
def test_what_is_said_of_delegates(line: str, statement: DelegateStatement) -> None:
    assert read_transcript(f"INFO: {line}").delegates == (statement,)


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        (
            "ERROR: TfLiteGpuDelegate Init: CONV_2D: no such thing\nERROR: Failed to apply GPU delegate.",
            ("TfLiteGpuDelegate Init: CONV_2D: no such thing", "Failed to apply GPU delegate."),
        ),
        (
            "WARNING: GPU acceleration is unsupported on this platform.",
            ("GPU acceleration is unsupported on this platform.",),
        ),
        (
            "The size of input.raw is 3 bytes. It should be 4 bytes.\nAborted",
            ("The size of input.raw is 3 bytes. It should be 4 bytes.",),
        ),
        (
            'CANNOT LINK EXECUTABLE "x": library "libc++_shared.so" not found',
            ('CANNOT LINK EXECUTABLE "x": library "libc++_shared.so" not found',),
        ),
    ],
)
def test_complaints_are_kept_without_their_marks(text: str, complaints: tuple[str, ...]) -> None:
    assert read_transcript(text + "\nERROR: Benchmarking failed.").complaints == complaints


def test_options_that_the_tool_does_not_know() -> None:
    found = read_transcript("WARN: Unconsumed cmdline flags: --output_filepath=/x --signature_to_run_for=small")
    assert found.unknown_flags == ("--output_filepath=/x", "--signature_to_run_for=small")


def test_anything_else_is_no_measurement() -> None:
    found = read_transcript("Segmentation fault\n")
    assert (found.warm_up, found.inference, found.init_us, found.delegates) == (None, None, None, ())
