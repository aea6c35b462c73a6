"""ONNX Runtime on the CPU of this machine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.facts import Availability, OperationTime
from validation.runners.base.contract import Runner
from validation.runners.base.installed import is_there
from validation.runners.base.values import native_input

_ERRORS_ONLY = 3
_KERNEL = "_kernel_time"


class OnnxRuntimeRunner(Runner):
    """Executes .onnx files. Backend: ``cpu``."""

    name: ClassVar[str] = "onnxruntime"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Say how to install ONNX Runtime if it is missing: a pip package with wheels for Linux, macOS and Windows."""
        if not is_there("onnxruntime"):
            return Availability(False, "ONNX Runtime is not installed; run: pip install 'segport[onnx]'")
        return Availability(True)

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Give no reason: ONNX Runtime's profiler records every kernel."""
        return ""

    @classmethod
    def preload(cls) -> None:
        """Import ONNX Runtime."""
        import onnxruntime  # noqa: F401

    def _open(self) -> None:
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._errors = (
            state.Fail,
            state.InvalidArgument,
            state.InvalidGraph,
            state.InvalidProtobuf,
            state.NoSuchFile,
            state.NotImplemented,
            state.RuntimeException,
            RuntimeError,
            ValueError,
        )
        with self._translated(*self._errors):
            self._session: Any = self._new_session(self._session_options())
        self._input = self._name("input", self._session.get_inputs(), self.artifact.image.name)
        self._output = self._name("output", self._session.get_outputs(), self.artifact.output.name)

    def _session_options(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Its threads go on spinning after a run, on cores that whoever is sampled next in turns needs (27 % of its
        # time, seen).
        options.add_session_config_entry("session.force_spinning_stop", "1")
        return options

    def _new_session(self, options: Any) -> Any:
        import onnxruntime

        return onnxruntime.InferenceSession(str(self.artifact.path), options, providers=["CPUExecutionProvider"])

    def _name(self, what: str, nodes: list[Any], wanted: str) -> str:
        names = [str(node.name) for node in nodes]
        if wanted in names:
            return wanted
        if len(names) == 1:
            return names[0]
        raise RunnerError(
            f"{self.artifact.name} has no {what} {wanted!r} (it has: {', '.join(names)}); convert it again"
        )

    def _feed(self, image: NDArray[np.uint8]) -> None:
        self._given = {self._input: native_input(image, self.artifact.image)}

    def _invoke(self) -> None:
        with self._translated(*self._errors):
            self._answer: NDArray[Any] = self._session.run([self._output], self._given)[0]

    def _fetch(self) -> NDArray[Any]:
        return self._answer

    def _operation_times(self, runs: int) -> Iterator[OperationTime]:
        """Time operations in a second session, whose profile (Chrome's trace format, microseconds) goes to a
        temporary folder.
        """
        with tempfile.TemporaryDirectory() as folder, self._translated(*self._errors):
            options = self._session_options()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            session = self._new_session(options)
            for _ in range(runs + 1):
                session.run([self._output], self._given)
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        runs_seen = sorted(event["ts"] for event in events if event["name"] == "model_run")
        for event in events:
            # An event's time is its start; those before the second run belong to loading and to the first.
            if event["cat"] == "Node" and event["name"].endswith(_KERNEL) and event["ts"] >= runs_seen[1]:
                name, kind = event["name"].removesuffix(_KERNEL), event["args"]["op_name"]
                yield OperationTime(name, kind, event["dur"] * 1000)

    def _close(self) -> None:
        self._session = None


RUNNER = OnnxRuntimeRunner
