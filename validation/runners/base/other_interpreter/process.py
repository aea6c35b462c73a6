"""The near end of the pipe to a worker: sends requests, waits for answers, notices when the worker dies or hangs."""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from validation.errors import RunnerError
from validation.runners.base.native_output import tail

_CHUNK = 1 << 20


class WorkerProcess:
    """One worker script running in another interpreter; see `tflite_worker` for the frames."""

    def __init__(
        self,
        python: Path,
        script: Path,
        name: str,
        reply_seconds: float,
        *,
        flags: Sequence[str] = ("-I", "-u"),
        arguments: Sequence[str] = (),
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the worker.

        Args:
            python: interpreter of the isolated environment.
            script: the worker's file.
            name: for error messages.
            reply_seconds: longest wait for any one answer.
            flags: for the interpreter.
            arguments: for the script.
            launcher: what starts the interpreter, an emulator for one; empty if it starts by itself.
            environment: all variables the worker sees; None for ours.

        Raises:
            RunnerError: the interpreter cannot be started.
        """
        self._name = name
        self._reply_seconds = reply_seconds
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        try:
            self._process = subprocess.Popen(
                [*launcher, str(python), *flags, str(script), *arguments],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                bufsize=0,
            )
        except OSError as error:
            self._printed.close()
            raise RunnerError(f"cannot start {name} with {python}: {error.strerror or error}") from error

    @property
    def process_id(self) -> int:
        """Return the worker's process id."""
        return self._process.pid

    def ask(self, action: str, payload: bytes = b"", **fields: Any) -> tuple[dict[str, Any], bytes]:
        """Send one request and wait for its answer.

        Raises:
            RunnerError: the worker reports an error, has died, or does not answer in time. In the last two cases it
                is ended, and the message carries its last lines.
        """
        header = json.dumps({"do": action, **fields}).encode()
        deadline = time.monotonic() + self._reply_seconds
        try:
            frame = struct.pack(">I", len(header)) + header + struct.pack(">Q", len(payload)) + payload
            self._write(frame, deadline)
            answer = json.loads(self._read(struct.unpack(">I", self._read(4, deadline))[0], deadline))
            content = self._read(struct.unpack(">Q", self._read(8, deadline))[0], deadline)
        except (EOFError, BrokenPipeError):
            raise RunnerError(f"{self._name} died while asked to {action}: {self._epitaph()}") from None
        except TimeoutError:
            self._process.kill()
            raise RunnerError(
                f"{self._name} did not answer within {self._reply_seconds:g} s when asked to {action}: "
                f"{self._epitaph()}"
            ) from None
        if "error" in answer:
            raise RunnerError(f"{self._name} could not {action}: {answer['error']}")
        return answer, content

    def close(self) -> None:
        """End the worker: politely by closing its input, by force if it does not go."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._printed.close()

    def _write(self, frame: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        descriptor = self._process.stdin.fileno()
        os.set_blocking(descriptor, False)
        rest = memoryview(frame)
        while rest:
            _, ready, _ = select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            rest = rest[os.write(descriptor, rest[:_CHUNK]) :]

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        parts = bytearray()
        while len(parts) < count:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(descriptor, min(_CHUNK, count - len(parts)))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _epitaph(self) -> str:
        try:
            status = f"exit status {self._process.wait(timeout=5)}"
        except subprocess.TimeoutExpired:
            status = "still running"
        self._printed.seek(0)
        last = tail(self._printed.read().decode(errors="replace"))
        return f"{status}; {last}" if last else status
