"""Fork a process that is not our child but our sister: its parent is ours (Linux)."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys

_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PARENT = 0x00008000
_CLONE_CHILD_SETTID = 0x01000000
_OFFSET_OF_THREAD_NUMBER = 0x2D0
"""Where glibc keeps a thread's number in its descriptor (x86-64); used only where the number is found there."""


def possible() -> bool:
    return sys.platform == "linux" and platform.machine() in _CLONE


def fork_sister() -> int:
    """As os.fork(), but both processes have the same parent, who can wait for the new one. Only without other
    threads."""
    number = _place_of_thread_number() if platform.machine() == "x86_64" else None
    flags = _CLONE_PARENT | signal.SIGCHLD | (_CLONE_CHILD_SETTID if number else 0)
    system = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    made = system.syscall(_CLONE[platform.machine()], flags, 0, 0, ctypes.c_void_p(number), 0)
    if made == 0:
        python.PyOS_AfterFork_Child()
        return 0
    python.PyOS_AfterFork_Parent()
    if made < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(made)


def _place_of_thread_number() -> int | None:
    library = ctypes.CDLL(None)
    library.pthread_self.restype = ctypes.c_void_p
    place = int(library.pthread_self()) + _OFFSET_OF_THREAD_NUMBER
    found = ctypes.c_int.from_address(place).value
    return place if found == os.getpid() else None
