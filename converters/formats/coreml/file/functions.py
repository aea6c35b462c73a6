"""Several single-function .mlpackage folders as one: a function each, equal weights stored once.

coremltools' `save_multifunction` joins programs and shares equal constants (coremltools guide, "Multifunction Models");
what it drops, the metadata of the model, is put back here. Needs iOS18 or later.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from converters.errors import ConversionError
from converters.formats.coreml.file.metadata import DEPLOYMENT_TARGET_KEY
from converters.formats.coreml.file.package import MODEL_FILE, make_reproducible
from converters.formats.coreml.tool import coremltools

MAIN = "main"
"""Name of the one function of a package that is not joined yet."""
DEPLOYMENT_TARGET = "iOS18"
"""The oldest system that opens a package with several functions."""


def join_functions(packages: Mapping[str, Path], default: str, destination: Path) -> None:
    """Write one .mlpackage with a function per entry of `packages` (function name -> package), in their order.

    `destination` may have any name; `default` is the function that opens when none is named.

    Raises:
        ConversionError: the joined package lost a function.
        MissingToolError: coremltools is not installed.
    """
    join = coremltools().utils
    description = join.MultiFunctionDescriptor()
    for name, path in packages.items():
        description.add_function(str(path), src_function_name=MAIN, target_function_name=name)
    description.default_function_name = default
    named = destination.with_name(f"{destination.stem}.joining.mlpackage")
    join.save_multifunction(description, str(named))
    _restore_description(named / MODEL_FILE, packages)
    make_reproducible(named)
    named.rename(destination)


def _restore_description(path: Path, packages: Mapping[str, Path]) -> None:
    """Metadata of the first package; functions in the order asked for."""
    first = _specification(next(iter(packages.values())) / MODEL_FILE)
    joined = _specification(path)
    described = {item.name: item for item in joined.description.functions}
    if set(described) != set(packages) or set(joined.mlProgram.functions) != set(packages):
        raise ConversionError(f"the joined package has functions {sorted(described)} instead of {sorted(packages)}")
    joined.description.metadata.CopyFrom(first.description.metadata)
    joined.description.metadata.userDefined[DEPLOYMENT_TARGET_KEY] = DEPLOYMENT_TARGET
    in_order = [described[name] for name in packages]
    del joined.description.functions[:]
    joined.description.functions.extend(in_order)
    path.write_bytes(joined.SerializeToString(deterministic=True))


def _specification(path: Path) -> Any:
    specification = coremltools().proto.Model_pb2.Model()
    specification.ParseFromString(path.read_bytes())
    return specification
