"""torch's thread count belongs to the process; runners borrow it and give it back."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class TorchThreads:
    """Context manager that sets torch's intra-operation threads and restores what was set before."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._before: int | None = None

    def __enter__(self) -> Self:
        import torch

        self._before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import torch

        if self._before is not None:
            torch.set_num_threads(self._before)
