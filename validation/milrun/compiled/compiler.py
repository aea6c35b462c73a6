"""Turns a parsed function into steps, once, at load time.

Names become register numbers, constant arguments become Python values or tensors bound to the operation's function,
weight decompression is evaluated, and every step knows which registers die with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from validation.milrun.compiled.steps import (
    OPERATION_FAILURES,
    CondStep,
    Finish,
    Registers,
    Step,
    SubProgram,
    WhileStep,
    round_to_float16,
)
from validation.milrun.errors import ExecutionError, ModelFileError
from validation.milrun.file.program import Argument, Block, Function, Literal, Operation, Output, Ref, ValueType
from validation.milrun.registry import OpImplementation, find

Scope = dict[str, int]


@dataclass
class CompiledFunction:
    """A function ready to run.

    Attributes:
        template: initial registers, holding the constants; copied for every run.
        inputs: input name -> (register, declared type).
        outputs: output name -> register.
    """

    steps: list[Step]
    template: Registers
    inputs: dict[str, tuple[int, ValueType]]
    outputs: dict[str, int]
    declared: dict[str, ValueType] = field(default_factory=dict)


class Compiler:
    """Compiles one function; use `compile_function`."""

    def __init__(self, opset: int, round_float16: bool) -> None:
        self._opset = opset
        self._round = round_float16
        self.registers: Registers = []
        self._constant: set[int] = set()
        self._read_at_run_time: set[int] = set()
        self.declared: dict[str, ValueType] = {}

    def new_register(self, value: Any = None, constant: bool = False) -> int:
        """Add a register and return its number; a constant's value is put in at once."""
        self.registers.append(value)
        if constant:
            self._constant.add(len(self.registers) - 1)
        return len(self.registers) - 1

    def define(self, outputs: Iterable[Output], scope: Scope) -> tuple[int, ...]:
        """Give every named value a register, enter it into `scope` and return the numbers."""
        slots = []
        for output in outputs:
            scope[output.name] = self.new_register()
            self.declared[output.name] = output.type
            slots.append(scope[output.name])
        return tuple(slots)

    def block(self, block: Block, scope: Scope, keep: Sequence[str]) -> tuple[list[Step], set[int]]:
        """Compile a block into steps and the registers it reads; values named in `keep` outlive the block."""
        own: set[int] = set()
        steps: list[Step] = []
        reads: list[set[int]] = []
        for operation in block.operations:
            produced = self._operation(operation, scope)
            if produced is not None:
                steps.append(produced[0])
                reads.append(produced[1])
                own.update(produced[0].outputs)
        kept = {self.lookup(name, scope) for name in keep}
        used = set(kept)
        for step, read in zip(reversed(steps), reversed(reads), strict=True):
            touched = read | set(step.outputs)
            step.frees = tuple(sorted((touched & own) - used))
            used |= touched
        self._read_at_run_time |= used
        return steps, used - own

    def drop_spent_constants(self) -> None:
        """Let go of constants that live on only in bound arguments or in what was computed from them."""
        for slot in self._constant - self._read_at_run_time:
            self.registers[slot] = None

    def lookup(self, name: str, scope: Scope) -> int:
        """Find the register of a name.


        Raises:
            ModelFileError: nothing before defines it.
        """
        if name not in scope:
            raise ModelFileError(f"the program uses {name!r} before anything defines it; the package is damaged")
        return scope[name]

    def _operation(self, operation: Operation, scope: Scope) -> tuple[Step, set[int]] | None:
        if operation.kind == "const":
            self._const(operation, scope)
            return None
        if operation.kind in ("cond", "while_loop"):
            return self._control_flow(operation, scope)
        implementation = find(operation.kind, self._opset)
        if implementation.fold and self._fold(operation, implementation, scope):
            return None
        compute, reads = self._bind(operation, implementation, scope)
        slots = self.define(operation.outputs, scope)
        names = tuple(output.name for output in operation.outputs)
        finish = tuple(self._finish(output.type, implementation.exact) for output in operation.outputs)
        return Step(operation.kind, operation.name, compute, slots, names, finish), reads

    def _const(self, operation: Operation, scope: Scope) -> None:
        value = operation.inputs.get("val", ())
        if len(value) != 1 or not isinstance(value[0], Literal) or len(operation.outputs) != 1:
            raise ModelFileError(f"constant {operation.name!r} has no value; the package is damaged, convert again")
        output = operation.outputs[0]
        scope[output.name] = self.new_register(value[0].value, constant=True)
        self.declared[output.name] = output.type

    def _fold(self, operation: Operation, implementation: OpImplementation, scope: Scope) -> bool:
        """Evaluate an operation whose inputs are all constants; False if they are not."""
        compute, reads = self._bind(operation, implementation, scope)
        if not reads <= self._constant:
            return False
        try:
            results = compute(self.registers)
        except OPERATION_FAILURES as error:
            raise ExecutionError(f"operation {operation.name!r} ({operation.kind}) failed: {error}") from error
        values = results if isinstance(results, tuple) else (results,)
        if len(values) != len(operation.outputs):
            raise ModelFileError(
                f"operation {operation.name!r} declares {len(operation.outputs)} outputs; it is damaged"
            )
        for output, value in zip(operation.outputs, values, strict=True):
            finish = self._finish(output.type, implementation.exact)
            finished = value if finish is None else finish(value)
            scope[output.name] = self.new_register(finished, constant=True)
            self.declared[output.name] = output.type
        return True

    def _bind(
        self, operation: Operation, implementation: OpImplementation, scope: Scope
    ) -> tuple[Callable[[Registers], Any], set[int]]:
        """Bind an operation's constants to its function; return that, and the registers the rest is read from."""
        self._check_parameters(operation, implementation)
        bound: dict[str, Any] = {}
        plain: list[tuple[str, int]] = []
        converted: list[tuple[str, int, Callable[[Any], Any]]] = []
        several: list[tuple[str, list[int]]] = []
        for name, arguments in operation.inputs.items():
            slots = [self._slot(argument, scope) for argument in arguments]
            convert = implementation.converters[name]
            if name in implementation.variadic:
                several.append((name, slots))
            elif slots[0] in self._constant:
                bound[name] = self._convert_constant(operation, name, convert, slots[0])
            elif convert.__name__ in ("as_tensor", "as_given"):
                plain.append((name, slots[0]))
            else:
                converted.append((name, slots[0], convert))
        reads = {slot for _, slot in plain} | {slot for _, slot, _ in converted}
        reads.update(slot for _, slots in several for slot in slots)
        return _caller(partial(implementation.function, **bound), plain, converted, several), reads

    def _check_parameters(self, operation: Operation, implementation: OpImplementation) -> None:
        what = f"operation {operation.name!r} ({operation.kind})"
        unknown = set(operation.inputs) - set(implementation.converters)
        if unknown:
            raise ModelFileError(f"{what} has unknown parameters {', '.join(sorted(unknown))}; it is damaged or newer")
        missing = implementation.required - set(operation.inputs)
        if missing:
            raise ModelFileError(f"{what} lacks its parameters {', '.join(sorted(missing))}; the package is damaged")
        for name, arguments in operation.inputs.items():
            if len(arguments) != 1 and name not in implementation.variadic:
                raise ModelFileError(f"{what} has {len(arguments)} values for {name}; the package is damaged")

    def _convert_constant(self, operation: Operation, name: str, convert: Callable[[Any], Any], slot: int) -> Any:
        try:
            return convert(self.registers[slot])
        except OPERATION_FAILURES as error:
            raise ModelFileError(
                f"operation {operation.name!r} ({operation.kind}) has an unusable {name}: {error}; it is damaged"
            ) from error

    def _slot(self, argument: Argument, scope: Scope) -> int:
        if isinstance(argument, Ref):
            return self.lookup(argument.name, scope)
        return self.new_register(argument.value, constant=True)

    def _control_flow(self, operation: Operation, scope: Scope) -> tuple[Step, set[int]]:
        if len(operation.blocks) != 2:
            raise ModelFileError(f"operation {operation.name!r} ({operation.kind}) needs two blocks; it is damaged")
        parameter = "pred" if operation.kind == "cond" else "loop_vars"
        arguments = operation.inputs.get(parameter, ())
        if not arguments:
            raise ModelFileError(f"operation {operation.name!r} ({operation.kind}) lacks {parameter}; it is damaged")
        slots = [self._slot(argument, scope) for argument in arguments]
        first, first_reads = self._sub_program(operation, operation.blocks[0], scope)
        second, second_reads = self._sub_program(operation, operation.blocks[1], scope)
        outputs = self.define(operation.outputs, scope)
        names = tuple(output.name for output in operation.outputs)
        unchanged: tuple[Finish, ...] = (None,) * len(outputs)
        step: Step
        if operation.kind == "cond":
            predicate = partial(_read_one, slot=slots[0])
            step = CondStep(operation.kind, operation.name, predicate, outputs, names, unchanged, (), first, second)
        else:
            start = partial(_read_many, slots=slots)
            step = WhileStep(operation.kind, operation.name, start, outputs, names, unchanged, (), first, second)
        return step, set(slots) | first_reads | second_reads

    def _sub_program(self, operation: Operation, block: Block, scope: Scope) -> tuple[SubProgram, set[int]]:
        inner = dict(scope)
        inputs = self.define(block.inputs, inner)
        if operation.kind == "while_loop" and len(inputs) != len(operation.inputs["loop_vars"]):
            raise ModelFileError(f"loop {operation.name!r} passes values its blocks do not take; it is damaged")
        steps, reads = self.block(block, inner, block.outputs)
        outputs = tuple(self.lookup(name, inner) for name in block.outputs)
        if not outputs:
            raise ModelFileError(f"a block of {operation.name!r} has no outputs; the package is damaged")
        return SubProgram(steps, inputs, outputs), reads - set(inputs)

    def _finish(self, declared: ValueType, exact: bool) -> Finish:
        if declared.kind != "tensor" or declared.dtype is None or declared.dtype.held is None:
            return None
        if declared.dtype.name == "float16" and self._round:
            return None if exact else round_to_float16
        return partial(_hold_as, dtype=declared.dtype.held)


def compile_function(function: Function, round_float16: bool = True) -> CompiledFunction:
    """Compile a function.

    Args:
        round_float16: round what the program declares as float16 after every operation; False computes all floats
            in float32.

    Raises:
        ModelFileError: the program is inconsistent.
        UnsupportedOpError: it uses an operation milrun does not know.
    """
    compiler = Compiler(function.opset, round_float16)
    scope: Scope = {}
    slots = compiler.define(function.inputs, scope)
    with torch.inference_mode():
        steps, _ = compiler.block(function.body, scope, function.body.outputs)
    compiler.drop_spent_constants()
    outputs = {name: compiler.lookup(name, scope) for name in function.body.outputs}
    inputs = {item.name: (slot, item.type) for item, slot in zip(function.inputs, slots, strict=True)}
    return CompiledFunction(steps, compiler.registers, inputs, outputs, compiler.declared)


def _hold_as(value: Any, dtype: torch.dtype) -> Any:
    return value if not isinstance(value, torch.Tensor) or value.dtype is dtype else value.to(dtype)


def _read_one(registers: Registers, slot: int) -> Any:
    return registers[slot]


def _read_many(registers: Registers, slots: list[int]) -> list[Any]:
    return [registers[slot] for slot in slots]


def _caller(
    function: Callable[..., Any],
    plain: list[tuple[str, int]],
    converted: list[tuple[str, int, Callable[[Any], Any]]],
    several: list[tuple[str, list[int]]],
) -> Callable[[Registers], Any]:
    """Make a function of the registers alone. The common case, one tensor and constants, costs one call."""
    if len(plain) == 1 and not converted and not several:
        ((name, slot),) = plain
        return lambda registers: function(**{name: registers[slot]})

    def call(registers: Registers) -> Any:
        arguments: dict[str, Any] = {name: registers[slot] for name, slot in plain}
        for name, slot, convert in converted:
            arguments[name] = convert(registers[slot])
        for name, slots in several:
            arguments[name] = [registers[slot] for slot in slots]
        return function(**arguments)

    return call
