"""`einsum` spelled out as one matrix product for each pair of operands. Imports torch.

coremltools 9 counts an ellipsis for further axes, takes two operands only, and has no equation with a letter twice:

    ...id,...jd->...ij    ->    a.reshape(B, i, d) @ b.reshape(B, j, d)^T, reshaped
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


def is_plain(equation: object, operands: Sequence[object]) -> bool:
    """True for what coremltools takes as it is: two operands, letters only, none twice in one of them, an answer
    that is stated.
    """
    if not isinstance(equation, str) or len(operands) != 2 or "->" not in equation or "." in equation:
        return False
    left, _, answer = equation.replace(" ", "").partition("->")
    return all(len(set(part)) == len(part) > 1 for part in (*left.split(","), answer))


def einsum(equation: str, operands: Sequence[Tensor]) -> Tensor:
    """`torch.einsum` with an equation of letters and ellipses."""
    terms, answer = _letters(equation.replace(" ", ""), operands)
    parts = [_without_repeats(operand, term) for operand, term in zip(operands, terms, strict=True)]
    tensor, letters = parts[0]
    for number, (other, others) in enumerate(parts[1:], start=2):
        needed = set(answer).union(*(term for _, term in parts[number:]))
        tensor, letters = _product(tensor, letters, other, others, needed)
    gone = [axis for axis, letter in enumerate(letters) if letter not in answer]
    if gone:
        tensor = tensor.sum(gone)
        letters = "".join(letter for letter in letters if letter in answer)
    return tensor if letters == answer else tensor.permute([letters.index(letter) for letter in answer])


def _letters(equation: str, operands: Sequence[Tensor]) -> tuple[list[str], str]:
    """Terms and answer with letters in place of ellipses, counted from the right as broadcasting does."""
    left, arrow, answer = equation.partition("->")
    terms = left.split(",")
    free = [letter for letter in string.ascii_letters if letter not in equation]
    widths = [operand.ndim - len(term.replace("...", "")) for operand, term in zip(operands, terms, strict=True)]
    widest = max((width for width, term in zip(widths, terms, strict=True) if "..." in term), default=0)
    batch = "".join(free[:widest])
    spelled = [term.replace("...", batch[widest - width :]) for width, term in zip(widths, terms, strict=True)]
    if not arrow:
        once = sorted(letter for letter in set(left) - set(".,") if left.count(letter) == 1)
        return spelled, batch + "".join(once)
    return spelled, answer.replace("...", batch)


def _without_repeats(tensor: Tensor, term: str) -> tuple[Tensor, str]:
    """Diagonals for letters that stand twice in one term."""
    while len(set(term)) < len(term):
        letter = next(letter for letter in term if term.count(letter) > 1)
        first, second = term.index(letter), term.rindex(letter)
        size = tensor.shape[first]
        order = [axis for axis in range(tensor.ndim) if axis not in (first, second)] + [first, second]
        flat = tensor.permute(order).reshape(*(tensor.shape[axis] for axis in order[:-2]), size * size)
        tensor = flat[..., :: size + 1]
        term = "".join(term[axis] for axis in order[:-2]) + letter
    return tensor, term


def _product(one: Tensor, ones: str, other: Tensor, others: str, needed: set[str]) -> tuple[Tensor, str]:
    """Multiply two operands and sum over the letters that nothing behind them needs."""
    sizes = {
        letter: max(_size(one, ones, letter), _size(other, others, letter)) for letter in dict.fromkeys(ones + others)
    }
    batch = [letter for letter in ones if letter in others and letter in needed]
    summed = [letter for letter in ones if letter in others and letter not in needed]
    left = [letter for letter in ones if letter not in others]
    right = [letter for letter in others if letter not in ones]
    a = _grouped(one, ones, (batch, left, summed), sizes)
    b = _grouped(other, others, (batch, summed, right), sizes)
    letters = "".join(itertools.chain(batch, left, right))
    return torch.matmul(a, b).reshape([sizes[letter] for letter in letters]), letters


def _size(tensor: Tensor, term: str, letter: str) -> int:
    return int(tensor.shape[term.index(letter)]) if letter in term else 1


def _grouped(tensor: Tensor, term: str, groups: Sequence[Sequence[str]], sizes: dict[str, int]) -> Tensor:
    """The tensor with its axes in groups, one axis for each group."""
    order = [letter for group in groups for letter in group]
    wanted = [sizes[letter] for letter in order]
    moved = tensor.permute([term.index(letter) for letter in order])
    if list(moved.shape) != wanted:  # a size of one stands for any
        moved = moved.expand(wanted)
    return moved.reshape([prod(sizes[letter] for letter in group) for group in groups])
