"""Networks saved as graphs: TorchScript archives and torch.export's .pt2.

Both hold graphs of torch operations, not Python. Their pickled parts are read with torch's tensors-only unpickler; an archive
that needs more is refused.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import ModelSource, SourceError, content_hash
from toolkit.config import RunOptions
from toolkit.errors import in_one_line

if TYPE_CHECKING:
    from torch.export import ExportedProgram

EXPORTED = (".pt2",)
_OPERATION = re.compile(r"torch\.ops\.(aten|prims)\.\w+(\.\w+)?|_operator\.getitem")


def is_torchscript(path: Path) -> bool:
    """True if `path` is an archive with TorchScript code in it (a state dict has none)."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def from_torchscript(path: Path, options: RunOptions) -> ModelSource:
    """A scripted or traced network, by way of the torch.export program it amounts to: no converter takes a ScriptModule
    inside another module, and all of them take such a program.

    Raises:
        SourceError: torch cannot read it, or it has control flow that depends on the picture.
    """
    import torch
    from torch._export.converter import TS2EPConverter

    try:
        script = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # C++ errors share no base class
        raise SourceError(f"{path} is not a usable TorchScript file ({in_one_line(error)}); save it again") from error
    from toolkit.models.naming import picture_form

    height, width = options.input_size
    picture = torch.zeros(picture_form(options).shape_at(options.input_size))
    try:
        program = TS2EPConverter(script, (picture,)).convert()
    except Exception as error:  # as above
        raise SourceError(
            f"{path} cannot be brought into one graph for pictures of {height} x {width} ({in_one_line(error)}); check --input-size and "
            "--model-layout, or save the network with torch.export.save"
        ) from error
    return _of_program(program, path, options, parameters=sum(item.numel() for item in script.parameters()))


def from_exported(path: Path, options: RunOptions) -> ModelSource:
    """A program that torch.export.save wrote.

    Raises:
        SourceError: no such file, not such a program, or one whose reading would run code.
    """
    import torch

    if not path.is_file():
        raise SourceError(f"{path} does not exist; give the path of a file that torch.export.save wrote")
    _refuse_code(path)
    try:
        with _tensors_only():
            program = torch.export.load(path)
    except Exception as error:  # the reader raises anything on a damaged file
        raise SourceError(
            f"{path} is not a usable torch.export program ({in_one_line(error)}); save it again"
        ) from error
    return _of_program(program, path, options, parameters=sum(item.numel() for item in program.parameters()))


def _of_program(program: ExportedProgram, path: Path, options: RunOptions, parameters: int) -> ModelSource:
    from converters.adapter import FixedMode
    from toolkit.models.modules import from_module

    _refuse_what_no_graph_holds(program, path)
    graph = program.module(check_guards=False)
    graph.validate_inputs = False  # type: ignore[assignment]  # its check of shapes cannot be traced; ours has been made
    network = FixedMode(graph)
    return from_module(
        network, options, name=path.stem, origin=str(path), parameters=parameters, file_hash=content_hash(path)
    )


def _refuse_what_no_graph_holds(program: ExportedProgram, path: Path) -> None:
    """Raise SourceError for a program in training mode, or one with branches or loops, naming module and line where it has them."""
    for node in program.graph.nodes:
        target = node.target
        name = str(target).removeprefix("aten.")
        if name.startswith(("cond", "while_loop")):
            raise SourceError(
                f"{path} decides by the pixels of the picture{_place(node)}, which no fixed graph can; compute both sides and choose "
                "with torch.where, then save it again"
            )
        modes = [
            place
            for place, argument in enumerate(getattr(getattr(target, "_schema", None), "arguments", ()))
            if argument.name in ("training", "train")
        ]
        if any((node.args[place] if place < len(node.args) else False) is True for place in modes):
            raise SourceError(
                f"{path} was saved in training mode ({name.split('.')[0]}{_place(node)}); call eval() on the network and save it again"
            )


def _place(node: Any) -> str:
    """The module and line of a node, as far as the file tells."""
    stack = [str(entry[0]).removeprefix("L['self'].") for entry in (node.meta.get("nn_module_stack") or {}).values()]
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    theirs = [place for place in lines if "/torch/" not in place[0] and not place[0].startswith("<")]
    return (f" in {stack[-1]}" if stack and stack[-1] else "") + (
        f", {theirs[-1][0]}, line {theirs[-1][1]}" if theirs else ""
    )


def _refuse_code(path: Path) -> None:
    """Refuse what the reader of torch.export would evaluate: objects, symbolic expressions, guards, foreign functions."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            configs = [json.loads(archive.read(name)) for name in names if name.endswith("_constants_config.json")]
            programs = [json.loads(archive.read(name)) for name in names if "/models/" in name]
    except (zipfile.BadZipFile, OSError, ValueError, RecursionError) as error:
        raise SourceError(
            f"{path} is not a usable torch.export program ({in_one_line(error)}); save it again"
        ) from error
    if len(programs) != 1 or not configs:
        raise SourceError(
            f"{path} holds {len(programs)} programs; save one with torch.export.save of this torch version"
        )
    stored = [entry.get("path_name", "") for config in configs for entry in config.get("config", {}).values()]
    objects = [name for name in stored if not name.startswith("tensor_")]
    called = {value for key, value in _entries(programs[0]) if key == "target"}
    foreign = sorted(str(name) for name in called if not (isinstance(name, str) and _OPERATION.fullmatch(name)))
    evaluated = sorted(key for key, value in _entries(programs[0]) if key in ("expr_str", "guards_code") and value)
    if objects or foreign or evaluated:
        what = (objects + foreign + evaluated)[0]
        raise SourceError(
            f"{path} contains {what[:80]!r}, which could run code when read; export with fixed sizes and torch operations alone, "
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
