"""All runners by name: those of this package and those that other packages offer."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from validation.errors import ValidationError
from validation.runner import Runner

ENTRY_POINTS = "segport.runners"
"""Other packages add runtimes under this group of entry points: a subclass of Runner."""


@cache
def runners() -> dict[str, type[Runner]]:
    """All runners by name: every module in `validation.runners` that defines RUNNER, then those of other packages.

    Raises:
        ValidationError: two runners share a name, or a package offers something else.
    """
    from validation import runners as runner_room

    names = sorted(info.name for info in pkgutil.iter_modules(runner_room.__path__))
    candidates = [(importlib.import_module(f"{runner_room.__name__}.{name}").RUNNER, name) for name in names]
    candidates += [(entry.load(), entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, type[Runner]] = {}
    for candidate, origin in candidates:
        if not (isinstance(candidate, type) and issubclass(candidate, Runner)):
            raise ValidationError(f"entry point {origin!r} is no Runner; mend or uninstall the package that offers it")
        if candidate.name in found:
            raise ValidationError(f"two runners are named {candidate.name!r}, one of them in {origin!r}; rename one")
        found[candidate.name] = candidate
    return found
