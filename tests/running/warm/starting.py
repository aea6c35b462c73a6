"""Have processes of ours forked from one that is warm, wherever this process starts them."""

from __future__ import annotations

import atexit
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.running.warm.asking import Order, send_order
from tests.running.warm.forking import possible

COLD_VARIABLE = "SEGPORT_TESTS_COLD"
WARM_VARIABLE = "SEGPORT_TESTS_WARM"
"""In the environment of a Python process that a test starts: fork it, whatever it runs, and what it starts of ours. In
the environment of the test: let a converter's process have its tools forked too; the copy that does so counts as memory
it holds."""
ROOT = str(Path(__file__).resolve().parents[3])
_COMMANDS = (
    (re.compile(r"-m\0toolkit\.isolation\.child$"), False),
    (re.compile(r"-m\0validation\.timing\.fresh_start_probe$"), False),
    (re.compile(r"-P\0\S*onnx2tf_worker\.py\0"), False),
    (re.compile(r"-c\0(import sys; )?from toolkit\.cli import main; (?!.*\0--workers\0[2-9])", re.DOTALL), True),
    (re.compile(r"-m\0fpliif\.training\0"), False),
    (re.compile(r"\S*/bin/segport(\0|$)"), True),
)
"""Command lines that are taken, parts joined by NUL, and whether such a process starts others itself."""


class _Warm:
    """The line to the process that forks for this one, which is started at first use if there is none."""

    def __init__(self, line: socket.socket | None) -> None:
        self._line, self._process, self._lock = line, os.getpid(), threading.Lock()
        self._environment = dict(os.environ)  # a test may have changed it by the time of the first use
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this process)

    def start(self, order: Order, descriptors: list[int]) -> int:
        with self._lock:
            try:
                if self._line is None:
                    self._line = self._served()
                return send_order(self._line, order, descriptors)
            except (ConnectionError, EOFError) as error:
                self._printed.seek(0)
                printed = self._printed.read().decode(errors="replace")
                raise RuntimeError(f"the warm process is gone; its last words were: {printed[-2000:]}") from error

    def _served(self) -> socket.socket:
        near, far = socket.socketpair()
        search = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.running.warm.serving", str(far.fileno())],
            cwd=ROOT,
            process_group=0,
            env=self._environment | {"PYTHONPATH": search, "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=(far.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._printed,
        )
        far.close()
        atexit.register(_ended, near, server)
        return near

    @property
    def ours(self) -> bool:
        """False in a process that was forked from the one that has the line."""
        return os.getpid() == self._process


def _ended(line: socket.socket, server: subprocess.Popen[bytes]) -> None:
    line.close()
    server.wait()


_cold = subprocess.Popen._execute_child  # type: ignore[attr-defined]


def install(line: socket.socket | None = None) -> None:
    """From now on, fork what `_COMMANDS` names. `line`: to a process that serves already; otherwise one is started at
    first use."""
    if not possible() or os.environ.get(COLD_VARIABLE):
        return
    warm = _Warm(line)

    def execute(
        self: Any,
        args: Any,
        executable: Any,
        preexec_fn: Any,
        close_fds: bool,
        pass_fds: Any,
        cwd: Any,
        env: Any,
        startupinfo: Any,
        creationflags: Any,
        shell: bool,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        *others: Any,
    ) -> None:
        restore_signals, gid, gids, uid, umask, own_session, group = others
        plain = (
            executable is None and preexec_fn is None and close_fds and not pass_fds and not shell and restore_signals
        )
        ordinary = plain and (gid, gids, uid, umask, group) == (None, None, None, -1, -1)
        ordinary = ordinary and _python_settings(os.environ if env is None else env) == _python_settings(os.environ)
        asks_too = _wanted(args, env or {}) if ordinary and warm.ours and not os.environ.get(COLD_VARIABLE) else None
        if asks_too is None:
            _cold(
                self,
                args,
                executable,
                preexec_fn,
                close_fds,
                pass_fds,
                cwd,
                env,
                startupinfo,
                creationflags,
                shell,
                p2cread,
                p2cwrite,
                c2pread,
                c2pwrite,
                errread,
                errwrite,
                *others,
            )
            return
        arguments = [os.fspath(part) for part in args]
        order = Order(
            tuple(arguments if arguments[0].endswith("segport") else arguments[1:]),
            os.fspath(cwd) if cwd is not None else str(Path.cwd()),
            dict(os.environ if env is None else env),
            bool(own_session),
            os.getpgrp(),
            {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
            asks_too,
        )
        if not Path(order.folder).is_dir():
            raise FileNotFoundError(2, "No such file or directory", order.folder)
        given = [default if given == -1 else given for default, given in enumerate((p2cread, c2pwrite, errwrite))]
        self.pid = warm.start(order, given)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    subprocess.Popen._execute_child = execute  # type: ignore[attr-defined]


def _python_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What the interpreter reads as it starts."""
    return {key: value for key, value in environment.items() if key.startswith("PYTHON") and key != "PYTHONPATH"}


def _wanted(args: Any, environment: Mapping[str, str]) -> bool | None:
    """Whether a process of this command line starts others; None if it is none of ours."""
    if isinstance(args, (str, bytes)) or not args:
        return None
    parts = [os.fspath(part) for part in args]
    if not all(isinstance(part, str) for part in parts):
        return None
    if parts[0] == sys.executable and environment.get(WARM_VARIABLE) and WARM_VARIABLE not in os.environ:
        return True
    line = "\0".join(parts[1:] if parts[0] == sys.executable else parts)
    more = bool(os.environ.get(WARM_VARIABLE))
    return next((asks_too or more for pattern, asks_too in _COMMANDS if pattern.match(line)), None)
