"""What one inference executed, as the plugin wrote it down."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from validation.arm64.encodings import CLASSES, instruction_class
from validation.errors import RunnerError


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
        """A run's `instructions`."""
        return asdict(self)


def read_counts(path: Path) -> dict[str, int]:
    """Executed instructions by class from a file of `count_instructions.c`: a line ``TIMES WORD WORD ...`` a block.

    Raises:
        RunnerError: the file is missing, empty or no such file.
    """
    classes: dict[str, str] = {}
    found: Counter[str] = Counter()
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            times, *words = line.split()
            executed = int(times)
            for word in words:
                if word not in classes:
                    classes[word] = instruction_class(int(word, 16))
                found[classes[word]] += executed
    except (OSError, ValueError) as error:
        raise RunnerError(f"the instructions were not counted ({error}); run: segport doctor --setup arm64") from error
    if not found:
        raise RunnerError("no instruction was counted between the markers; run: segport doctor --setup arm64")
    return {name: found[name] for name in CLASSES if found[name]}
