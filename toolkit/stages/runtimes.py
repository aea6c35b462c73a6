"""Choose the runtimes that a run uses, from its options and from what this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import unknown
from toolkit.isolation.limits import Limits
from toolkit.options import RunOptions

if TYPE_CHECKING:
    from validation.runners.base.contract import Runner


@dataclass(frozen=True)
class Runtime:
    """A runner and one of its backends."""

    runner: type[Runner]
    backend: str

    @property
    def title(self) -> str:
        """The runtime in words."""
        return f"{self.runner.name} ({self.backend})"

    @property
    def usable(self) -> bool:
        """Whether this machine has it."""
        return self.runner.availability(self.backend).ok


def choose_runtimes(options: RunOptions) -> tuple[Runtime, ...]:
    """Choose the runtimes that the options name, or every default one.

    Raises UsageError listing the known ones on a miss.
    """
    from validation.runners import runners

    # The reference runs the source itself, never an artifact, so it is not offered here.
    known = {name: guarded(item, options) for name, item in runners().items() if set(item.formats) & set(_formats())}
    if not options.runners:
        return tuple(Runtime(item, item.backends[0]) for item in known.values() if item.in_default_set())
    chosen = []
    for spec in options.runners:
        name, _, backend = spec.partition(":")
        if name not in known:
            raise unknown("runner", name, known)
        if backend and backend not in known[name].backends:
            raise unknown(f"backend of {name}", backend, known[name].backends)
        chosen.append(Runtime(known[name], backend or known[name].backends[0]))
    return tuple(chosen)


def every_runtime() -> list[str]:
    """List ``name:backend`` of all there are for artifacts, as `--runners` takes them."""
    from validation.runners import runners

    known = [item for item in runners().values() if set(item.formats) & set(_formats())]
    return [f"{item.name}:{backend}" for item in known for backend in item.backends]


def named_runners(options: RunOptions) -> tuple[str, ...]:
    """List the runtimes that the user has picked, as he wrote them; none where he took the default or all there are."""
    return () if set(options.runners) == set(every_runtime()) else options.runners


def absent_runners(options: RunOptions, chosen: Sequence[Runtime]) -> list[str]:
    """Give the titles of those among the picked runtimes that cannot be used on this machine."""
    return [item.title for item in chosen if not item.usable] if named_runners(options) else []


def guarded(kind: type[Runner], options: RunOptions) -> type[Runner]:
    """Put the runner in a process of its own, within the options' limits, unless they say otherwise."""
    from toolkit.isolation.runtimes import isolated

    return isolated(kind, Limits.of(options.time_limit, options.memory_limit)) if options.isolate else kind


def _formats() -> tuple[str, ...]:
    from converters import converters

    return tuple(converters())
