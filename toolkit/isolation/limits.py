"""How long a converter or a runtime may work, and how much memory it may hold."""

from __future__ import annotations

from dataclasses import dataclass

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000
_SHARE = 0.9
"""Of the machine's memory, where no limit is given: beyond it the system itself would begin to end processes."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one process.

    Attributes:
        seconds: from a request to its answer: one whole conversion, or one picture in a runtime.
        bytes: resident memory of the process and of those it started, together.
    """

    seconds: float
    bytes: int

    @classmethod
    def of(cls, seconds: float, gigabytes: float | None) -> Limits:
        """Limits as the options give them; without a number of gigabytes, nine tenths of the machine's memory."""
        import psutil

        held = psutil.virtual_memory().total * _SHARE if gigabytes is None else gigabytes * GIGABYTE
        return cls(seconds, int(held))

    @property
    def in_words(self) -> str:
        """For people."""
        return f"{self.seconds:g} s and {held_in_words(self.bytes)}"


def held_in_words(count: int) -> str:
    """Bytes in gigabytes, below one in megabytes: ``1.5 GB``, ``20 MB``."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / MEGABYTE:.3g} MB"
