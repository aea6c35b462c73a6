"""Opens a .mlpackage folder, a .mlmodel file, or a coremltools MLModel, and finds its parts on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from validation.milrun.errors import ModelFileError
from validation.milrun.file.schema import model_class

_MODEL_PATH_PREFIX = "@model_path/"


class Package:
    """A model file and the folder its weights are relative to.

    Attributes:
        path: what was opened.
        model: the parsed protobuf message (see `validation.milrun.file.schema`), which holds an ML Program.
    """

    def __init__(self, path: Path) -> None:
        """Open and parse.

        Raises:
            ModelFileError: missing, truncated or damaged, or no ML Program.
        """
        self.path = path
        specification = _specification_path(path)
        self._root = specification.parent
        self.model = _parse(specification)

    def weight_path(self, name: str) -> Path:
        """Find the file behind a name of a weight file in the program.


        Raises:
            ModelFileError: the name leads out of the package.
        """
        if not name.startswith(_MODEL_PATH_PREFIX) or "\0" in name:
            raise ModelFileError(f"the program names its weight file {name!r}; expected {_MODEL_PATH_PREFIX}...")
        try:
            path = (self._root / name.removeprefix(_MODEL_PATH_PREFIX)).resolve()
        except RuntimeError as error:  # links in a circle
            raise ModelFileError(f"{name} of the model cannot be read: {error}; copy the package again") from error
        if not path.is_relative_to(self._root.resolve()):
            raise ModelFileError(f"the program names a weight file outside its package: {name!r}; it is damaged")
        return path


def open_package(source: object) -> Package:
    """Open a path, or the saved package behind a coremltools MLModel.

    Raises:
        ModelFileError: neither a path nor a model with a package on disk, or see `Package`.
    """
    if isinstance(source, (str, Path)):
        return Package(Path(source))
    saved = getattr(source, "package_path", None)
    if isinstance(saved, str) and saved:
        return Package(Path(saved))
    raise ModelFileError(f"a path to a .mlpackage or .mlmodel is needed, not {type(source).__name__}; save it first")


def _specification_path(path: Path) -> Path:
    try:
        if path.is_file():
            return path
        if not path.is_dir():
            raise ModelFileError(f"{path} does not exist; give the path of a .mlpackage folder or a .mlmodel file")
        return _manifest_root(path)
    except (OSError, ValueError, RuntimeError) as error:  # the last: links in a circle
        raise ModelFileError(f"{path} cannot be read: {error}") from error


def _manifest_root(package: Path) -> Path:
    """Find the specification file that the package's manifest names as its root."""
    manifest = package / "Manifest.json"
    if not manifest.is_file():
        raise ModelFileError(f"{package} has no Manifest.json; it is no .mlpackage or was copied in part")
    try:
        content = json.loads(manifest.read_bytes())
        relative = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
        root: Path = (package / "Data" / relative).resolve()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # Not repr(): that of a decoding error carries the whole file.
        raise ModelFileError(
            f"{manifest} is damaged ({type(error).__name__}: {error}); convert or copy the package again"
        ) from error
    if not root.is_relative_to(package.resolve()):
        raise ModelFileError(f"{manifest} names a model outside the package; it is damaged")
    if not root.is_file():
        raise ModelFileError(f"{package} lacks {relative}; it was copied in part, copy the whole folder")
    return root


def _parse(path: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

    try:
        model = model_class().FromString(path.read_bytes())
    except (DecodeError, RecursionError) as error:
        raise ModelFileError(f"{path} is truncated or damaged: {error}; convert or copy the model again") from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from error
    if not model.HasField("mlProgram"):
        raise ModelFileError(
            f"{path} holds no ML Program; milrun runs only those: convert with convert_to='mlprogram' (iOS15 or later)"
        )
    return model
