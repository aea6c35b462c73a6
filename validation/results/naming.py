"""Name a run in sentences, whether it was just measured or stands in a report."""

from __future__ import annotations

from typing import Protocol


class DelegatedShare(Protocol):
    """Whether a delegate took the whole graph."""

    @property
    def whole(self) -> bool: ...


class NamedRun(Protocol):
    """What a run is told apart by; the attributes are those of `Setting`."""

    @property
    def runner(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def machine(self) -> str: ...
    @property
    def signature(self) -> str | None: ...
    @property
    def output_size(self) -> tuple[int, int] | None: ...
    @property
    def delegation(self) -> DelegatedShare | None: ...


def title_of(run: NamedRun) -> str:
    """Give runner, backend, whether its delegate took only a part, size, and (if it is another) machine."""
    part = ", in part" if run.delegation and not run.delegation.whole and run.backend != "cpu" else ""
    title = f"{run.runner} ({run.backend}{part})"
    if run.signature is not None and run.output_size is not None:
        title += f" at {run.output_size[0]} x {run.output_size[1]}"
    return f"{title} on {run.machine}" if run.machine else title
