"""What is sent to another process: pickles, by value what it could not import, and TorchScript as torch itself saves
it.

A network that refuses, and that a factory made, is made again there by the same factory and given the same tensors.
transformers needs
that: its networks keep context variables in hooks, and registers of what has been made in their process. A network of a
    program in a
file reads that again (`toolkit.models.files.program_file`).
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import cloudpickle

if TYPE_CHECKING:
    import torch

_MADE: WeakKeyDictionary[Any, tuple[Callable[[str], torch.nn.Module], str]] = WeakKeyDictionary()


class NotSendableError(ValueError):
    """Something that cannot leave this process; the message says why."""


def remember_maker(network: torch.nn.Module, factory: Callable[[str], torch.nn.Module], name: str) -> None:
    """`factory(name)` made `network`, and makes another with tensors of the same names and shapes in any process."""
    _MADE[network] = factory, name


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, which knows no TorchScript; with `again`, networks of factories are made again."""

    def __init__(self, file: io.BytesIO, again: bool) -> None:
        super().__init__(file, protocol=5)
        self._again = again

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        torch = sys.modules.get("torch")
        if self._again and torch is not None and isinstance(obj, torch.nn.Module) and obj in _MADE:
            return made_again, (*_MADE[obj], _tensors(obj))
        if torch is not None and isinstance(obj, torch.jit.ScriptModule):
            content = io.BytesIO()
            torch.jit.save(obj, content)
            return script_from, (content.getvalue(),)
        return super().reducer_override(obj)


def packed(value: Any) -> bytes:
    """`value` for `pickle.loads` in a process that finds the same modules; raises NotSendableError."""
    try:
        return _pickled(value, again=False)
    except Exception as error:  # noqa: BLE001 - any object may refuse in its own way; the reason is passed on
        try:
            return _pickled(value, again=True)
        except Exception:  # noqa: BLE001 - the first reason is the plain one
            raise NotSendableError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def _pickled(value: Any, again: bool) -> bytes:
    content = io.BytesIO()
    _Pickler(content, again).dump(value)
    return content.getvalue()


def _tensors(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """All of them, those that checkpoints leave out as well."""
    return {name: tensor.detach() for name, tensor in (*network.named_parameters(), *network.named_buffers())}


def made_again(
    factory: Callable[[str], torch.nn.Module], name: str, tensors: Mapping[str, torch.Tensor]
) -> torch.nn.Module:
    """A network of `factory` in eval mode with other tensors; raises SourceError if it has not the same ones."""
    import torch

    from converters import SourceError

    network = factory(name).eval()
    mine = _tensors(network)
    if {key: tensor.shape for key, tensor in mine.items()} != {key: tensor.shape for key, tensor in tensors.items()}:
        raise SourceError(f"{name} makes another network when it is called again; make it the same every time")
    with torch.no_grad():
        for key, tensor in mine.items():
            tensor.copy_(tensors[key])
    return network


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
