"""Start a process, have it call functions, and end it when it dies, hangs or takes too much memory: the near end.

Memory is looked at from outside, as what the process and its children hold (resident), several times a second. A limit
inside the process would be on address space (RLIMIT_AS) or on private mappings (RLIMIT_DATA); torch, TensorFlow and
XNNPACK reserve many gigabytes of both that they never touch, and an allocation refused deep inside them comes out as
anything from a crash to a wrong answer. What grows faster than we look is the system's to end: on Linux the process
offers itself first.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from converters.tools.noise import last_words
from toolkit.isolation.limits import Limits, held_in_words
from toolkit.isolation.sending import packed
from toolkit.isolation.telling import Heard

Value = TypeVar("Value")
_CHUNK = 1 << 16
_LOOK_SECONDS = 0.2
_ROOT = str(Path(__file__).resolve().parents[2])


class LostError(RuntimeError):
    """The process did not answer and is gone; the message says what became of it, with the last lines it printed."""


class GuardedProcess:
    """A fresh interpreter with our module path, in a session of its own: Ctrl-C reaches us, and we end it.

    Args:
        name: what it is there for, in messages.
        limits: of every call.

    Raises:
        LostError: it cannot be started.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `stop`)
        search = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "toolkit.isolation.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": search},
            )
        except OSError as error:
            self._printed.close()
            raise LostError(f"no process could be started for {name} ({error.strerror or error})") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        path = [entry or str(Path.cwd()) for entry in sys.path]
        self._greeting = _frame(pickle.dumps([*path, str(Path.cwd())]))

    @property
    def process_id(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether it can take a request."""
        return self._process.poll() is None

    def call(
        self,
        function: Callable[..., Value],
        *arguments: Any,
        heard: Heard | None = None,
        log: Path | None = None,
        quiet: bool = False,
    ) -> Value:
        """Return what `function` returns there, or raise what it raises there.

        Args:
            function, arguments: must be fit to be sent.
            heard: given what the function tells of its work (`toolkit.isolation.telling.tell`).
            log: where its output goes meanwhile, if the function diverts it; for last words.
            quiet: do not look at its memory, so that nothing of ours runs while it works.

        Raises:
            NotSendableError: function or arguments cannot be sent; the process is as it was.
            LostError: it died, took longer or held more than it may; it is gone.
        """
        request = packed((function, arguments))
        deadline = time.monotonic() + self._limits.seconds
        look = None if quiet else _LOOK_SECONDS
        try:
            self._write(self._greeting + _frame(request), deadline, look)
            self._greeting = b""
            kind, value = self._answer(deadline, look)
            if kind == "begun":
                deadline = time.monotonic() + self._limits.seconds
                kind, value = self._answer(deadline, look)
            while kind == "told":
                if heard is not None:
                    heard(*value)
                kind, value = self._answer(deadline, look)
        except _BrokenError as broken:
            raise LostError(self._epitaph(str(broken), log)) from None
        except BaseException:
            self.stop()  # Ctrl-C in between: what comes next on the pipe is of no use to anybody
            raise
        if kind == "raised":
            raise pickle.loads(value)
        found: Value = value
        return found

    def stop(self) -> None:
        """End it and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):  # it is gone, and so are its children
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._printed):
            if stream is not None:
                stream.close()

    def _answer(self, deadline: float, look: float | None) -> tuple[str, Any]:
        size = struct.unpack(">Q", self._read(8, deadline, look))[0]
        kind, value = pickle.loads(self._read(size, deadline, look))
        return kind, value

    def _write(self, content: bytes, deadline: float, look: float | None) -> None:
        rest = memoryview(content)
        while rest:
            self._await([], [self._requests], deadline, look)
            try:
                rest = rest[os.write(self._requests, rest[:_CHUNK]) :]
            except BrokenPipeError:
                raise _BrokenError("") from None

    def _read(self, count: int, deadline: float, look: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._await([self._answers], [], deadline, look)
            part = os.read(self._answers, count - len(parts))
            if not part:
                raise _BrokenError("")
            parts += part
        return bytes(parts)

    def _await(self, readable: list[int], writable: list[int], deadline: float, look: float | None) -> None:
        """Until one of the descriptors is ready; raises _BrokenError with what went over a limit."""
        while True:
            rest = max(0.0, deadline - time.monotonic())
            ready = select.select(readable, writable, [], rest if look is None else min(look, rest))
            if ready[0] or ready[1]:
                return
            if time.monotonic() >= deadline:
                raise _BrokenError(f"it took longer than the {self._limits.seconds:g} s that --time-limit allows")
            held = held_bytes(self._process.pid)
            if held > self._limits.bytes:
                raise _BrokenError(
                    f"it held {held_in_words(held)}, more than the {held_in_words(self._limits.bytes)} that"
                    " --memory-limit allows"
                )

    def _epitaph(self, reason: str, log: Path | None) -> str:
        if not reason:
            try:
                reason = _ended(self._process.wait(timeout=5))
            except subprocess.TimeoutExpired:
                reason = "it closed its pipe"
        self._printed.seek(0)
        printed = self._printed.read().decode(errors="replace")
        if log is not None and log.exists():
            printed = f"{printed}\n{log.read_text(encoding='utf-8', errors='replace')}"
        self.stop()
        last = last_words(printed)
        return f"{self._name} was lost: {reason}" + (f"; its last lines were: {last}" if last else "")


class _BrokenError(Exception):
    """Internal: the pipe ended, or a limit was passed (the message)."""


def _frame(content: bytes) -> bytes:
    return struct.pack(">Q", len(content)) + content


def _ended(status: int) -> str:
    """An exit status in words."""
    if status == -signal.SIGKILL:
        return "it was killed, most likely by the system for lack of memory"
    if status < 0:
        return f"it crashed with {signal.Signals(-status).name}"
    return f"it ended with exit status {status}"


def held_bytes(process_id: int) -> int:
    """Resident memory of a process and of all that it started, in bytes; 0 for one that is gone."""
    import psutil

    total = 0
    try:
        leader = psutil.Process(process_id)
        family = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total
