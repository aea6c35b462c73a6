"""From the protobuf messages of a function to a checked `Function`."""

from __future__ import annotations

from typing import Any

from validation.milrun.errors import ModelFileError
from validation.milrun.file.program import Argument, Block, Function, Literal, Operation, Output, Ref
from validation.milrun.file.size_limits import MAX_BLOCK_DEPTH
from validation.milrun.file.values import ValueDecoder, decode_type

OPSETS = {"CoreML3": 13, "CoreML4": 14, "CoreML5": 15, "CoreML6": 16, "CoreML7": 17, "CoreML8": 18, "CoreML9": 26}


def parse_function(name: str, proto: Any, decoder: ValueDecoder) -> Function:
    """Read one function of the program.

    Args:
        proto: the Function message.
        decoder: reads its constants.

    Raises:
        ModelFileError: unknown opset, or a structure that no converter writes.
    """
    opset = OPSETS.get(proto.opset)
    if opset is None:
        raise ModelFileError(
            f"function {name!r} is written for opset {proto.opset!r}; milrun reads {', '.join(OPSETS)}"
        )
    if proto.opset not in proto.block_specializations:
        raise ModelFileError(f"function {name!r} has no body for its opset {proto.opset}; convert the model again")
    body = _block(proto.block_specializations[proto.opset], decoder, depth=0)
    return Function(name, opset, _outputs(proto.inputs), body)


def _block(proto: Any, decoder: ValueDecoder, depth: int) -> Block:
    if depth > MAX_BLOCK_DEPTH:
        raise ModelFileError(f"the program nests blocks more than {MAX_BLOCK_DEPTH} deep; it is damaged")
    operations = tuple(_operation(op, decoder, depth) for op in proto.operations)
    return Block(_outputs(proto.inputs), tuple(proto.outputs), operations)


def _operation(proto: Any, decoder: ValueDecoder, depth: int) -> Operation:
    outputs = _outputs(proto.outputs)
    attributes = {key: decoder.decode(value) for key, value in proto.attributes.items()}
    name = _operation_name(attributes.pop("name", None), outputs, proto.type)
    # Constants and the older constexpr operations keep their arguments in the attributes, all others in the inputs.
    inputs: dict[str, tuple[Argument, ...]] = {key: (value,) for key, value in attributes.items()}
    for key, argument in proto.inputs.items():
        inputs[key] = tuple(_binding(binding, decoder, name) for binding in argument.arguments)
    blocks = tuple(_block(block, decoder, depth + 1) for block in proto.blocks)
    return Operation(proto.type, name, inputs, outputs, blocks)


def _operation_name(label: Literal | None, outputs: tuple[Output, ...], kind: str) -> str:
    if label is not None and isinstance(label.value, str) and label.value:
        return label.value
    return outputs[0].name if outputs else kind


def _binding(proto: Any, decoder: ValueDecoder, operation: str) -> Argument:
    which = proto.WhichOneof("binding")
    if which == "name":
        return Ref(proto.name)
    if which == "value":
        return decoder.decode(proto.value)
    raise ModelFileError(f"operation {operation!r} has an argument without a value; the package is damaged")


def _outputs(protos: Any) -> tuple[Output, ...]:
    return tuple(Output(item.name, decode_type(item.type)) for item in protos)
