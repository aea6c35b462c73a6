"""What is sent to another process: pickles, by value what it could not import, and TorchScript as torch itself saves it."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

import cloudpickle


class NotSendableError(ValueError):
    """Something that cannot leave this process; the message says why."""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, which knows no TorchScript."""

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(obj, torch.jit.ScriptModule):
            content = io.BytesIO()
            torch.jit.save(obj, content)
            return script_from, (content.getvalue(),)
        return super().reducer_override(obj)


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
