"""Networks saved as graphs: TorchScript archives and torch.export's .pt2."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import ModelSource, SourceError
from toolkit.models.naming import picture_form
from toolkit.options import RunOptions

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from toolkit.models.files.program_file import ProgramFile

EXPORTED = (".pt2",)
SCRIPTED = (".ts",)
"""Endings that say it; archives of other names are looked into."""


def is_torchscript(path: Path) -> bool:
    """True if `path` is an archive with TorchScript code in it (a state dict has none)."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def from_torchscript(path: Path, options: RunOptions) -> ModelSource:
    """A scripted or traced network, by way of the torch.export program it amounts to.

    Raises:
        SourceError: torch cannot read it, or it has control flow that depends on the picture.
    """
    from toolkit.models.files.program_file import ProgramFile

    file = ProgramFile.at(path, picture_form(options).shape_at(options.input_size))
    program, parameters = file.read()
    return _of_program(program, file, path, options, parameters)


def from_exported(path: Path, options: RunOptions) -> ModelSource:
    """A program that torch.export.save wrote; pictures have its own size.

    Raises:
        SourceError: no such file, not such a program, one whose reading would run code, or one for another size than
            is asked for.
    """
    from toolkit.models.files.program_file import ProgramFile

    file = ProgramFile.at(path)
    program, parameters = file.read()
    return _of_program(program, file, path, _at_its_size(program, path, options), parameters)


def _at_its_size(program: ExportedProgram, path: Path, options: RunOptions) -> RunOptions:
    """Options with the size that the program was exported for; raises SourceError if another one is asked for.

    Sizes are frozen into a program (`interpolate(size=...)`), so that another picture is answered wrongly without an
    error.
    """
    taken = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    shape = tuple(getattr(taken[0].meta.get("val"), "shape", ())) if taken else ()
    form = picture_form(options)
    if len(shape) != len(form.shape_at(options.input_size)):
        return options  # not a picture: said when it is tried
    size = form.sizes_in(shape)
    others = [asked for asked in options.input_shapes if asked != size]
    if (options.given("input_size") and options.input_size != size) or others:
        option = "--input-shapes" if others else "--input-size"
        raise SourceError(
            f"{path} was exported for {size[0]}x{size[1]}; leave {option} out, or export it again for the size you want"
        )
    return options.model_copy(update={"input_size": size})


def _of_program(
    program: ExportedProgram, file: ProgramFile, path: Path, options: RunOptions, parameters: int
) -> ModelSource:
    from toolkit.models.files.program_file import ProgramNetwork
    from toolkit.models.modules import from_module

    _refuse_what_no_graph_holds(program, path)
    return from_module(
        ProgramNetwork.of(program, file),
        options,
        name=path.stem,
        origin=str(path),
        parameters=parameters,
        file_hash=file.sha256,
    )


def _refuse_what_no_graph_holds(program: ExportedProgram, path: Path) -> None:
    """Raise SourceError for a program in training mode, or one with branches or loops, naming module and line where
    it has them.
    """
    for node in program.graph.nodes:
        target = node.target
        name = str(target).removeprefix("aten.")
        if name.startswith(("cond", "while_loop")):
            raise SourceError(
                f"{path} decides by the pixels of the picture{_place(node)}, which no fixed graph can; compute both "
                "sides and choose "
                "with torch.where, then save it again"
            )
        modes = [
            place
            for place, argument in enumerate(getattr(getattr(target, "_schema", None), "arguments", ()))
            if argument.name in ("training", "train")
        ]
        if any((node.args[place] if place < len(node.args) else False) is True for place in modes):
            raise SourceError(
                f"{path} was saved in training mode ({name.split('.')[0]}{_place(node)}); call eval() on the network "
                "and save it again"
            )


def _place(node: Any) -> str:
    """The module and line of a node, as far as the file tells."""
    stack = [str(entry[0]).removeprefix("L['self'].") for entry in (node.meta.get("nn_module_stack") or {}).values()]
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    theirs = [place for place in lines if "/torch/" not in place[0] and not place[0].startswith("<")]
    name = stack[-1] if stack else ""
    module = f" in {'module ' if name[:1].isdigit() else ''}{name}" if name else ""
    return module + (f", {theirs[-1][0]}, line {theirs[-1][1]}" if theirs else "")
