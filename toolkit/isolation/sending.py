"""What is sent to another process: pickles, by value what it could not import, and TorchScript as torch itself saves it.

Context variables cannot be sent, and a copy would be another variable. Where one, or an object around one, is a global of a module,
the other process takes its own: transformers leaves hooks on a network that ask such an object where to put what they see.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle


class NotSendableError(ValueError):
    """Something that cannot leave this process; the message says why."""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, which knows neither TorchScript nor context variables."""

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(obj, torch.jit.ScriptModule):
            content = io.BytesIO()
            torch.jit.save(obj, content)
            return script_from, (content.getvalue(),)
        if _is_of_its_process(obj) and (place := _place_of(obj)) is not None:
            return global_named, place
        return super().reducer_override(obj)


def _is_of_its_process(obj: Any) -> bool:
    """A context variable, or an object that holds one."""
    if isinstance(obj, ContextVar):
        return True
    if isinstance(obj, type | FunctionType | ModuleType):
        return False
    return any(isinstance(held, ContextVar) for held in getattr(obj, "__dict__", {}).values())


def _place_of(obj: Any) -> tuple[str, str] | None:
    """Module and name of the global that is this very object."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is obj and module.__name__ != "__main__":
                return module.__name__, name
    return None


def global_named(module: str, name: str) -> Any:
    """What this process has under a module's name."""
    return getattr(importlib.import_module(module), name)


def packed(value: Any) -> bytes:
    """`value` for `pickle.loads` in a process that finds the same modules; raises NotSendableError."""
    content = io.BytesIO()
    try:
        _Pickler(content, protocol=5).dump(value)
    except Exception as error:  # any object may refuse in its own way; the reason is passed on
        raise NotSendableError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    return content.getvalue()


def script_from(content: bytes) -> Any:
    """A TorchScript module from what `torch.jit.save` wrote."""
    import torch

    return torch.jit.load(io.BytesIO(content), map_location="cpu").eval()  # type: ignore[no-untyped-call]


def safely_packed(error: Exception) -> bytes:
    """An exception that is certain to be unpacked again: the same, or a RuntimeError with its kind and text."""
    try:
        content = packed(error)
        pickle.loads(content)
    except Exception:  # noqa: BLE001 (foreign exceptions may fail to be rebuilt in any way)
        return packed(RuntimeError(f"{type(error).__name__}: {error}"))
    return content
