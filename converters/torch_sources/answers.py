"""Finds the logits among whatever a network answers with: maps in tuples, mappings and objects, at any depth. Imports
torch.

What is obvious is taken, and what is not is asked for: a feature map has the same four axes as logits, so a wrong
guess would go unnoticed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from converters.errors import SourceError

NAMES_OF_LOGITS = ("logits", "out", "sem_seg", "pred", "output")
"""Where networks with a named answer keep it: transformers, torchvision, detectron2 and others."""
Step = str | int
Key = Step | tuple[Step, ...] | None
"""The way to a tensor: nothing for the answer itself, one step, or several."""
_DEEPEST = 5
_FOR_TORCH = "wrap it in a module that does"


@dataclass(frozen=True)
class Place:
    """A tensor in an answer.

    Attributes:
        steps: attribute names, keys and positions that lead to it.
        name: the same for people, and for `--answer`: ``"0.1"``, ``"out"``.
        shape, dtype: of the tensor.
    """

    steps: tuple[Step, ...]
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def key(self) -> Key:
        """The steps as `picked` takes them."""
        return self.steps[0] if len(self.steps) == 1 else self.steps or None

    @property
    def is_map(self) -> bool:
        """True for what may be logits: four axes of floating-point numbers."""
        return len(self.shape) == 4 and self.dtype.is_floating_point

    @property
    def is_class_map(self) -> bool:
        """True for whole numbers over pixels: (1, h, w), (1, 1, h, w), (1, h, w, 1) or (h, w)."""
        sides = [size for size in self.shape if size != 1]
        return (
            not self.dtype.is_floating_point and not self.dtype.is_complex and len(self.shape) >= 2 and len(sides) <= 2
        )

    def __str__(self) -> str:
        kind = "" if self.dtype.is_floating_point else f" {_plain(self.dtype)}"
        return f"{self.name} {self.shape}{kind}"


def picked(answer: Any, key: Key) -> torch.Tensor:
    """Follow `key` into what a network answered with."""
    found = answer
    for step in () if key is None else key if isinstance(key, tuple) else (key,):
        found = found[step] if isinstance(step, int) or isinstance(found, Mapping) else getattr(found, step)
    return cast(torch.Tensor, found)  # not asserted: tracers hand through stand-ins of their own


def key_of_logits(answer: Any, wanted: str | None, origin: str, otherwise: str = _FOR_TORCH) -> Key:
    """Find the logits in `answer`.

    Args:
        answer: of the network to one picture.
        wanted: what the user calls them; None looks for what is obvious: the only map, one with a usual name, or the
            first of a flat tuple, unless a later one is larger.
        origin: of the network, for sentences.
        otherwise: what to do about a network that answers with no map.

    Raises:
        SourceError: there is no map of scores, there are several and none is obvious, or the answer is class numbers.
    """
    places = list(_places(answer))
    maps = [place for place in places if place.is_map]
    if wanted is not None:
        return _named(places, wanted, origin, answer).key
    if not maps:
        raise SourceError(_no_map(places, answer, origin, otherwise))
    if len(maps) == 1:
        return maps[0].key
    usual = [place for name in NAMES_OF_LOGITS for place in maps if place.name.split(".") == [name]]
    deeper = [place for place in maps if place.name.rpartition(".")[2] in NAMES_OF_LOGITS]
    if usual or len(deeper) == 1:
        return (usual or deeper)[0].key
    flat = isinstance(answer, list | tuple) and all(len(place.steps) == 1 for place in maps)
    if flat and not any(_larger(place, maps[0]) for place in maps[1:]):
        return maps[0].key  # auxiliary heads come behind the main one
    raise SourceError(f"{origin} answers with several maps, {_listed(maps)}; say which with --answer NAME")


def others_than(answer: Any, key: Key) -> str:
    """Name the maps that were not taken, with their shapes; empty if the one at `key` is the only one."""
    maps = [place for place in _places(answer) if place.is_map and place.key != key]
    return _listed(maps) if maps else ""


def _larger(one: Place, other: Place) -> bool:
    """True if a map has more pixels than another, as logits have beside the features they are made of."""
    return one.shape[2] * one.shape[3] > other.shape[2] * other.shape[3]


def _named(places: Sequence[Place], wanted: str, origin: str, answer: Any) -> Place:
    found = [place for place in places if wanted in (place.name, ".".join(map(str, place.steps)))]
    if not found or len(found[0].shape) != 4:
        maps = [place for place in places if len(place.shape) == 4]
        raise SourceError(f"{origin} has no map of logits called {wanted!r}; it answers with {_listed(maps)}")
    return found[0]


def _places(answer: Any, steps: tuple[Step, ...] = (), name: str = "") -> Iterator[Place]:
    """Every tensor in an answer, in its order."""
    if isinstance(answer, torch.Tensor):
        yield Place(steps, name, tuple(answer.shape), answer.dtype)
    elif len(steps) < _DEEPEST:
        for step, called, value in _items(answer):
            yield from _places(value, (*steps, step), f"{name}.{called}" if name else called)


def _items(answer: Any) -> list[tuple[Step, str, Any]]:
    """What a container holds: step, name for people, value."""
    if isinstance(answer, Mapping):
        return [(key, str(key), value) for key, value in answer.items()]
    if isinstance(answer, list | tuple):
        names = getattr(answer, "_fields", range(len(answer)))
        return [(place, str(name), value) for place, (name, value) in enumerate(zip(names, answer, strict=True))]
    if dataclasses.is_dataclass(answer):
        names = [field.name for field in dataclasses.fields(answer)]
    else:
        names = [*NAMES_OF_LOGITS]
    return [(name, name, getattr(answer, name, None)) for name in names]


def _no_map(places: Sequence[Place], answer: Any, origin: str, otherwise: str) -> str:
    """Say what the answer is instead of a map of scores."""
    numbers = [place for place in places if place.is_class_map]
    if numbers:
        shape = " x ".join(map(str, numbers[0].shape))
        return (
            f"{origin} answers with class numbers ({_plain(numbers[0].dtype)} {shape}), which are no scores; answer "
            f"with the scores "
            "(1, classes, h, w) that the argmax is made of"
        )
    if isinstance(answer, torch.Tensor):
        found = f"a tensor of shape {tuple(answer.shape)}"
    else:
        found = f"a {type(answer).__name__}" + (f" of {_listed(places)}" if places else "")
    return (
        f"{origin} must answer with logits (1, classes, h, w), alone or in a tuple, a mapping or an object with "
        f".logits, "
        f"not {found}; {otherwise}"
    )


def _listed(places: Sequence[Place]) -> str:
    return ", ".join(map(str, places)) or "no four-dimensional tensor"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
