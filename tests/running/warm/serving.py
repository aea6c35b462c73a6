"""The process that has imported the libraries and forks what it is asked for. A script, started by `starting`."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import resource
import runpy
import signal
import socket
import sys
import tempfile
import threading
import traceback
import types
from pathlib import Path

from tests.running.warm import starting
from tests.running.warm.asking import STANDARD, Order, read_order
from tests.running.warm.forking import fork_sister

LIBRARIES = (
    "torch",
    "scipy.stats",
    "scipy.ndimage",
    "tensorflow",
    "litert_torch",
    "coremltools",
    "onnx",
    "ai_edge_quantizer",
    "tf_keras",
    "ai_edge_litert.interpreter",
    "matplotlib.pyplot",
    "rich.console",
    "typer",
    "pydantic",
    "jinja2",
    "PIL.Image",
    "numpy.random",
)
"""Imported at once. Not onnxruntime: it starts a thread, and threads do not survive a fork."""
OURS = ("toolkit", "validation", "converters", "quantization", "fpliif", "segdata")


def main(descriptor: int) -> None:
    """Serve the socket with this number until its other end is closed."""
    for name in LIBRARIES:
        importlib.import_module(name)
    mine = [name for name in sys.modules if name.partition(".")[0] in OURS]
    assert not mine, f"a forked process would not read these again: {mine}"
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"{threads} threads run after the imports, and would be missing in what is forked"
    own_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    search = [entry for entry in sys.path[1:] if entry not in own_path]
    serve(socket.socket(fileno=descriptor), search)


def serve(line: socket.socket, search: list[str]) -> None:
    """Fork for every order; returns in no process but ends them all. `search`: module path without what the environment
    adds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # what is there stays, and need not be looked through, and so copied, in each process
    while True:
        with contextlib.suppress(ConnectionError, EOFError):
            if (asked := read_order(line)) is None:
                os._exit(0)
            order, descriptors = asked
            made = fork_sister()
            if made == 0:
                become(order, descriptors, line, search)
            for descriptor in descriptors:
                os.close(descriptor)
            line.sendall(made.to_bytes(4, "big", signed=True))
            continue
        os._exit(0)


def become(order: Order, descriptors: list[int], line: socket.socket, search: list[str]) -> None:
    """Be the process that was asked for, to its end."""
    line.close()
    os.setsid() if order.own_session else os.setpgid(0, order.group)
    for target, source in enumerate(descriptors):
        os.dup2(source, target)
        os.close(source)
    assert len(descriptors) == STANDARD and min(descriptors) >= STANDARD
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, limit in order.limits.items():
        resource.setrlimit(getattr(resource, name), limit)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None  # it was read from the environment before
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    if order.asks_too:
        _ask_too(search)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    given = [entry for entry in order.environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*given, *search]
    importlib.invalidate_caches()
    _end(_status_of(order.arguments))


def _ask_too(search: list[str]) -> None:
    """Leave a copy of this process behind that forks for this one."""
    near, far = socket.socketpair()
    if os.fork() == 0:
        near.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for target in range(STANDARD):
            os.dup2(nothing, target)
        os.setpgid(0, 0)
        serve(far, search)
    far.close()
    starting.install(near)


def _status_of(arguments: tuple[str, ...]) -> int:
    """Run the command line as the interpreter does; returns the exit status."""
    try:
        _run(list(arguments))
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        print(ending.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 (as the interpreter does at its end)
        traceback.print_exc()
        return 1
    return 0


def _run(arguments: list[str]) -> None:
    kind = arguments[0]
    if kind == "-P":  # no folder of its own on the module path
        arguments = arguments[1:]
        kind = arguments[0]
        sys.argv = arguments
        _run_file(arguments[0])
        return
    if kind == "-c":
        main_module = types.ModuleType("__main__")
        sys.modules["__main__"] = main_module
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(compile(arguments[1], "<string>", "exec"), main_module.__dict__)
    elif kind == "-m":
        sys.argv = ["-m", *arguments[2:]]
        sys.path.insert(0, str(Path.cwd()))
        sys.modules["__main__"] = types.ModuleType("__main__")
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(kind).resolve().parent))
        _run_file(kind)


def _run_file(path: str) -> None:
    main_module = types.ModuleType("__main__")
    main_module.__file__ = path
    sys.modules["__main__"] = main_module
    exec(compile(Path(path).read_bytes(), path, "exec"), main_module.__dict__)


def _end(status: int) -> None:
    """Do what the interpreter does at its end, but for taking thousands of modules apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]))
