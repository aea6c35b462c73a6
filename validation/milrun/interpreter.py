"""The public face of milrun: load a Core ML package once, predict many times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from validation.milrun.compiled.compiler import CompiledFunction, compile_function
from validation.milrun.compiled.state import State, StateCell
from validation.milrun.compiled.steps import Observer, run_steps
from validation.milrun.errors import ModelFileError, PredictInputError
from validation.milrun.features import Feature, array_to_tensor, decode_feature, output_value
from validation.milrun.file.package import Package, open_package
from validation.milrun.file.parsing import parse_function
from validation.milrun.file.program import ValueType, operands
from validation.milrun.file.size_limits import check_size
from validation.milrun.file.values import ValueDecoder
from validation.milrun.image_inputs import picture_to_tensor

Precision = Literal["as_stored", "float32"]
DEFAULT_FUNCTION = "main"

__all__ = ["Interpreter", "Observer", "Precision", "State"]


class Interpreter:
    """Executes one function of a saved ML Program with torch.

    Example:
        >>> model = Interpreter("runs/demo/artifacts/coreml-float16.mlpackage")
        >>> model.predict({"image": picture})["logits"].shape
        (1, 11, 256, 256)
    """

    def __init__(
        self, model: str | Path | object, function: str | None = None, precision: Precision = "as_stored"
    ) -> None:
        """Read, check and compile a model; predicting does not touch the file again.

        Args:
            model: a .mlpackage folder, a .mlmodel file that holds an ML Program, or a coremltools MLModel.
            function: which function of a multi-function package; its default one if None.
            precision: "as_stored" rounds every tensor the program declares as float16 to float16 after each
                operation (sums and products inside an operation accumulate in float32); "float32" computes all
                floats in float32, which separates rounding from conversion errors.

        Raises:
            ModelFileError: missing, truncated, damaged, no ML Program, or no such function.
            UnsupportedOpError: the program uses an operation milrun does not know.
        """
        if precision not in ("as_stored", "float32"):
            raise PredictInputError(f"precision is {precision!r}; choose 'as_stored' or 'float32'")
        package = open_package(model)
        self.path = package.path
        self.precision = precision
        self.functions = tuple(sorted(package.model.mlProgram.functions))
        self.function = self._choose(package, function)
        description = _description(package, self.function)
        self.inputs: tuple[Feature, ...] = tuple(decode_feature(item) for item in description.input)
        self.outputs: tuple[Feature, ...] = tuple(decode_feature(item) for item in description.output)
        self.states: tuple[Feature, ...] = tuple(decode_feature(item) for item in description.state)
        decoder = ValueDecoder(package.weight_path)
        parsed = parse_function(self.function, package.model.mlProgram.functions[self.function], decoder)
        self.opset = parsed.opset
        self._operands = operands(parsed.body)
        self._compiled = compile_function(parsed, round_float16=precision == "as_stored")
        self._check_description()

    @property
    def value_types(self) -> Mapping[str, ValueType]:
        """Declared types of all named values of the program, constants among them."""
        return self._compiled.declared

    @property
    def operations(self) -> tuple[tuple[str, str], ...]:
        """List (name, kind) of the operations that run on every predict, in order, without those of nested blocks."""
        return tuple((step.name, step.kind) for step in self._compiled.steps)

    @property
    def operands(self) -> Mapping[str, tuple[str, ...]]:
        """Operation name -> names of the values it reads, constants and operations of nested blocks included."""
        return self._operands

    def make_state(self) -> State:
        """Make the first state of a stateful model: zeros, as Core ML's make_state gives."""
        cells = {}
        for feature in self.states:
            _, declared = self._program_input(feature.name)
            if declared.shape is None or None in declared.shape or declared.dtype is None:
                raise ModelFileError(f"state {feature.name!r} has no fixed size; the package is damaged")
            shape = [size for size in declared.shape if size is not None]
            check_size(shape)
            cells[feature.name] = StateCell(torch.zeros(shape, dtype=declared.dtype.held))
        return State(cells)

    def predict(
        self, inputs: Mapping[str, Any], state: State | None = None, observe: Observer | None = None
    ) -> dict[str, Any]:
        """Run the function.

        Args:
            inputs: per input, an array of the described shape, or for pictures a PIL image or uint8 RGB array
                (see `picture_to_tensor`).
            state: for stateful models, what `make_state` gave; it is updated. None starts from zeros.
            observe: called after every operation with (operation name, kind, {output name: tensor}); float16
                values arrive as rounded float32. For per-operation errors and calibration ranges.

        Returns:
            name -> numpy array, label or dictionary (see `output_value`).

        Raises:
            PredictInputError: an input is missing, unknown, or of the wrong shape.
            ExecutionError: an operation failed.
        """
        registers = list(self._compiled.template)
        with torch.inference_mode():
            self._feed(inputs, state, registers)
            run_steps(self._compiled.steps, registers, observe)
            return {item.name: output_value(registers[self._output(item.name)], item) for item in self.outputs}

    def _feed(self, inputs: Mapping[str, Any], state: State | None, registers: list[Any]) -> None:
        unknown = set(inputs) - {feature.name for feature in self.inputs}
        if unknown:
            names = ", ".join(feature.name for feature in self.inputs)
            raise PredictInputError(f"the model has no input {sorted(unknown)[0]!r}; its inputs: {names}")
        for feature in self.inputs:
            slot, declared = self._program_input(feature.name)
            registers[slot] = self._input_tensor(feature, declared, inputs)
        cells = (state or self.make_state()).cells if self.states else {}
        for feature in self.states:
            slot, _ = self._program_input(feature.name)
            if feature.name not in cells:
                raise PredictInputError(f"the state given lacks {feature.name!r}; use make_state() of this model")
            registers[slot] = cells[feature.name]

    def _input_tensor(self, feature: Feature, declared: ValueType, inputs: Mapping[str, Any]) -> torch.Tensor:
        if feature.name in inputs and feature.kind == "image":
            picture = picture_to_tensor(inputs[feature.name], feature)
            held = declared.dtype.held if declared.dtype else None
            return picture.to(held or torch.float32)
        if feature.name in inputs:
            return array_to_tensor(inputs[feature.name], feature, declared)
        if feature.optional and feature.shape is not None and feature.kind == "array":
            check_size(feature.shape)
            return array_to_tensor(torch.full(feature.shape, feature.default).numpy(), feature, declared)
        raise PredictInputError(f"input {feature.name!r} is missing; it takes {feature.describe_shapes()}")

    def _program_input(self, name: str) -> tuple[int, ValueType]:
        return self._compiled.inputs[name]

    def _output(self, name: str) -> int:
        return self._compiled.outputs[name]

    def _check_description(self) -> None:
        compiled: CompiledFunction = self._compiled
        for feature in (*self.inputs, *self.states):
            if feature.name not in compiled.inputs:
                raise ModelFileError(f"the model describes input {feature.name!r}, the program has none of that name")
        for feature in self.outputs:
            if feature.name not in compiled.outputs:
                raise ModelFileError(f"the model describes output {feature.name!r}, the program has none of that name")
        described = {feature.name for feature in (*self.inputs, *self.states)}
        for name in compiled.inputs:
            if name not in described:
                raise ModelFileError(f"the program takes {name!r}, which the model does not describe; it is damaged")

    def _choose(self, package: Package, function: str | None) -> str:
        if not self.functions:
            raise ModelFileError(f"{package.path} holds a program without functions; convert the model again")
        chosen = function or package.model.description.defaultFunctionName or DEFAULT_FUNCTION
        if chosen not in self.functions:
            raise ModelFileError(f"{package.path} has no function {chosen!r}; choose from: {', '.join(self.functions)}")
        return chosen


def _description(package: Package, function: str) -> Any:
    """Inputs and outputs of the function: described per function in multi-function packages, else for the model."""
    description = package.model.description
    if not description.functions:
        return description
    for item in description.functions:
        if item.name == function:
            return item
    raise ModelFileError(f"{package.path} does not describe its function {function!r}; the package is damaged")
