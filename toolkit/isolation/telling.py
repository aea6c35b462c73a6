"""Tell the near end what the far end is doing, while it does it.

The far end connects its pipe; what is told before, or in a process that is no far end, is not heard by anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Heard = Callable[[str, int, int], None]
"""Takes what is done, how many of its steps are over, and how many there are; 0 of 0 where it has none."""

_SECONDS = 0.1
"""Between two counts of the same phase: thousands of small pictures must not wait for a pipe."""


class _Line:
    """Where to send what is told, and what was sent last."""

    send: Heard | None = None
    phase: str = ""
    sent: float = 0.0


def connect(send: Heard) -> None:
    """Send what this process tells from now on."""
    _Line.send = send


def tell(phase: str, done: int = 0, total: int = 0) -> None:
    """Say what is being done; counts of one phase are passed on now and then."""
    now = time.monotonic()
    if _Line.send is None or (phase == _Line.phase and now - _Line.sent < _SECONDS):
        return
    _Line.phase, _Line.sent = phase, now
    _Line.send(phase, done, total)
