"""Graphs in files: TorchScript archives and torch.export's .pt2, read without executing anything in them.

Both hold graphs of torch operations, not Python. Their pickled parts are read with torch's tensors-only unpickler; an
archive that needs more is refused. A network made of one is sent to another process as its file's path and hash, and
read again there: the graph itself refuses to be pickled. Imports torch.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from converters import SourceError
from converters.errors import in_one_line
from converters.torch_sources.adapter import FixedMode
from toolkit.models.files.scripted import scripted_program
from toolkit.models.trial.quiet import quiet
from toolkit.models.unwrapping import in_float32

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

_OPERATION = re.compile(r"torch\.ops\.(aten|prims)\.\w+(\.\w+)?|_operator\.getitem")
_SYMBOL = re.compile(r"Symbol\('([a-z]\d+)'(?:, (?:positive|nonnegative|integer)=True)*\)")
_ARITHMETIC = re.compile(r"(?:Add|Mul|Pow|Integer|FloorDiv|CeilDiv|Mod|Max|Min|[\s\d(),\-])*")
"""What torch.export writes of a size that it left open, and of sizes that follow from it."""


@dataclass(frozen=True)
class ProgramFile:
    """A file and all that decides the program in it.

    Attributes:
        named: as the user names it.
        path: absolute.
        sha256: of the file.
        picture: shape of the picture that a TorchScript graph is brought into one program for; None for
            torch.export's files.
    """

    named: str
    path: Path
    sha256: str
    picture: tuple[int, ...] | None = None

    @classmethod
    def at(cls, path: Path, picture: tuple[int, ...] | None = None) -> Self:
        """The file as it is now; raises SourceError if there is none."""
        return cls(str(path), path.absolute(), hashlib.sha256(_content(path)).hexdigest(), picture)

    def read(self) -> tuple[ExportedProgram, int]:
        """The program and how many parameters it has.

        Raises:
            SourceError: the file is another by now, is damaged, would run code, or (TorchScript) is no one graph.
        """
        content = _content(self.path, self.named)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise SourceError(f"{self.named} has changed since it was read; leave it as it is until the command ends")
        with quiet():
            if self.picture is None:
                return _exported(content, self.named)
            return scripted_program(content, self.named, self.picture)


class ProgramNetwork(FixedMode):
    """The network of a program in a file; a pickle of it holds the file's path and hash, and the tensors."""

    def __init__(self, program: torch.nn.Module, file: ProgramFile) -> None:
        super().__init__(program)
        self.file = file

    @classmethod
    def of(cls, program: ExportedProgram, file: ProgramFile) -> ProgramNetwork:
        """Around a program that has been looked at."""
        graph = in_float32(program.module(check_guards=False))
        graph.validate_inputs = False  # type: ignore[assignment]  # its check of shapes cannot be traced; ours has been made
        return cls(graph, file)

    def __reduce__(self) -> tuple[Any, ...]:
        return network_again, (self.file, {name: tensor.detach() for name, tensor in self.state_dict().items()})

    def __deepcopy__(self, memo: dict[int, Any]) -> ProgramNetwork:
        import copy

        copied = ProgramNetwork(copy.deepcopy(self.program, memo), self.file)
        memo[id(self)] = copied
        return copied


def network_again(file: ProgramFile, tensors: Mapping[str, torch.Tensor]) -> ProgramNetwork:
    """The network of `file` in another process, with the tensors it had in the first; raises SourceError as
    `ProgramFile.read`.
    """
    network = ProgramNetwork.of(file.read()[0], file)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.load_state_dict(tensors)
    return network


def _content(path: Path, named: str = "") -> bytes:
    if not path.is_file():
        raise SourceError(
            f"{named or path} does not exist; give the path of a file that torch.export.save or torch.jit.save wrote"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{named or path} cannot be read ({error.strerror}); make it readable") from error


def _exported(content: bytes, named: str) -> tuple[ExportedProgram, int]:
    import torch

    _refuse_code(content, named)
    try:
        with _tensors_only():
            program = torch.export.load(io.BytesIO(content))
    except pickle.UnpicklingError as error:
        if "nsupported" not in str(error):  # not an object that is no tensor: a pickle that is none
            raise SourceError(f"{named} is not a usable torch.export program (damaged); save it again") from error
        raise SourceError(
            f"{named} contains more than tensors and would run code when read; save it again with tensors alone"
        ) from error
    except Exception as error:  # the reader raises anything on a damaged file
        # Of tensors that do not fit their descriptions torch tells in its log only, and then points to that.
        why = "damaged tensors" if "when deserializing the saved file" in str(error) else in_one_line(error)
        raise SourceError(f"{named} is not a usable torch.export program ({why}); save it again") from error
    return program, sum(item.numel() for item in program.parameters())


def _refuse_code(content: bytes, named: str) -> None:
    """Refuse what the reader of torch.export would evaluate: objects, symbolic expressions, guards, foreign
    functions.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            configs = [json.loads(archive.read(name)) for name in names if name.endswith("_constants_config.json")]
            programs = [json.loads(archive.read(name)) for name in names if "/models/" in name]
    except (zipfile.BadZipFile, OSError, ValueError, RecursionError) as error:
        raise SourceError(
            f"{named} is not a usable torch.export program ({in_one_line(error)}); save it again"
        ) from error
    if len(programs) != 1 or not configs:
        raise SourceError(
            f"{named} holds {len(programs)} programs; save one with torch.export.save of this torch version"
        )
    stored = [entry.get("path_name", "") for config in configs for entry in config.get("config", {}).values()]
    objects = [name for name in stored if not name.startswith("tensor_")]
    called = {value for key, value in _entries(programs[0]) if key == "target"}
    foreign = sorted(str(name) for name in called if not (isinstance(name, str) and _OPERATION.fullmatch(name)))
    expressions = sorted({str(value) for key, value in _entries(programs[0]) if key == "expr_str" and value})
    symbols = sorted({symbol for expression in expressions for symbol in _SYMBOL.findall(expression)})
    if symbols and not objects and all(_ARITHMETIC.fullmatch(_SYMBOL.sub("1", item)) for item in expressions):
        raise SourceError(
            f"{named} was exported with sizes left open ({', '.join(symbols[:4])}), which segport does not read; "
            "export it again without "
            "dynamic_shapes, or name a factory"
        )
    evaluated = sorted(key for key, value in _entries(programs[0]) if key in ("expr_str", "guards_code") and value)
    if objects or foreign or evaluated:
        what = (objects + foreign + evaluated)[0]
        raise SourceError(
            f"{named} contains {what[:80]!r}, which could run code when read; export with fixed sizes and torch "
            "operations alone, "
            "or name a factory"
        )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth of plain JSON."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield from found.items()
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Make torch.load refuse everything but tensors, whatever its caller asks for."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
