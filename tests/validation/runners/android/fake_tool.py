"""A stand-in for `benchmark_model` on a fake phone: takes its options, runs LiteRT here, prints its lines.

Options and lines are those of tflite/tools/benchmark/benchmark_model.cc and benchmark_tflite_model.cc in
google-ai-edge/LiteRT, with the statistics of tensorflow/core/util/stats_calculator.h; the real transcripts in
test_transcript.py show them as the real tool printed them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KNOWN = frozenset(
    {
        "graph",
        "num_threads",
        "num_runs",
        "min_secs",
        "max_secs",
        "warmup_runs",
        "warmup_min_secs",
        "use_xnnpack",
        "use_gpu",
        "use_nnapi",
        "dry_run",
        "input_layer",
        "input_layer_shape",
        "input_layer_value_files",
        "output_filepath",
        "signature_to_run_for",
    }
)
DELEGATES = {"use_xnnpack": "XNNPACK", "use_gpu": "GPU", "use_nnapi": "NNAPI"}
ELF_ARM64 = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\x00" + (183).to_bytes(2, "little") + b"\0" * 44
"""The header of a program for 64-bit ARM, which is all that is looked at before it is pushed."""


def program_file(folder: Path, header: bytes = ELF_ARM64) -> Path:
    """Something on disk that looks like the tool."""
    path = folder / "benchmark_model"
    path.write_bytes(header + b"stand-in")
    return path


class FakeTool:
    """The tool. `lacks` names options that it does not know; `failing` maps a delegate to what happens instead.

    ``unsupported``: the phone has no such delegate, and the tool goes on without it; ``nothing``: it takes no
    operation; ``failed``: applying it fails; ``partially``: it takes a part.
    """

    def __init__(self, lacks: Sequence[str] = (), failing: Mapping[str, str] | None = None) -> None:
        self._lacks, self._failing = lacks, dict(failing or {})

    def __call__(self, arguments: list[str], files: dict[str, bytes]) -> tuple[str, str, int]:
        options = dict(word.removeprefix("--").split("=", 1) for word in arguments)
        known = {name: value for name, value in options.items() if name in KNOWN and name not in self._lacks}
        unknown = [f"--{name}={value}" for name, value in options.items() if name not in known]
        lines = [f"WARNING: Unconsumed cmdline flags: {' '.join(unknown)}"] if unknown else []
        return self._run(known, files, ["INFO: STARTING!", *lines])

    def _run(self, options: dict[str, str], files: dict[str, bytes], lines: list[str]) -> tuple[str, str, int]:
        from ai_edge_litert.interpreter import Interpreter

        start = time.perf_counter_ns()
        try:
            interpreter = Interpreter(model_content=files[options["graph"]], num_threads=1)
        except ValueError:
            return "\n".join(lines), f"ERROR: Failed to load model {options['graph']}\nERROR: Benchmarking failed.\n", 1
        signature = options.get("signature_to_run_for")
        if signature is not None:
            interpreter.get_signature_runner(signature)
        refusal = self._apply_delegate(options, lines)
        if refusal:
            return "\n".join(lines), refusal, 1
        interpreter.allocate_tensors()
        init = (time.perf_counter_ns() - start) // 1000
        lines += ["INFO: The input model file size (MB): 0.004", f"INFO: Initialized session in {init / 1000:g}ms."]
        return self._stages(interpreter, options, files, lines, init)

    def _apply_delegate(self, options: dict[str, str], lines: list[str]) -> str:
        name = next(name for flag, name in DELEGATES.items() if options.get(flag) == "true")
        how = self._failing.get(name, "completely")
        if how == "unsupported":
            lines.append(f"WARNING: {name} acceleration is unsupported on this platform.")
        elif how == "nothing":
            lines.append(
                f"INFO: Though {name} delegate is explicitly applied, the model graph will not be executed by the"
                " delegate."
            )
        elif how == "failed":
            return (
                "ERROR: TfLiteGpuDelegate Init: TRANSPOSE_CONV: dilation is not supported\n"
                f"ERROR: Failed to apply {name} delegate.\nERROR: Benchmarking failed.\n"
            )
        else:
            kernels = " w/ 2 delegate kernels" if how == "partially" else ""
            if how == "partially":
                kind = {"GPU": "TfLiteGpuDelegateV2", "NNAPI": "TfLiteNnapiDelegate"}[name]
                lines.append(
                    f"VERBOSE: Replacing 2 out of 3 node(s) with delegate ({kind}) node, yielding 3 partitions."
                )
            lines.append(
                f"INFO: Explicitly applied {name} delegate, and the model graph will be {how} executed by the"
                f" delegate{kernels}."
            )
        return ""

    def _stages(
        self, interpreter: Any, options: dict[str, str], files: dict[str, bytes], lines: list[str], init: int
    ) -> tuple[str, str, int]:
        (given,), answers = interpreter.get_input_details(), interpreter.get_output_details()
        if "input_layer_value_files" in options:
            path = options["input_layer_value_files"].removeprefix(f"{options['input_layer']}:")
            needed = int(np.prod(given["shape"])) * np.dtype(given["dtype"]).itemsize
            if len(files[path]) != needed:
                said = f"The size of {path} is {len(files[path])} bytes. It should be {needed} bytes."
                return "\n".join(lines), f"FATAL: {said}\nAborted\n", 134
            interpreter.set_tensor(
                given["index"], np.frombuffer(files[path], dtype=given["dtype"]).reshape(given["shape"])
            )
        dry = options.get("dry_run") == "true"
        counts = [0 if dry else int(options.get("warmup_runs", 1)), 0 if dry else int(options.get("num_runs", 50))]
        stages = [np.array([_microseconds(interpreter) for _ in range(count)], dtype=np.int64) for count in counts]
        for stage in stages:
            lines += [f"INFO: Running benchmark for at least {len(stage)} iterations", f"INFO: {statistics(stage)}", ""]
        first, means = (
            (stages[0][0] if len(stages[0]) else 0),
            [f"{stage.mean():g}" if len(stage) else "nan" for stage in stages],
        )
        lines += [
            (
                f"INFO: Inference timings in us: Init: {init}, First inference: {first}, Warmup (avg): {means[0]}, "
                f"Inference (avg): {means[1]}"
            ),
            "INFO: Memory footprint delta from the start of the tool (MB): init=3.5 overall=4.25",
        ]
        if path := options.get("output_filepath"):
            files[path] = b"".join(interpreter.get_tensor(item["index"]).tobytes() for item in answers)
        return "\n".join(lines) + "\n", "", 0


def _microseconds(interpreter: Any) -> int:
    start = time.perf_counter_ns()
    interpreter.invoke()
    return max(1, (time.perf_counter_ns() - start) // 1000)


def statistics(values: NDArray[np.int64]) -> str:
    """As `StatWithPercentiles::OutputToStream` writes them."""
    ordered = np.sort(values)
    places = [int(ordered[len(ordered) * share // 100]) if len(ordered) else 0 for share in (5, 50, 95)]
    percentiles = " p5={} median={} p95={}".format(*places)
    if not len(values):
        return f"count=0{percentiles}"
    if ordered[0] == ordered[-1]:
        same = "(all same)" if len(values) > 1 else ""
        return f"count={len(values)} curr={values[-1]}{same}{percentiles}"
    return (
        f"count={len(values)} first={values[0]} curr={values[-1]} min={ordered[0]} max={ordered[-1]}"
        f" avg={values.mean():.6g} std={int(values.std())}{percentiles}"
    )
