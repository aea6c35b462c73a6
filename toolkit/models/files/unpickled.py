"""Reads what `torch.save` wrote without executing anything in it, whatever else than tensors a trainer put there.
Imports torch.

torch's own tensors-only reader (`weights_only`) does the reading. It stops at every class that it does not know:
settings, callbacks, whole networks. Each such name is given to it as a class of ours that does nothing but keep what
was stored, and the file is read again.
"""

from __future__ import annotations

import builtins
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch

from fpliif.checkpoint import SUFFIX, read_tensors
from fpliif.errors import CheckpointError

_UNKNOWN = re.compile(r"Unsupported global: GLOBAL (\S+) was not an allowed global")
_FILLED = re.compile(r"Can only (SETITEMS?|append|extend).*but got <class '[\w.]*<(.+)>'>")
_BUILTIN = frozenset(dir(builtins))
_MOST_NAMES = 1000
_DEEPEST = 6


class Kept:
    """Stands for an object of a class that was not looked up; `state` is what the file says of it, run by nothing."""

    state: Any = None

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take any arguments and use none."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_contents(path: Path) -> Any:
    """What a .safetensors file or one of torch.save holds, with `Kept` in place of all objects but tensors and plain
    values.

    Raises:
        CheckpointError: the file is missing, is neither, is damaged, or asks for functions of the operating system.
    """
    if path.suffix == SUFFIX or not path.is_file():
        return read_tensors(path)[0]
    stand_ins: dict[str, Any] = {}
    try:
        while len(stand_ins) < _MOST_NAMES:
            try:
                return _read(path, stand_ins)
            except pickle.UnpicklingError as error:
                if not _learned(str(error), stand_ins):
                    raise
    except pickle.UnpicklingError:
        raise CheckpointError(_why_not_read(path)) from None
    except Exception:  # noqa: BLE001 - damaged pickles raise anything, IndexError and struct.error included
        raise CheckpointError(_no_checkpoint(path)) from None
    raise CheckpointError(_why_not_read(path))


def _read(path: Path, stand_ins: Mapping[str, Any]) -> Any:
    known: list[Any] = [(stand_in, name) for name, stand_in in stand_ins.items()]
    with warnings.catch_warnings(), torch.serialization.safe_globals(known):
        # It warns of pickle protocols it may not know, and then refuses them with an error.
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))


def _learned(said: str, stand_ins: dict[str, Any]) -> bool:
    """Give the name that the reader stopped at a stand-in, or one of another kind; False if there is nothing new to
    give.
    """
    unknown, filled = _UNKNOWN.search(said), _FILLED.search(said)
    if unknown:
        name = f"builtins.{unknown[1]}" if unknown[1] in _BUILTIN else unknown[1]
        fresh = name not in stand_ins
        stand_ins[name] = type(f"<{name}>", (Kept,), {})
        return fresh
    if filled and issubclass(stand_ins.get(filled[2], int), Kept):
        container: type = OrderedDict if filled[1].startswith("SETITEM") else list
        made = staticmethod(lambda *_, **__: container())
        stand_ins[filled[2]] = type(f"<{filled[2]}>", (), {"__new__": made})
        return True
    return False


def states_in(contents: Any, label: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Every set of named tensors at any depth of a checkpoint, with the keys that lead there (``"state_dict"``,
    ``""`` for the file itself).

    Of a network that was saved whole these are its parameters and buffers.
    """
    if isinstance(contents, Kept):
        state = contents.state
        contents = state if isinstance(state, Mapping) else {}
        if "_modules" in contents and "_parameters" in contents:
            yield label, dict(_tensors_of(contents))
            return
    if not isinstance(contents, Mapping) or depth > _DEEPEST:
        return
    named = {key: value for key, value in contents.items() if isinstance(key, str)}
    tensors = {key: value.detach() for key, value in named.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield label, tensors
    for key, value in named.items():
        yield from states_in(value, f"{label}.{key}" if label else key, depth + 1)


def _tensors_of(module: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """What `state_dict()` of a module with this `__dict__` would hold."""
    left_out = module.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, value in (module.get(kind) or {}).items():
            if isinstance(value, torch.Tensor) and name not in left_out:
                yield before + name, value.detach()
    for name, part in (module.get("_modules") or {}).items():
        if isinstance(part, Kept) and isinstance(part.state, Mapping):
            yield from _tensors_of(part.state, f"{before}{name}.")


def _why_not_read(path: Path) -> str:
    """`weights_only` refuses text and dangerous pickles with the same error; the first bytes tell them apart."""
    if zipfile.is_zipfile(path) or path.read_bytes()[:1] == b"\x80":
        return f"{path} contains more than tensors and would run code when read; save `network.state_dict()` alone"
    return _no_checkpoint(path)


def _no_checkpoint(path: Path) -> str:
    return f"{path} is not a checkpoint; give a .safetensors file or a torch state dict"
