"""ONNX Runtime on the CPU of this machine."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.runner import Availability, Runner, native_input

_ERRORS_ONLY = 3


class OnnxRuntimeRunner(Runner):
    """Executes .onnx files. Backend: ``cpu``."""

    name: ClassVar[str] = "onnxruntime"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """ONNX Runtime is a pip package with wheels for Linux, macOS and Windows."""
        if find_spec("onnxruntime") is None:
            return Availability(False, "ONNX Runtime is not installed; run: pip install 'segport[onnx]'")
        return Availability(True)

    @classmethod
    def preload(cls) -> None:
        """Import ONNX Runtime."""
        import onnxruntime  # noqa: F401

    def _open(self) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._errors = (
            state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile,
            state.NotImplemented, state.RuntimeException, RuntimeError, ValueError,
        )  # fmt: skip
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        with self._translated(*self._errors):
            self._session: Any = onnxruntime.InferenceSession(
                str(self.artifact.path), options, providers=["CPUExecutionProvider"]
            )
        self._input = self._name("input", self._session.get_inputs(), self.artifact.image.name)
        self._output = self._name("output", self._session.get_outputs(), self.artifact.output.name)

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

    def _close(self) -> None:
        self._session = None


RUNNER = OnnxRuntimeRunner
