"""One module a runtime, or one folder with a `runner.py`.

Each defines RUNNER; nothing else needs editing to add one.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from validation.errors import ValidationError
from validation.runners.base.contract import Runner

ENTRY_POINTS = "segport.runners"
"""Other packages add runtimes under this group of entry points: a subclass of Runner."""


@cache
def runners() -> dict[str, type[Runner]]:
    """List all runners by name: each module here (of a folder, its `runner`), then those of other packages.


    Raises:
        ValidationError: two runners share a name, or a package offers something else.
    """
    rooms = sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name)
    names = [f"{info.name}.runner" if info.ispkg else info.name for info in rooms if info.name != "base"]
    candidates = [(importlib.import_module(f"{__name__}.{name}").RUNNER, name) for name in names]
    candidates += [(entry.load(), entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, type[Runner]] = {}
    for candidate, origin in candidates:
        if not (isinstance(candidate, type) and issubclass(candidate, Runner)):
            raise ValidationError(f"entry point {origin!r} is no Runner; mend or uninstall the package that offers it")
        if candidate.name in found:
            raise ValidationError(f"two runners are named {candidate.name!r}, one of them in {origin!r}; rename one")
        found[candidate.name] = candidate
    return found
