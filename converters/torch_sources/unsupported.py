"""Which module and line of somebody's network an exporter's complaint is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch.fx import Node

    from converters.source import ModelSource

_OPERATIONS = re.compile(r"(?:aten::|torch\.ops\.aten\.|\bop '|operator ')(?:aten::)?(\w+)")
"""How coremltools, torch's ONNX exporter and litert-torch name an operation that they do not know."""
_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_NOT_THEIRS = (
    "/torch/",
    "/converters/torch_sources/heads.py",
    "/converters/torch_sources/adapter.py",
    "/converters/formats/",
)


def place_of_failure(error: BaseException, source: ModelSource) -> str:
    """Where in the network the operation is called that `error` names: ``"fft_fft2 is called in stem.mix (FILE, line
    7)"``.

    Empty if the error names none, or the network is a file. The network is exported once more to find it.
    """
    if source.module is None:
        return ""
    said = "\n".join(_messages(error))
    names = set(_OPERATIONS.findall(said))
    lines = [place for place in _LINE.findall(said) if _theirs(place[0])]
    if not names and not lines:
        return ""
    for node in _calls(source.module, source):
        place = _line_of(node)
        name = _name_of(node)
        if name in names or (lines and place == lines[-1]):
            module = _module_of(node)
            return (
                f"{name} is called"
                + (f" in {module}" if module else "")
                + (f" ({place[0]}, line {place[1]})" if place else "")
            )
    return ""


def _messages(error: BaseException) -> Iterator[str]:
    """What an error and those behind it say."""
    following: BaseException | None = error
    while following is not None:
        yield str(following).replace("\\n", "\n")
        following = following.__cause__ or following.__context__


def _calls(module: torch.nn.Module, source: ModelSource) -> list[Node]:
    import torch

    try:
        program = torch.export.export(module, (torch.zeros(source.picture_shape()),), strict=False)
    except Exception:  # noqa: BLE001  # what cannot be exported has failed for a reason that is told already
        return []
    return [node for node in program.graph.nodes if node.op == "call_function"]


def _name_of(node: Node) -> str:
    schema = getattr(node.target, "_schema", None)
    return str(schema.name).rpartition("::")[2] if schema is not None else getattr(node.target, "__name__", "")


def _line_of(node: Node) -> tuple[str, str] | None:
    places = [place for place in _LINE.findall(node.meta.get("stack_trace") or "") if _theirs(place[0])]
    return places[-1] if places else None


def _module_of(node: Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    names = [str(path).removeprefix("L['self'].") for path, _ in stack.values()]
    last = names[-1] if names else ""
    # What segport puts around a network calls it `network`; its owner does not.
    name = last.removeprefix("network.") if last != "network" else ""
    return f"module {name}" if name[:1].isdigit() else name  # those of a Sequential are numbers


def _theirs(path: str) -> bool:
    return not path.startswith("<") and not any(part in path for part in _NOT_THEIRS)
