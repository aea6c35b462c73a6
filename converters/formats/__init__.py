"""Find the target formats: one module (or package) each, which defines CONVERTER. Nothing else needs editing to add
one."""

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from converters.contract import Converter
from converters.errors import SourceError

ENTRY_POINTS = "segport.formats"
"""Group of entry points under which other packages add target formats: a Converter, not a class."""


@cache
def converters() -> dict[str, Converter]:
    """Return all converters by format name: ours, then those of other packages.

    Raises:
        SourceError: two write the same format, or a package offers something else or a converter for another segport.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    candidates = [(importlib.import_module(f"{__name__}.{name}").CONVERTER, name) for name in names]
    candidates += [(entry.load(), entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Converter] = {}
    for candidate, origin in candidates:
        if not isinstance(candidate, Converter):
            raise SourceError(f"entry point {origin!r} is no Converter; mend or uninstall the package that offers it")
        if len(inspect.signature(candidate.convert).parameters) != 1:
            raise SourceError(
                f"the converter {origin!r} is made for another version of segport: its `convert` takes one Job here; "
                "update or uninstall the package that offers it"
            )
        if candidate.format in found:
            raise SourceError(f"two converters write {candidate.format!r}, one of them in {origin!r}; remove one")
        found[candidate.format] = candidate
    return found


def converter(format_name: str) -> Converter:
    """Return the converter for `format_name`; raises SourceError listing what there is."""
    try:
        return converters()[format_name]
    except KeyError:
        raise SourceError(f"no format is named {format_name!r}; choose from: {', '.join(converters())}") from None
