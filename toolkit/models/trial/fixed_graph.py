"""What no fixed graph can do, looked for before any converter runs. Imports torch.

Twofold: the network runs under watch, which knows module and line; and it is traced on one picture and its graph held
    against
it on another, which finds whatever came out of the picture by a way that nobody watches.
"""

from __future__ import annotations

import torch

from converters import SourceError
from converters.torch_sources.adapter import Adapted
from toolkit.models.trial.trying import answered, dark_picture, grey_picture, noisy_picture, own
from toolkit.models.trial.watching import watched
from toolkit.options import RunOptions

_AGREEMENT = 1e-3
"""How far a graph's answer may be from the network's, as a share of the range of the logits."""


def refuse_what_no_graph_holds(whole: Adapted, options: RunOptions, origin: str) -> None:
    """Raise SourceError naming module and line for training mode, randomness, decisions by pixels, and values read
    off them.
    """
    seen = watched(whole, grey_picture(options))
    if seen.trains:
        raise SourceError(
            f"{origin} runs in training mode{own(seen.trains)}; pass training=False there, or self.training, which "
            f"eval() turns off"
        )
    if seen.random:
        raise SourceError(
            f"{origin} calls a random function{own(seen.random)}, so it answers differently to the same picture; "
            f"turn that off for eval()"
        )
    if seen.decides and not _exports(whole, options):
        raise SourceError(
            f"{origin} decides by the pixels of the picture{own(seen.decides)}, which no fixed graph can; compute "
            f"both sides and choose "
            "with torch.where, or leave the decision out"
        )
    if _keeps_the_first_picture(whole, options, origin):
        where = own(seen.reads or seen.decides)
        raise SourceError(
            f"{origin} reads a value off the picture{where}, which a graph would keep for every other picture; "
            f"compute it with torch's "
            "operations on tensors, without .item(), float(), .numpy() or .data"
        )


def check_numbers(whole: Adapted, logits: torch.Tensor, options: RunOptions, origin: str) -> None:
    """Raise SourceError unless the answer is finite and the same when asked again; `logits` is that to the grey
    picture.
    """
    for kind, picture in (("grey", grey_picture(options)), ("noisy", noisy_picture(options))):
        given = logits if kind == "grey" else answered(whole, picture, origin)
        if not bool(given.isfinite().all()):
            where = own(watched(whole, picture).not_finite)
            raise SourceError(
                f"{origin} answers with NaN or infinity to a {kind} picture{where and f', first{where}'}; check its "
                f"weights, --mean, "
                "--std and --pixel-range"
            )
    if not bool((answered(whole, grey_picture(options), origin) == logits).all()):
        raise SourceError(
            f"{origin} answers differently to the same picture; turn off what is random or kept between calls"
        )


def _exports(whole: Adapted, options: RunOptions) -> bool:
    """True if torch.export finds one graph: what looked like a decision is none while exporting (a check of
    arguments, say).
    """
    try:
        torch.export.export(whole, (grey_picture(options),), strict=False)
    except Exception:  # noqa: BLE001  # the exporter raises anything; why is told by what was seen
        return False
    return True


def _keeps_the_first_picture(whole: Adapted, options: RunOptions, origin: str) -> bool:
    """True if a graph traced on one picture answers otherwise to another than the network does.

    False for a network that cannot be traced: converters that trace will say so, and the others do not.
    """
    other = dark_picture(options)
    with torch.no_grad():
        try:
            traced = torch.jit.trace(whole, grey_picture(options), check_trace=False)  # type: ignore[no-untyped-call]
            found = traced(other)
        except Exception:  # noqa: BLE001  # as above
            return False
    wanted = answered(whole, other, origin)
    if found.shape != wanted.shape:
        return True
    apart = (found - wanted)[wanted.isfinite()].abs()
    spread = wanted[wanted.isfinite()]
    return bool(apart.numel()) and not bool(apart.max() <= _AGREEMENT * (spread.max() - spread.min()))
