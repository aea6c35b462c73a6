"""End `segport` within two seconds of Ctrl-C, also while the main thread is deep inside a library that does not look
up.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

_PATIENCE_SECONDS = 1.2
"""For the usual way: an exception in the main thread, which cleans up and says what is kept."""


def answer_promptly(sentence: str, status: int) -> None:
    """End this process soon after Ctrl-C, with all that it started, even if the usual way does not.

    What was being written stays under its hidden name and is cleared away by the next run.

    Args:
        sentence: said on standard error then.
        status: exit status then.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Written to by the interpreter's own handler, in whatever library the main thread is just then.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    screen = os.dup(2)

    def watch() -> None:
        while signal.SIGINT not in os.read(reading, 64):
            pass
        time.sleep(_PATIENCE_SECONDS)
        _end_children()
        os.write(screen, f"{sentence}\n".encode())
        os._exit(status)

    threading.Thread(target=watch, name="interrupt-watch", daemon=True).start()


def _end_children() -> None:
    psutil = sys.modules.get("psutil")
    if psutil is None:
        return  # what starts processes has imported it
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.Error:
            continue
