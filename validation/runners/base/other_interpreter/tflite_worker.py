"""Runs one .tflite file with a TFLite runtime in an environment of its own. A script: it imports nothing of segport.

Its argument is the module that has the runtime's `Interpreter`, by default tflite-runtime's.

Requests arrive on standard input and answers leave on standard output, one frame each (big-endian):

    4 bytes  length of the header        header: JSON, {"do": ...} or {"ok": ...}
    8 bytes  length of the payload       payload: the bytes of one tensor, often none

    open    path, threads    -> inputs, outputs: [{name, index, shape, dtype, quantization}], nanoseconds
    feed    index + payload  ->
    invoke                   -> nanoseconds
    counted                  ->                      one inference between two markers, for count_instructions.c
    fetch   index            -> dtype, shape + payload
    operations               -> operations: [{op_name, inputs, outputs}], tensor numbers
    memory                   -> memory: bytes resident at the most since `open` began, or null

An answer with "error" instead of "ok" carries the runtime's reason. The end of standard input ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Interpreter: Any = importlib.import_module((sys.argv[1:] or ["tflite_runtime.interpreter"])[0]).Interpreter
Answer = tuple[dict[str, Any], bytes]
MARK_START, MARK_END = 0x5E90001, 0x5E90002
_FAMILIAR = 64
"""Calls after which Python, which adapts itself to what it executes, executes a function the same way every time."""


def _mark(number: int) -> None:
    """Make a system call that does nothing but be seen by whoever watches system calls."""
    try:
        os.sched_get_priority_max(number)
    except OSError:
        return


def _between_marks(call: Callable[[], Any], start: int, end: int) -> None:
    _mark(start)
    call()
    _mark(end)


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _receive(stream: BinaryIO) -> Answer:
    header_size = struct.unpack(">I", _read_exactly(stream, 4))[0]
    header = json.loads(_read_exactly(stream, header_size))
    payload_size = struct.unpack(">Q", _read_exactly(stream, 8))[0]
    return header, _read_exactly(stream, payload_size)


def _send(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    text = json.dumps(header).encode()
    stream.write(struct.pack(">I", len(text)) + text + struct.pack(">Q", len(payload)) + payload)
    stream.flush()


def _described(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": item["name"],
            "index": int(item["index"]),
            "shape": [int(size) for size in item["shape"]],
            "dtype": np.dtype(item["dtype"]).name,
            "quantization": [float(item["quantization"][0]), int(item["quantization"][1])],
        }
        for item in details
    ]


def _status(field: str) -> int:
    """Read bytes from a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


class Worker:
    """One open file; every public method answers the request of its name."""

    def __init__(self) -> None:
        self._interpreter: Any = None
        self._inputs: dict[int, dict[str, Any]] = {}
        self._before: int | None = None

    def open(self, request: dict[str, Any], payload: bytes) -> Answer:
        self._before = self._reset_peak()
        start = time.perf_counter_ns()
        self._interpreter = Interpreter(model_path=request["path"], num_threads=request["threads"])
        self._interpreter.allocate_tensors()
        spent = time.perf_counter_ns() - start
        inputs = self._interpreter.get_input_details()
        self._inputs = {int(item["index"]): item for item in inputs}
        outputs = self._interpreter.get_output_details()
        return {"inputs": _described(inputs), "outputs": _described(outputs), "nanoseconds": spent}, b""

    def feed(self, request: dict[str, Any], payload: bytes) -> Answer:
        details = self._inputs[request["index"]]
        tensor = np.frombuffer(payload, dtype=details["dtype"]).reshape(details["shape"])
        self._interpreter.set_tensor(request["index"], tensor)
        return {}, b""

    def invoke(self, request: dict[str, Any], payload: bytes) -> Answer:
        start = time.perf_counter_ns()
        self._interpreter.invoke()
        return {"nanoseconds": time.perf_counter_ns() - start}, b""

    def counted(self, request: dict[str, Any], payload: bytes) -> Answer:
        # The library's own object, without the Python around it: nearly all that is counted is then the network.
        native = self._interpreter._interpreter
        for _ in range(_FAMILIAR):
            _between_marks(native.OutputIndices, MARK_START, MARK_END)
        # The second inference's number stays: in the first, linker and kernels do what they do only once, here more,
        # there less.
        for _ in range(2):
            _between_marks(native.Invoke, MARK_START, MARK_END)
        return {}, b""

    def fetch(self, request: dict[str, Any], payload: bytes) -> Answer:
        tensor = self._interpreter.get_tensor(request["index"])
        return {"dtype": tensor.dtype.name, "shape": list(tensor.shape)}, tensor.tobytes()

    def operations(self, request: dict[str, Any], payload: bytes) -> Answer:
        listed = [
            {
                "op_name": item["op_name"],
                "inputs": [int(number) for number in item["inputs"]],
                "outputs": [int(number) for number in item["outputs"]],
            }
            for item in self._interpreter._get_ops_details()
        ]
        return {"operations": listed}, b""

    def memory(self, request: dict[str, Any], payload: bytes) -> Answer:
        return {"memory": None if self._before is None else max(0, _status("VmHWM") - self._before)}, b""

    def _reset_peak(self) -> int | None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return None
        return _status("VmRSS")


def main() -> None:
    # Whatever a library prints must not end up among the frames: keep the pipe, and print to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = Worker()
    actions = {
        name: getattr(worker, name) for name in ("open", "feed", "invoke", "counted", "fetch", "operations", "memory")
    }
    while True:
        try:
            request, payload = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            header, content = actions[request["do"]](request, payload)
        except (RuntimeError, ValueError, KeyError, MemoryError) as error:
            _send(answers, {"error": " ".join(str(error).split()) or type(error).__name__})
        else:
            _send(answers, {"ok": True, **header}, content)


if __name__ == "__main__":
    main()
