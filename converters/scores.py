"""Say what a network's answers are: logits, or probabilities of one kind or another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scores(Enum):
    """What the score of a class at a pixel is."""

    LOGITS = "logits"
    """Any number; the largest wins."""
    PROBABILITIES = "probabilities"
    """0 to 1, and 1 over all classes: a softmax, or the sigmoid of one channel as the pair (1 - p, p)."""
    INDEPENDENT = "independent probabilities"
    """0 to 1 for each class by itself: a sigmoid of several channels; the largest wins."""


class AnswerKind(Enum):
    """What a user says of a network's answers."""

    AUTO = "auto"
    """Look at the graph, and at the values where that says nothing."""
    LOGITS = "logits"
    PROBABILITIES = "probabilities"


class Trace(Enum):
    """What the last operation of a graph is that changes values; operations that only move or average them are passed
    over."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    LINEAR = "linear"
    """A convolution, a product of matrices, a normalisation, or a sum with one: without bounds."""
    OTHER = "other"


@dataclass(frozen=True)
class Values:
    """What the answers to a few pictures were.

    Attributes:
        within_unit: True if all lie within 0..1.
        sum_to_one: True if so, and the channels of each pixel add up to 1.
    """

    within_unit: bool
    sum_to_one: bool


@dataclass(frozen=True)
class Meaning:
    """What a network's scores are, and how that was found out.

    Attributes:
        scores: what they are.
        note: one sentence for the terminal and the report; empty for logits that nothing speaks against.
        sure: False if the values alone decided.
    """

    scores: Scores = Scores.LOGITS
    note: str = ""
    sure: bool = True


PLAIN = Meaning()
"""Logits, which most networks answer with."""

_OVERRULE = "say --answer-kind {} if that is wrong"


def meaning(channels: int, trace: Trace, values: Values, kind: AnswerKind) -> Meaning:
    """Decide what `channels` scores a pixel are.

    Args:
        channels: of the network's own answer; one is a binary head.
        trace: the last operation of its graph that changes values.
        values: what a few pictures gave.
        kind: what the user says of it.
    """
    one = Scores.PROBABILITIES if channels == 1 else None
    pair = "one channel is the probability of the second class, which is answered above 0.5" if channels == 1 else ""
    if kind is AnswerKind.LOGITS:
        return Meaning(note="answers are taken for logits, as --answer-kind says" if values.within_unit else "")
    if kind is AnswerKind.PROBABILITIES:
        several = Scores.PROBABILITIES if values.sum_to_one else Scores.INDEPENDENT
        return Meaning(
            one or several, f"answers are taken for probabilities, as --answer-kind says{pair and '; '}{pair}"
        )
    if trace is Trace.SIGMOID:
        each = pair or "each class has a probability of its own, and the largest is answered even where it is below 0.5"
        return Meaning(one or Scores.INDEPENDENT, f"the network ends in a sigmoid: {each}")
    if trace is Trace.SOFTMAX and channels > 1:
        return Meaning(Scores.PROBABILITIES, "the network ends in a softmax: its answers are probabilities, not logits")
    if not values.within_unit:
        return Meaning()
    if trace is Trace.LINEAR:
        if channels > 1:
            return Meaning()
        return Meaning(
            note=(
                "the answers to the pictures tried lie within 0..1, but nothing in the network bounds them: they are"
                f" taken for logits, so that above 0 is the second class; {_OVERRULE.format('probabilities')}"
            ),
            sure=False,
        )
    if channels == 1:
        return Meaning(
            Scores.PROBABILITIES,
            f"the answers to all pictures tried lie within 0..1: {pair}; {_OVERRULE.format('logits')}",
            sure=False,
        )
    if values.sum_to_one:
        return Meaning(
            Scores.PROBABILITIES,
            "the answers to all pictures tried lie within 0..1 and add up to 1: they are taken for probabilities;"
            f" {_OVERRULE.format('logits')}",
            sure=False,
        )
    return Meaning()
