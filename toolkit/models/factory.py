"""Python factories, `package.module:name`: the user's own code, and the only code that loading a model runs."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import ModelSource, SourceError
from converters.errors import in_one_line
from toolkit.isolation.sending import remember_maker
from toolkit.options import RunOptions

if TYPE_CHECKING:
    import torch


def from_factory(named: str, options: RunOptions) -> ModelSource:
    """Call the factory, load `options.weights` into what it returns, and adapt it.

    Raises:
        SourceError, CheckpointError: it cannot be imported, called, filled, or used as a segmentation network.
    """
    from toolkit.models.modules import from_module

    module = called(named)
    remember_maker(module, called, named)
    remarks: tuple[str, ...] = ()
    if options.weights is not None:
        from toolkit.models.files.weights import fill

        remarks = fill(module, options.weights)
    source = from_module(module, options, name=named.rsplit(":", 1)[1], origin=named)
    return dataclasses.replace(source, remarks=(*remarks, *source.remarks))


def called(named: str) -> torch.nn.Module:
    """What the factory returns, out of its wrappers and in float32; raises SourceError."""
    import torch

    module_name, _, attribute = named.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(importlib.import_module(module_name), attribute)
        made = made if isinstance(made, torch.nn.Module) else made()
    except Exception as error:  # the user's own code may raise anything; its sentence is passed on
        raise SourceError(
            f"{named} could not be called ({in_one_line(error)}{_place(error, module_name)}); it must be an importable "
            "torch.nn.Module or a function without arguments that returns one"
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, torch.nn.Module):
        raise SourceError(f"{named} returned {_described(made)}; it must return a torch.nn.Module")
    from toolkit.models.unwrapping import unwrapped

    return unwrapped(made)


def _place(error: Exception, module_name: str) -> str:
    """Where a factory failed: its own file and line, or where its module was looked for."""
    from toolkit.models.trial.watching import line_of

    if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
        return f", looked for in {Path.cwd()} and on Python's path"
    return line_of(traceback.extract_tb(error.__traceback__))


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {tuple(shape)}" if shape is not None else type(value).__name__
