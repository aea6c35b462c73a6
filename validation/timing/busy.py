"""How busy other processes keep the machine while we measure."""

from __future__ import annotations

import time

import psutil


class OtherLoad:
    """CPU time used by everybody else since this object was made."""

    def __init__(self, ours: tuple[int, ...] = ()) -> None:
        """Start counting; `ours` are processes, apart from this one, whose work is part of the measurement."""
        self._processes = [psutil.Process(), *_processes(ours)]
        self._start = time.perf_counter()
        self._busy = _busy_seconds()
        self._own = self._own_seconds()

    def cores(self) -> float:
        """Average number of cores that other processes kept busy, 0 or more."""
        elapsed = time.perf_counter() - self._start
        if elapsed <= 0:
            return 0.0
        others = (_busy_seconds() - self._busy) - (self._own_seconds() - self._own)
        return max(0.0, others / elapsed)

    def _own_seconds(self) -> float:
        total = 0.0
        for process in self._processes:
            try:
                used = process.cpu_times()
            except psutil.Error:
                continue
            total += used.user + used.system
        return total


def _processes(process_ids: tuple[int, ...]) -> list[psutil.Process]:
    return [psutil.Process(process_id) for process_id in process_ids if psutil.pid_exists(process_id)]


def _busy_seconds() -> float:
    used = psutil.cpu_times()
    return float(sum(used) - used.idle - getattr(used, "iowait", 0.0) - getattr(used, "guest", 0.0))
