"""Hold what a runner tells of its runtime, its delegate and its machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Availability:
    """Whether a runtime can be used on this machine; if not, why and what to do, in one sentence."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class OperationTime:
    """One call of one operation, as a runtime's profiler recorded it.

    Attributes:
        name, kind: see `OperationShare`.
        nanoseconds: of this call.
        delegated: whether the runtime's delegate ran it; None for a runtime that has none.
    """

    name: str
    kind: str
    nanoseconds: int
    delegated: bool | None = None


@dataclass(frozen=True)
class Delegation:
    """What a delegate took of a graph, as the runtime says.

    Attributes:
        delegate: its name.
        whole: True if it took every operation.
        taken, operations: of how many operations it took how many; None if not told.
        parts: pieces of the graph that it executes; None if not told.
    """

    delegate: str
    whole: bool
    taken: int | None = None
    operations: int | None = None
    parts: int | None = None


@dataclass(frozen=True)
class OtherMachine:
    """What a runner uses that is not this machine: a phone, for one.

    Attributes:
        name: in reports; tells machines apart.
        system, release: of its operating system.
        chip, model: of the machine; empty if it does not say.
        cores: of its processor, if it says.
    """

    name: str
    system: str
    release: str
    chip: str = ""
    model: str = ""
    cores: int | None = None


@dataclass(frozen=True)
class InstructionCount:
    """Executed ARM64 instructions of one inference. A number of instructions, never a time.

    Attributes:
        total: all of them.
        by_class: the same by class, see `encodings.CLASSES`; classes without any are left out. They add up to `total`.
        profile: the CPU, see `profiles`.
        emulator: what executed them, e.g. ``"qemu-user 1:7.2+dfsg-7"``.
    """

    total: int
    by_class: dict[str, int]
    profile: str
    emulator: str

    def to_json(self) -> dict[str, Any]:
        """Give a run's `instructions`."""
        return asdict(self)
