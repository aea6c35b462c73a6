"""A parsed MIL function: plain, immutable data, checked once, free of protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from validation.milrun.dtypes import DType


@dataclass(frozen=True)
class ValueType:
    """Declared type of a value.

    Attributes:
        kind: "tensor", "list", "tuple", "dictionary" or "state".
        dtype: element type of a tensor, of a state's tensor, or of a list's elements; None for the rest.
        shape: sizes, None where a size is only known at run time; None altogether for an unknown rank.
    """

    kind: str
    dtype: DType | None = None
    shape: tuple[int | None, ...] | None = None

    def __str__(self) -> str:
        if self.shape is None:
            return self.kind
        sizes = "x".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype.name if self.dtype else self.kind}[{sizes}]"


@dataclass(frozen=True)
class Ref:
    """An argument that is another operation's output or a function's or block's input."""

    name: str


@dataclass(frozen=True)
class Literal:
    """An argument with its value: a torch tensor, a string, or a list of them."""

    value: Any
    type: ValueType


Argument = Ref | Literal


@dataclass(frozen=True)
class Output:
    """A named result of an operation, or an input of a function or block."""

    name: str
    type: ValueType


@dataclass(frozen=True)
class Operation:
    """One operation; `inputs` keeps the arguments of every parameter in order (more than one for variadic ones)."""

    kind: str
    name: str
    inputs: Mapping[str, tuple[Argument, ...]]
    outputs: tuple[Output, ...]
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Block:
    """A sequence of operations with inputs and outputs of its own."""

    inputs: tuple[Output, ...]
    outputs: tuple[str, ...]
    operations: tuple[Operation, ...] = field(repr=False)


@dataclass(frozen=True)
class Function:
    """A function of the program, specialized for one opset (15 for iOS15 ... 18 for iOS18)."""

    name: str
    opset: int
    inputs: tuple[Output, ...]
    body: Block


def operands(block: Block) -> dict[str, tuple[str, ...]]:
    """List the values each operation reads, by operation name, operations of nested blocks included."""
    found: dict[str, tuple[str, ...]] = {}
    for operation in block.operations:
        arguments = (argument for several in operation.inputs.values() for argument in several)
        found[operation.name] = tuple(argument.name for argument in arguments if isinstance(argument, Ref))
        for inner in operation.blocks:
            found.update(operands(inner))
    return found
