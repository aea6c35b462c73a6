"""What one inference executed, as the plugin wrote it down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from validation.errors import RunnerError
from validation.runners.arm64.encodings import CLASSES, instruction_class


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
