"""What a loaded program consists of: a flat list of steps over one list of registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from validation.milrun.errors import ExecutionError, MilRunError
from validation.milrun.file.size_limits import MAX_LOOP_ITERATIONS

Registers = list[Any]
Observer = Callable[[str, str, dict[str, Any]], None]
"""Called after each operation with its name, its kind, and its outputs by name (tensors must not be changed)."""

Finish = Callable[[Any], Any] | None

# What torch and Python raise on operands that do not fit; anything else is a mistake in milrun and should surface.
OPERATION_FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    ArithmeticError,
    MemoryError,
    AttributeError,
    AssertionError,
)


@dataclass(slots=True)
class Step:
    """One operation, resolved: where its arguments are, what computes it, where its results go.

    Attributes:
        compute: takes the registers, returns the result, or a tuple of them when there are several outputs.
        finish: per output, conversion to its declared type (rounding to float16 among them), or None.
        frees: registers that no later step reads.
    """

    kind: str
    name: str
    compute: Callable[[Registers], Any]
    outputs: tuple[int, ...]
    output_names: tuple[str, ...]
    finish: tuple[Finish, ...]
    frees: tuple[int, ...] = ()

    def execute(self, registers: Registers, observe: Observer | None) -> None:
        """Compute, convert and store the operation's results."""
        results = self.compute(registers)
        if len(self.outputs) == 1 and not isinstance(results, tuple):
            finish = self.finish[0]
            registers[self.outputs[0]] = results if finish is None else finish(results)
        else:
            self._store_several(registers, results)

    def _store_several(self, registers: Registers, results: Any) -> None:
        values = results if isinstance(results, tuple) else () if results is None else (results,)
        if len(values) < len(self.outputs):
            raise ValueError(f"{len(self.outputs)} outputs are declared, the operation has {len(values)}")
        for slot, value, finish in zip(self.outputs, values, self.finish, strict=False):
            registers[slot] = value if finish is None else finish(value)


@dataclass(slots=True)
class SubProgram:
    """The steps of a nested block: where its inputs go and where its outputs are, in the same registers."""

    steps: Sequence[Step]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def run(self, registers: Registers, arguments: Sequence[Any], observe: Observer | None) -> list[Any]:
        """Execute with `arguments` and return the block's outputs."""
        for slot, value in zip(self.inputs, arguments, strict=True):
            registers[slot] = value
        run_steps(self.steps, registers, observe)
        return [registers[slot] for slot in self.outputs]


@dataclass(slots=True)
class CondStep(Step):
    """`cond`: runs one of two blocks; `compute` gives the predicate."""

    when_true: SubProgram | None = None
    when_false: SubProgram | None = None

    def execute(self, registers: Registers, observe: Observer | None) -> None:
        """Choose a block and run it."""
        chosen = self.when_true if bool(self.compute(registers)) else self.when_false
        if chosen is None:
            raise ValueError("a branch is missing")
        self._store_several(registers, tuple(chosen.run(registers, (), observe)))


@dataclass(slots=True)
class WhileStep(Step):
    """`while_loop`: runs `body` on the loop variables while `condition` holds; `compute` gives their first values."""

    condition: SubProgram | None = None
    body: SubProgram | None = None

    def execute(self, registers: Registers, observe: Observer | None) -> None:
        """Repeat the body while the condition holds, up to a limit."""
        if self.condition is None or self.body is None:
            raise ValueError("a block of the loop is missing")
        values = self.compute(registers)
        for _ in range(MAX_LOOP_ITERATIONS):
            if not bool(self.condition.run(registers, values, observe)[0]):
                break
            values = self.body.run(registers, values, observe)
        else:
            raise ValueError(f"the loop did not end within {MAX_LOOP_ITERATIONS} iterations")
        self._store_several(registers, tuple(values))


def run_steps(steps: Sequence[Step], registers: Registers, observe: Observer | None = None) -> None:
    """Execute the steps in order on `registers`.

    Raises:
        ExecutionError: an operation failed; the message names it.
    """
    for step in steps:
        try:
            step.execute(registers, observe)
        except MilRunError:
            raise
        except OPERATION_FAILURES as error:
            raise ExecutionError(f"operation {step.name!r} ({step.kind}) failed: {_first_line(error)}") from error
        if observe is not None:
            named = zip(step.output_names, step.outputs, strict=True)
            observe(step.name, step.kind, {name: registers[slot] for name, slot in named})
        for slot in step.frees:
            registers[slot] = None


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def round_to_float16(value: torch.Tensor) -> torch.Tensor:
    """Round to the nearest float16 values (ties to even, overflow to infinity), still held as float32."""
    return value.to(torch.float16).to(torch.float32)
