"""The operation registry: complete against coremltools, no duplicates, versions by opset."""

from __future__ import annotations

import pytest

from validation.milrun.errors import UnsupportedOpError
from validation.milrun.registry import find, known_operations, op

# Control flow and constants are part of the compiler; conv_quantized is written into old neural networks only.
_NOT_IN_REGISTRY = {"cond", "const", "_const_symbolic", "while_loop", "conv_quantized"}


def test_every_core_operation_takes_every_parameter_of_its_opset() -> None:
    pytest.importorskip("coremltools")
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    known = known_operations()
    assert set(SSAOpRegistry.core_ops) - set(known) == _NOT_IN_REGISTRY
    for kind, versions in SSAOpRegistry.core_ops.items():
        if kind in _NOT_IN_REGISTRY:
            continue
        for version, definition in versions.items():
            opset = int(version.name.removeprefix("iOS"))
            if opset < 15:
                continue
            ours = find(kind, opset)
            theirs = definition.input_spec.input_types
            assert set(theirs) <= set(ours.converters), (kind, opset)
            assert not {name for name, spec in theirs.items() if spec.optional} & ours.required, (kind, opset)


def test_the_newest_version_that_applies() -> None:
    assert find("topk", 15).since == 13
    assert find("topk", 16).since == 16
    assert find("topk", 18).since == 16
    assert find("gather", 18).since == 17


def test_duplicates_are_rejected() -> None:
    with pytest.raises(ValueError, match="'relu' is registered twice"):
        op("relu")(find("relu", 15).function)


def test_a_miss_lists_neighbours() -> None:
    with pytest.raises(UnsupportedOpError, match="batch_norm"):
        find("batchnorm", 15)
    with pytest.raises(UnsupportedOpError, match="iOS17"):
        find("resize", 15)
