"""Fills a network with the weights of a checkpoint as trainers write them. Imports torch.

A trainer puts a state dict under a key, keeps a second one of averaged weights beside it, and saves the network
inside wrappers whose names stand before its own. What fits the network's names is looked for, and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.parameter import is_lazy

from converters import SourceError
from converters.errors import in_one_line
from toolkit.models.files.unpickled import Kept, read_contents, states_in

_WRAPPERS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that DataParallel, torch.compile and sharding put in, at any depth."""
_COUNTERS = ("num_batches_tracked", "total_ops", "total_params")
"""Last parts of names that count and weigh nothing: batch norms before torch 0.4.1 lack the first, profilers leave
the others.
"""
_TRIED = 4
"""How many prefixes of one state dict are looked at, the commonest first."""


@dataclass(frozen=True)
class Fit:
    """How a set of named tensors fits a network.

    Attributes:
        label: keys that lead to it in the file, and the prefix; empty for a file of tensors alone.
        under: the keys without the prefix.
        prefix: before every name in the file ("model."), and of no name in the network.
        added: the other way round.
        tensors: by the network's names.
        missing, unexpected: names of the network and, with the prefix left out, of the file.
        shapes: of those of another shape: name, shape in the file, shape in the network.
        left: names in the file outside the prefix.
        unwrapped: parts of the file's names that wrappers put in.
    """

    label: str
    under: str
    prefix: str
    added: str
    tensors: Mapping[str, torch.Tensor]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    left: tuple[str, ...]
    unwrapped: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """True if every tensor of the network is there, and nothing else."""
        return not (self.missing or self.unexpected or self.shapes)


def fill(network: torch.nn.Module, named: Path) -> tuple[str, ...]:
    """Load the weights of a file into `network`.

    Args:
        network: of any structure.
        named: the file, or ``FILE:NAME`` with the keys that lead to the state dict among several.

    Returns:
        sentences on what was chosen or left out; none for a file that holds the network's tensors and nothing else.

    Raises:
        SourceError: nothing in it fits, or several state dicts do; the sentence shows a name of each side.
        CheckpointError: the file cannot be read, or would run code.
    """
    path, wanted = _file_and_name(named)
    contents = read_contents(path)
    fits = [fit for under, tensors in states_in(contents) for fit in _fits(network, under, tensors)]
    if not fits:
        raise SourceError(f"{path} {_nothing_in(contents)}; save `network.state_dict()` alone")
    fit = _chosen(fits, wanted, path)
    try:
        network.load_state_dict(dict(fit.tensors))
    except (RuntimeError, KeyError) as error:
        raise SourceError(f"{path} does not fit the network: {_differences(fit, error)}") from error
    return _remarks(fit, path)


def _file_and_name(named: Path) -> tuple[Path, str | None]:
    before, colon, name = str(named).rpartition(":")
    if colon and not named.exists() and Path(before).is_file():
        return Path(before), name
    return named, None


def _nothing_in(contents: object) -> str:
    if isinstance(contents, Kept):
        return "contains more than tensors and would run code when read"
    return "holds no named tensors"


def _fits(network: torch.nn.Module, under: str, tensors: Mapping[str, torch.Tensor]) -> Iterator[Fit]:
    """The tensors under each prefix that makes some of their names the network's."""
    own = {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, torch.Tensor)}
    theirs, mine, unwrapped = _plain_names(tensors), _plain_names(own), _wrappers_in(tensors)
    removed = Counter(before for name in theirs for before in _before(name, mine))
    added = Counter(before for name in mine for before in _before(name, theirs))
    for prefix, _ in removed.most_common(_TRIED) or ([] if added else [("", 0)]):
        inside = {name.removeprefix(prefix): name for name in theirs if name.startswith(prefix)}
        left = [name for name in theirs if not name.startswith(prefix)]
        yield _fit(
            under, prefix, "", {name: tensors[theirs[key]] for name, key in inside.items()}, own, mine, left, unwrapped
        )
    for prefix, _ in added.most_common(_TRIED):
        if prefix:
            given = {prefix + name: tensors[actual] for name, actual in theirs.items()}
            yield _fit(under, "", prefix, given, own, mine, [], unwrapped)


def _fit(
    under: str,
    prefix: str,
    added: str,
    given: Mapping[str, torch.Tensor],
    own: Mapping[str, torch.Tensor],
    mine: Mapping[str, str],
    left: Iterable[str],
    unwrapped: Iterable[str],
) -> Fit:
    """Compare tensors by the network's plain names with its own."""
    common = [name for name in given if name in mine]
    sized = [name for name in common if not is_lazy(own[mine[name]])]
    shapes = [(name, tuple(given[name].shape), tuple(own[mine[name]].shape)) for name in sized]
    label = ".".join(part for part in (under, prefix.rstrip(".")) if part)
    return Fit(
        label=label,
        under=under,
        prefix=prefix,
        added=added,
        tensors={mine.get(name, name): tensor for name, tensor in given.items() if name in mine or not _counts(name)},
        missing=tuple(name for name in mine if name not in given and not _counts(name)),
        unexpected=tuple(name for name in given if name not in mine and not _counts(name)),
        shapes=tuple(item for item in shapes if item[1] != item[2]),
        left=tuple(left),
        unwrapped=tuple(unwrapped),
    )


def _chosen(fits: list[Fit], wanted: str | None, path: Path) -> Fit:
    """The one that fits, or the nearest to it; raises SourceError where several different ones do."""
    if wanted is not None:
        named = [fit for fit in fits if wanted in (fit.label, fit.under)]
        if not named:
            there = ", ".join(sorted({fit.label for fit in fits if fit.label})) or "tensors alone"
            raise SourceError(f"{path} has no weights called {wanted!r}; it has {there}")
        fits = named
    whole = [fit for fit in fits if fit.whole]
    if not whole:
        return max(fits, key=lambda fit: len(fit.tensors) - len(fit.unexpected) - len(fit.shapes))
    others = [fit for fit in whole[1:] if not _equal(fit, whole[0])]
    if others:
        names = [fit.label for fit in (whole[0], *others)]
        raise SourceError(
            f"{path} holds {len(names)} sets of weights that fit the network: {', '.join(names)}; say which with "
            f"--weights {path}:{names[0]}"
        )
    return whole[0]


def _equal(one: Fit, other: Fit) -> bool:
    return all(
        torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items() if name in other.tensors
    )


def _plain_names(tensors: Mapping[str, object]) -> dict[str, str]:
    """Names without wrappers' parts -> the names as they are; with them where two names would become one."""
    plain = {".".join(part for part in name.split(".") if part not in _WRAPPERS): name for name in tensors}
    return plain if len(plain) == len(tensors) else {name: name for name in tensors}


def _wrappers_in(tensors: Mapping[str, object]) -> list[str]:
    if len(_plain_names(tensors)) != len(tensors) or all(name in tensors for name in _plain_names(tensors)):
        return []
    return sorted({part for name in tensors for part in name.split(".") if part in _WRAPPERS})


def _before(name: str, names: Mapping[str, str]) -> Iterator[str]:
    """What stands in `name` before each of `names` that it ends with: ``""`` or ``"model."``."""
    parts = name.split(".")
    for start in range(len(parts)):
        if ".".join(parts[start:]) in names:
            yield "".join(f"{part}." for part in parts[:start])


def _counts(name: str) -> bool:
    return name.rpartition(".")[2] in _COUNTERS


def _differences(fit: Fit, error: Exception) -> str:
    """One name of each side and how many more there are, then what to do."""
    said = []
    if fit.missing:
        said.append(f"it lacks {_first_of(fit.missing)} of the network")
    if fit.unexpected:
        said.append(f"it has {_first_of(fit.unexpected)}, unknown to the network")
    if fit.shapes:
        (name, theirs, mine), more = fit.shapes[0], len(fit.shapes) - 1
        sizes = [" x ".join(map(str, shape)) or "one number" for shape in (theirs, mine)]
        said.append(
            f"its {name!r} is {sizes[0]} and the network's {sizes[1]}" + (f" ({more} more differ)" if more else "")
        )
    return f"{' and '.join(said) or in_one_line(error)}; give the weights it was trained to"


def _first_of(names: tuple[str, ...]) -> str:
    return repr(names[0]) + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _remarks(fit: Fit, path: Path) -> tuple[str, ...]:
    done = []
    if fit.under:
        done.append(f"found under {fit.under!r}")
    if fit.unwrapped:
        done.append(f"{' and '.join(repr(part + '.') for part in fit.unwrapped)} left out of their names")
    if fit.prefix:
        done.append(f"{fit.prefix!r} before their names left out")
    if fit.added:
        done.append(f"{fit.added!r} put before their names")
    if fit.left:
        done.append(f"{_first_of(fit.left)} beside them not used")
    return (f"weights of {path}: {', '.join(done)}",) if done else ()
