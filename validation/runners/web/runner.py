"""LiteRT.js, the runtime of web pages.

In Node, and in headless Chromium with one thread, with several, and on WebGPU.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
from numpy.typing import NDArray

from converters import Artifact
from validation.errors import RunnerError
from validation.results.facts import Availability
from validation.runners.arm64.agreement import Agreement
from validation.runners.base.installed import is_there
from validation.runners.base.native_output import tail
from validation.runners.base.other_interpreter.process import WorkerProcess
from validation.runners.base.other_interpreter.runner import WorkerRunner
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.web import packages

_NODE, _PLAIN, _THREADS, _WEBGPU = "node", "chromium", "chromium-threads", "chromium-webgpu"
_PAGES = {_PLAIN: ("wasm", "plain"), _THREADS: ("wasm", "threads"), _WEBGPU: ("webgpu", "plain")}
_TYPES = ("float32", "int32")
"""What pages exchange with it; it reads uint8 too, but tells nothing of the scale that would have to go with it."""
_PROBE_SECONDS = 60
_SOFTWARE = "software"


def ensure_environment(progress: Callable[[str], None] = lambda message: None) -> Path:
    """Fetch LiteRT.js unless it is there; returns its folder. See `packages.ensure` for errors."""
    return packages.ensure(progress)


class WebRunner(WorkerRunner):
    """Executes .tflite files with LiteRT.js (XNNPACK as WebAssembly inside). It has no int8 or uint8 pictures or
    logits.

    Backends: ``node``; ``chromium``, one thread; ``chromium-threads``, in a page that is isolated from other sites
    (headers COOP and COEP), with the threads asked for; ``chromium-webgpu``, where the browser finds an adapter.
    Latency is measured in the page, round the inference, with a clock of 5 microseconds. Every answer is compared
    with LiteRT's on this machine's own CPU, where that is installed.
    """

    name: ClassVar[str] = "web"
    backends: ClassVar[tuple[str, ...]] = (_NODE, *_PAGES)
    settable_threads: ClassVar[bool] = True
    chooses_signatures: ClassVar[bool] = True
    reply_seconds: ClassVar[float] = 180.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See `Runner`."""
        super().__init__(*arguments, **options)
        self._resources = ExitStack()
        self._native: LiteRtRunner | None = None
        self._agreement = Agreement()

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Once it has been fetched; the browser is the system's own."""
        if reason := packages.missing():
            return Availability(False, reason)
        if backend == _NODE:
            return Availability(True)
        browser = packages.chromium()
        if browser is None:
            return Availability(
                False,
                "there is no Chromium; install it (apt-get install chromium), or name one in "
                f"{packages.BROWSER_VARIABLE}",
            )
        if backend == _WEBGPU and (reason := _adapter_missing(browser, packages.web_folder())):
            return Availability(False, reason)
        return Availability(True)

    @classmethod
    def artifact_reason(cls, artifact: Artifact) -> str:
        """Say why an artifact cannot be run: LiteRT.js exchanges no 8-bit pictures or logits."""
        for what, dtype in (("takes", artifact.image.dtype), ("answers with", artifact.output.dtype)):
            if dtype not in _TYPES:
                return (
                    f"{artifact.name} {what} {dtype}, which LiteRT.js does not exchange; convert it with --io-dtype "
                    "float32 (it computes in 8 bits all the same)"
                )
        return ""

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Node is not where pages run, and a software adapter is no graphics card."""
        if backend == _NODE:
            return "Node is no browser; time it with web:chromium"
        browser = packages.chromium()
        if backend == _WEBGPU and browser is not None and _adapter(browser, packages.web_folder()) == _SOFTWARE:
            return "Chromium's WebGPU adapter is software here; time it on a machine with a graphics card"
        return ""

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        """Say why memory is not reported: a browser is several processes."""
        return "a browser's memory is mostly its own, in several processes"

    def process_ids(self) -> tuple[int, ...]:
        """List the worker and the browser's processes below it."""
        found = super().process_ids()
        try:
            return (*found, *(child.pid for pid in found for child in psutil.Process(pid).children(recursive=True)))
        except psutil.NoSuchProcess:
            return found

    def _start_worker(self) -> WorkerProcess:
        folder, program = packages.web_folder(), packages.node()
        if program is None:
            raise RunnerError(packages.missing())
        script = "node_worker.mjs" if self.backend == _NODE else "chromium_worker.mjs"
        arguments = (str(folder), *_page_arguments(self.backend))
        return WorkerProcess(
            program,
            packages.SCRIPTS / script,
            f"{self.name} ({self.backend})",
            self.reply_seconds,
            flags=(),
            arguments=arguments,
        )

    def native_agreement(self) -> dict[str, Any] | None:
        """Compare the answers since opening with LiteRT's on this machine's own CPU; None before the first."""
        return self._agreement.to_json() if self._agreement.images else None

    def _open(self) -> None:
        if reason := self.artifact_reason(self.artifact):
            raise RunnerError(reason)
        super()._open()
        self._agreement = Agreement()
        if is_there("ai_edge_litert"):
            self._native = self._resources.enter_context(LiteRtRunner(self.artifact, "xnnpack"))

    def _feed(self, image: NDArray[np.uint8]) -> None:
        super()._feed(image)
        if self._native is not None:
            self._native._feed(image)

    def _fetch(self) -> NDArray[Any]:
        answer = super()._fetch()
        if self._native is not None:
            self._native._invoke()
            self._agreement.add(answer, self._native._fetch())
        return answer

    def _close(self) -> None:
        super()._close()
        self._native = None
        self._resources.close()


def _page_arguments(backend: str) -> tuple[str, ...]:
    return (str(packages.chromium()), *_PAGES[backend]) if backend in _PAGES else ()


@cache
def _adapter(browser: Path, folder: Path) -> str:
    """Find the adapter for WebGPU: ``hardware``, ``software``, ``none``; anything else says why nobody knows."""
    command = [str(packages.node()), str(packages.SCRIPTS / "find_adapter.mjs"), str(folder), str(browser)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Chromium could not be asked for a WebGPU adapter: {error}"
    if done.returncode:
        return f"Chromium could not be asked for a WebGPU adapter: {tail(done.stderr)}"
    return done.stdout.strip()


def _adapter_missing(browser: Path, folder: Path) -> str:
    found = _adapter(browser, folder)
    if found == "none":
        return "Chromium finds no WebGPU adapter on this machine; use one with a graphics card"
    return "" if found in ("hardware", _SOFTWARE) else found


RUNNER = WebRunner
