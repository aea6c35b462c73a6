"""Say which packages are there, without importing them, and how to install what is not."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires
from pathlib import PurePath

_EXTRA = re.compile(r"extra\s*==\s*[\"'](?P<extra>[\w-]+)[\"']")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_installed(package: str) -> bool:
    """Say whether a distribution's module can be found; nothing is imported."""
    usual = package.replace("-", "_")
    if _found(usual):
        return True
    try:
        modules = _modules(distribution(package))
    except PackageNotFoundError:
        return False
    return usual not in modules and any(map(_found, modules))


def _modules(installed: Distribution) -> set[str]:
    """Name the modules of a distribution that is not called as they are."""
    stated = installed.read_text("top_level.txt")
    if stated is not None:
        return set(stated.split())
    files = [PurePath(str(file)) for file in installed.files or ()]
    return {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # something forbids its import
        return False


def install_command(lacking: Iterable[Sequence[str]]) -> str:
    """Say how to install what each format lacks: by extras of segport, which bring all else that it needs; else by
    name.
    """
    known, own = _extras(), _own_needs()
    extras: set[str] = set()
    names: list[str] = []
    for packages in lacking:
        fitting = {known[_plain(package)] for package in packages if _plain(package) in known}
        extras |= fitting
        names += [] if fitting else ["segport" if _plain(package) in own else package for package in packages]
    whole = [f"'segport[{','.join(sorted(extras))}]'"] if extras else []
    return f"pip install {' '.join([*whole, *dict.fromkeys(names)])}"


def _extras() -> dict[str, str]:
    """Read from segport's own metadata which extra installs a package; the first that names it counts."""
    found: dict[str, str] = {}
    for line in _requirements():
        name, extra = _NAME.match(line), _EXTRA.search(line)
        if name is not None and extra is not None:
            found.setdefault(_plain(name[0]), extra["extra"])
    return found


def _own_needs() -> set[str]:
    """Read from segport's own metadata which packages it always needs."""
    plain = [line for line in _requirements() if ";" not in line]
    return {_plain(name[0]) for line in plain if (name := _NAME.match(line))}


def _requirements() -> list[str]:
    try:
        return requires("segport") or []
    except PackageNotFoundError:  # a tree that runs without having been installed
        return []


def _plain(package: str) -> str:
    return package.lower().replace("_", "-")
