"""Writing .mlpackage folders so that equal models are equal byte for byte."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from converters.errors import SourceError
from converters.formats.coreml.tool import coremltools

MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")
MANIFEST = Path("Manifest.json")


def save_package(model: Any, destination: Path) -> None:
    """Save a coremltools MLModel at `destination`, which may have any name.

    coremltools draws random item identifiers and writes maps in hash order; both are replaced by fixed choices, so that
    converting the same network again gives the same hash.
    """
    named = destination.with_name(f"{destination.stem}.saving.mlpackage")
    model.save(str(named))
    named.rename(destination)
    make_reproducible(destination)


def make_reproducible(package: Path) -> None:
    """Replace whatever coremltools drew at random or wrote in hash order."""
    _write_specification_in_order(package / MODEL_FILE)
    _write_fixed_identifiers(package / MANIFEST)


def load_specification(path: Path) -> Any:
    """The specification of a .mlpackage, as coremltools' protobuf message.

    Raises:
        SourceError: it cannot be read, or holds something else than files and folders (a pipe or a device might never
            end).
        MissingToolError: coremltools is not installed.
    """
    ct = coremltools()
    strange = next((item for item in sorted(path.rglob("*")) if not (item.is_file() or item.is_dir())), None)
    if strange is not None:
        raise SourceError(f"{path} holds {strange.relative_to(path)}, which is not a file; convert the model again")
    try:
        return ct.utils.load_spec(str(path))
    except Exception as error:  # protobuf, coremltools and the file system each raise their own types
        raise SourceError(f"{path} is not a readable Core ML model; convert the model again") from error


def _write_specification_in_order(path: Path) -> None:
    specification = coremltools().proto.Model_pb2.Model()
    specification.ParseFromString(path.read_bytes())
    path.write_bytes(specification.SerializeToString(deterministic=True))


def _write_fixed_identifiers(path: Path) -> None:
    manifest = json.loads(path.read_text())
    root = manifest["rootModelIdentifier"]
    items = {_identifier(item["path"]): item for item in manifest["itemInfoEntries"].values()}
    manifest["rootModelIdentifier"] = _identifier(manifest["itemInfoEntries"][root]["path"])
    manifest["itemInfoEntries"] = dict(sorted(items.items()))
    path.write_text(json.dumps(manifest, indent=4) + "\n")


def _identifier(item_path: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, item_path))
