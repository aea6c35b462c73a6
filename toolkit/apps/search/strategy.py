"""Choose which candidates to try: as few layers in floats as the limits allow. Knows nothing of networks or files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.errors import UsageError

MOST = 24
"""Candidates that a search tries, if nothing else is asked for."""


@dataclass(frozen=True)
class AllowedLoss:
    """Hold the largest losses allowed against the float reference, as fractions of IoU."""

    miou_drop: float
    class_drop: float


@dataclass(frozen=True)
class Candidate:
    """Hold the figures of an artifact that was really made and measured.

    Attributes:
        kept: layers in floats, in the order in which they were given back.
        miou, delta_miou: mean IoU and its change.
        worst_class, worst_delta: the class that lost most, and its change.
        size_bytes: of the file.
        p50_ms: median latency; None if it was not measured.
    """

    kept: tuple[str, ...]
    miou: float
    delta_miou: float
    worst_class: str
    worst_delta: float
    size_bytes: int
    p50_ms: float | None = None

    def within(self, limits: AllowedLoss) -> bool:
        """Say whether it keeps both limits."""
        return -self.delta_miou <= limits.miou_drop and -self.worst_delta <= limits.class_drop

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {
            "kept": list(self.kept),
            "miou": self.miou,
            "delta_miou": self.delta_miou,
            "worst_class": self.worst_class,
            "worst_delta": self.worst_delta,
            "size_bytes": self.size_bytes,
            "p50_ms": self.p50_ms,
        }


Evaluate = Callable[[tuple[str, ...]], Candidate]
Cost = Callable[[Candidate], float]


@dataclass
class Search:
    """Search for the cheapest candidate within the limits.

    Attributes:
        evaluate: makes and measures the candidate that keeps the given layers.
        limits: what a candidate has to keep.
        cost: what is to be small.
        most: candidates to try at most, beside all-quantized and all-float.
        tried: every candidate, in order.
    """

    evaluate: Evaluate
    limits: AllowedLoss
    cost: Cost
    most: int = MOST
    tried: list[Candidate] = field(default_factory=list)

    def run(self, layers: Sequence[str]) -> Candidate:
        """Find the cheapest candidate within the limits; `layers` are all that may be kept, most harmful first.

        First the shortest run of harmful layers that is enough, by doubling and halving; then each of its layers, least
        harmful first, is quantized again if the limits allow.

        Raises:
            UsageError: even with every layer in floats a limit is broken.
        """
        ordered = tuple(layers)
        if self._try(()).within(self.limits):
            return self._best()
        whole = self._try(ordered)
        if not whole.within(self.limits):
            raise UsageError(
                f"even with every layer in float16 mean IoU changes by {whole.delta_miou * 100:+.2f} points and "
                f"{whole.worst_class} by {whole.worst_delta * 100:+.2f}; no policy keeps these limits, so loosen them"
            )
        kept = ordered[: self._shortest(ordered)]
        for layer in reversed(kept):
            without = tuple(name for name in kept if name != layer)
            if not without or self._spent():
                continue
            if self._try(without).within(self.limits):
                kept = without
        return self._best()

    def _shortest(self, ordered: tuple[str, ...]) -> int:
        """Find the length of the shortest prefix that is enough."""
        low, high = 0, 1
        while high < len(ordered) and not self._spent() and not self._try(ordered[:high]).within(self.limits):
            low, high = high, 2 * high
        high = min(high, len(ordered))
        while high - low > 1 and not self._spent():
            middle = (low + high) // 2
            if self._try(ordered[:middle]).within(self.limits):
                high = middle
            else:
                low = middle
        return high

    def _try(self, kept: tuple[str, ...]) -> Candidate:
        known = next((item for item in self.tried if set(item.kept) == set(kept)), None)
        if known is None:
            known = self.evaluate(kept)
            self.tried.append(known)
        return known

    def _spent(self) -> bool:
        return len(self.tried) >= self.most + 2

    def _best(self) -> Candidate:
        return min((item for item in self.tried if item.within(self.limits)), key=self.cost)


def pareto_front(tried: Sequence[Candidate], cost: Cost) -> list[Candidate]:
    """Give the candidates that no other beats in both worst class and cost, cheapest first."""
    front: list[Candidate] = []
    for item in sorted(tried, key=lambda one: (cost(one), -one.worst_delta)):
        if not front or item.worst_delta > front[-1].worst_delta:
            front.append(item)
    return front
