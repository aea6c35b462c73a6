"""Runs a network once under watch: what it does that no fixed graph can do, and in which module and line.

Converters trace or export a network. Tracing keeps only the branch that one picture took, so a decision by pixels is
looked for here, before any converter runs.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

OURS = (
    "toolkit/models/modules.py",
    "toolkit/models/factory.py",
    *(f"toolkit/models/trial/{name}.py" for name in ("watching", "trying", "fixed_graph")),
    *(f"toolkit/models/files/{name}.py" for name in ("program_file", "scripted")),
    "importlib/__init__.py",
    "converters/torch_sources/adapter.py",
)
_DECIDING = {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal"}
_OF_SHAPE = {
    "aten::ones_like",
    "aten::zeros_like",
    "aten::full_like",
    "aten::empty_like",
    "aten::new_zeros",
    "aten::new_ones",
    "aten::new_full",
    "aten::new_empty",
}
_RANDOM = ("bernoulli", "rand", "normal", "uniform", "multinomial", "exponential")
_MODE_ARGUMENT = {"batch_norm": 5, "dropout": 2, "feature_dropout": 2, "alpha_dropout": 2, "feature_alpha_dropout": 2}
"""torch's functions with a mode, and the place of it among their arguments; torch.nn.functional passes it by name."""
_MODE_BY_NAME = {*_MODE_ARGUMENT, "dropout1d", "dropout2d", "dropout3d", "rrelu"}
_READING = {"tolist", "numpy", "__array__", "item"}
_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]
_MARK = "_segport_from_picture"


@dataclass
class Seen:
    """Where things happened first, each as " in MODULE (FILE, line N)"; empty if they did not.

    Attributes:
        decides: a Python decision by pixels, or a number made of them.
        reads: the picture, or what came of it, handed to NumPy or Python, or taken out of the graph.
        trains: a function called in training mode, with its name before the place.
        random: a random function.
        not_finite: the first module whose answer is not a number, or infinite.
    """

    decides: str = ""
    reads: str = ""
    trains: str = ""
    random: str = ""
    not_finite: str = ""


@dataclass
class Inside:
    """Names of the modules that are running, outermost first; those that an error ended stay."""

    names: list[str] = field(default_factory=list)

    def where(self, frames: Any) -> str:
        """The innermost module and the deepest line that is not torch's, as a piece of a sentence."""
        name = next((name for name in reversed(self.names) if name), "")
        return (f" in {name}" if name else "") + line_of(frames)


@contextmanager
def followed(module: torch.nn.Module, seen: Seen | None = None) -> Iterator[Inside]:
    """Follow which parts of `module` run; into `seen` goes the first whose answer is not finite."""
    inside, hooks = Inside(), []
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue
        hooks.append(part.register_forward_pre_hook(lambda _part, _args, name=name: inside.names.append(name)))
        hooks.append(
            part.register_forward_hook(lambda _part, _args, answer, name=name: _left(inside, seen, name, answer))
        )
    try:
        yield inside
    finally:
        for hook in hooks:
            hook.remove()


def watched(module: torch.nn.Module, picture: torch.Tensor) -> Seen:
    """Run `module` on `picture` (1, 3, H, W); raises what the module raises."""
    seen = Seen()
    picture = picture.clone()
    setattr(picture, _MARK, True)
    with torch.no_grad(), warnings.catch_warnings(), followed(module, seen) as inside:
        warnings.simplefilter("ignore")
        with _Modes(seen, inside), _Values(seen, inside):
            module(picture)
    return seen


def line_of(frames: Any) -> str:
    """The deepest of traceback's frames that is neither torch's nor ours, as " (FILE, line N)"."""
    theirs = [
        frame
        for frame in frames
        if not frame.filename.startswith("<") and "/torch/" not in frame.filename and not frame.filename.endswith(OURS)
    ]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else ""


def with_module(where: str) -> str:
    """A place whose module, if its name begins with a number as those of a Sequential do, is called a module."""
    return re.sub(r"\b(in|in the answer of) (?=\d)", r"\1 module ", where, count=1)


def _left(inside: Inside, seen: Seen | None, name: str, answer: Any) -> None:
    inside.names.pop()
    if seen is None or seen.not_finite:
        return
    tensors = [leaf for leaf in tree_leaves(answer) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    with torch.utils._python_dispatch._disable_current_modes():
        if not all(bool(tensor.isfinite().all()) for tensor in tensors):
            seen.not_finite = f" in the answer of {name}" if name else ""


class _Modes(TorchFunctionMode):
    """Sees functions that are told to train, and those that hand the picture to Python behind the dispatcher's back."""

    def __init__(self, seen: Seen, inside: Inside) -> None:
        super().__init__()
        self._seen, self._inside = seen, inside

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _MODE_BY_NAME and not self._seen.trains:
            place = _MODE_ARGUMENT.get(name, len(args))
            told = given.get("training", given.get("train", args[place] if len(args) > place else False))
            if told is True:
                self._seen.trains = f", {name}{self._inside.where(traceback.extract_stack())}"
        reads = name in _READING or func == _DATA
        if reads and args and getattr(args[0], _MARK, False) and not self._seen.reads:
            self._seen.reads = self._inside.where(traceback.extract_stack())
        return func(*args, **given)


class _Values(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows values that come from the picture into Python, and sees random functions."""

    def __init__(self, seen: Seen, inside: Inside) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen, self._inside = seen, inside

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        answer = func(*args, **given)
        name = func._schema.name
        from_picture = any(getattr(leaf, _MARK, False) for leaf in tree_leaves((args, given)))
        if from_picture and name in _DECIDING and not self._seen.decides:
            self._seen.decides = self._inside.where(traceback.extract_stack())
        if name.removeprefix("aten::").startswith(_RANDOM) and not self._seen.random:
            self._seen.random = self._inside.where(traceback.extract_stack())
        if from_picture and name not in _OF_SHAPE:
            for leaf in tree_leaves(answer):
                if isinstance(leaf, torch.Tensor):
                    setattr(leaf, _MARK, True)
        return answer
