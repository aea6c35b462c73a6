"""One graph of a .tflite file with the times of its operations, for a runner and for a bare file alike."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from validation.results.facts import OperationTime
from validation.results.operations import PROFILED_RUNS, OperationProfile, added_up
from validation.runners.base.native_output import captured_stderr
from validation.runners.litert.c_api import NativeError, NativeModel
from validation.runners.litert.float16 import FLOAT16, FLOAT16_OPTIONS
from validation.runners.litert.graph import delegated_parts
from validation.runners.litert.profiler import Node, nodes_of, operation_times

OPTIONS = {
    "xnnpack": "",
    "reference": 'kernel_mode = "reference"\n',
    "builtin": 'kernel_mode = "builtin"\n',
    FLOAT16: f"{FLOAT16_OPTIONS}\n",
}
"""The backends of the LiteRT runner as LiteRT's C API names them."""


class ProfiledGraph:
    """What is to be profiled; opened by `operation_times`.

    Args:
        path: of a .tflite file.
        signature: which of its graphs; None for its first.
        backend: of the LiteRT runner.
        threads: for its kernels.
    """

    def __init__(self, path: Path, signature: str | None, backend: str, threads: int) -> None:
        self._path, self._signature, self._backend, self._threads = path, signature, backend, threads

    def operation_times(self, runs: int, feed: Callable[[NativeModel], None]) -> list[OperationTime]:
        """Time every call of every operation in `runs` inferences, after one that is not recorded.


        Args:
            runs: how many.
            feed: gives the opened model its inputs.

        Raises:
            NativeError, ValueError, RuntimeError: LiteRT refuses the file, the signature or the inputs.
        """
        with captured_stderr():
            nodes, parts = self._known_operations()
            options = f"num_threads = {self._threads}\n{OPTIONS[self._backend]}"
            with NativeModel(self._path, self._signature, options, profiling=True) as model:
                feed(model)
                recorded = list(model.profile(runs))
        return list(chain.from_iterable(operation_times(events, nodes, parts) for events in recorded))

    def _known_operations(self) -> tuple[list[Node], list[list[int]]]:
        """List the graph's operations and the parts XNNPACK takes.

        None for several graphs, which LiteRT does not list.
        """
        if self._signature is not None:
            return [], []
        plain = self._interpreter("BUILTIN_WITHOUT_DEFAULT_DELEGATES")
        names = {int(item["index"]): str(item["name"]) for item in plain.get_tensor_details()}
        nodes = nodes_of(plain._get_ops_details(), names)
        if not self._backend.startswith("xnnpack"):
            return nodes, []
        delegating = self._interpreter("AUTO")
        delegating.allocate_tensors()
        return nodes, delegated_parts(delegating._get_ops_details())

    def _interpreter(self, resolver: str) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        return Interpreter(model_path=str(self._path), experimental_op_resolver_type=OpResolverType[resolver])


def profile_file(path: Path, backend: str = "xnnpack", threads: int = 1, runs: int = PROFILED_RUNS) -> OperationProfile:
    """Tell where the time of a .tflite file's inference on noise goes, every operation of it.


    A file that LiteRT refuses is a result with a reason. Only where the runner's `operations_reason` is empty.

    Args:
        path: of a readable .tflite file; of several signatures the first is run.
        backend: of the LiteRT runner.
        threads: for its kernels.
        runs: inferences.
    """
    try:
        recorded = ProfiledGraph(path, None, backend, threads).operation_times(
            runs, lambda model: model.fill(np.random.default_rng(0))
        )
    except (NativeError, ValueError, RuntimeError) as error:
        return OperationProfile("failed", " ".join(str(error).split()))
    return added_up(recorded, runs, shown=None)
