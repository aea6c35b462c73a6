"""Call functions, one after the other, until the input ends: the far end, a script that `process` starts.

Frames, both ways: 8 bytes length (big-endian), then a pickle. A request is (function, arguments); the first one is the
module path instead. Answers are ("done", value) or ("raised", exception). Before the first one comes ("begun", None),
when the request has been read with all the modules that it needs; before any one may come ("told", (phase, done,
total)), as often as the function tells what it does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from toolkit.isolation.telling import connect

_LOOK_SECONDS = 1.0


def main() -> None:
    """Serve until the other end is closed."""
    # Whatever a library reads or prints must not touch the frames: keep the pipes, and give it nothing and the log.
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    faulthandler.enable()
    _end_with(os.getppid())
    _first_to_go()
    sys.path[:] = pickle.loads(_frame(requests))
    _connect(answers)
    begun = False
    while True:
        try:
            request = _frame(requests)
        except EOFError:
            return
        try:
            function, arguments = pickle.loads(request)  # may read a network's file again, and refuse it
            if not begun:
                _send(answers, pickle.dumps(("begun", None)))
                begun = True
            answer = _packed(("done", function(*arguments)))
        except Exception as error:  # noqa: BLE001 (whatever it is, the other end raises it)
            answer = _raised(error)
        _send(answers, answer)


def _connect(answers: BinaryIO) -> None:
    """Send what functions tell while they work. They must tell it on the thread that answers: frames must not mix."""
    connect(lambda *said: _send(answers, pickle.dumps(("told", said))))


def _send(stream: BinaryIO, content: bytes) -> None:
    stream.write(struct.pack(">Q", len(content)) + content)
    stream.flush()


def _packed(answer: Any) -> bytes:
    from toolkit.isolation.sending import packed

    return packed(answer)


def _raised(error: Exception) -> bytes:
    from toolkit.isolation.sending import safely_packed

    return pickle.dumps(("raised", safely_packed(error)))


def _frame(stream: BinaryIO) -> bytes:
    size = struct.unpack(">Q", _exactly(stream, 8))[0]
    return _exactly(stream, size)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _end_with(parent: int) -> None:
    """End this process and all that it started when `parent` is gone, also in the middle of a long call."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="isolation-watch", daemon=True).start()


def _first_to_go() -> None:
    """Where the system ends processes for lack of memory (Linux), let it be this one and not its parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
