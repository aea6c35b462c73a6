"""TorchScript archives as the one graph that they amount to for pictures of one size. Imports torch.

No converter takes a ScriptModule inside another module, and all of them take a program of torch.export. torch's own
translator makes one of straight scripts. Scripts that fill dictionaries, slice shapes or loop it refuses: they are
run once instead, and the operations that run are recorded. Containers and sizes are then gone, and only what the
pixels decide could be recorded wrongly: that is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves

from converters import SourceError
from converters.errors import in_one_line
from converters.other_sizes import advice, mending_size

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_HERE = re.compile(r'File "([^"]+)", line (\d+), in \w+\n(?:(?!File ").*\n)*?.*<--- HERE')
_RESIZES = re.compile(r"aten\.(upsample_(?:linear1d|bilinear2d|bicubic2d|trilinear3d|nearest\dd))\.default")
_AGREEMENT = 1e-4
"""How far a program's answer may be from the script's, as a share of the largest magnitude in it."""


def scripted_program(content: bytes, named: str, picture: tuple[int, ...]) -> tuple[ExportedProgram, int]:
    """The program of an archive that torch.jit.save wrote, and how many parameters it has.

    Args:
        content: the archive.
        named: as the user names it.
        picture: shape of the picture.

    Raises:
        SourceError: torch cannot read it, it does not answer to such a picture, or it decides by the pixels.
    """
    try:
        script = _opened(content)
    except Exception as error:  # C++ errors share no base class
        raise SourceError(f"{named} is not a usable TorchScript file ({in_one_line(error)}); save it again") from error
    parameters = sum(item.numel() for item in script.parameters())
    translated = _translated(_opened(content), picture)
    if translated is not None and _agrees(translated, script, picture):
        return translated, parameters
    try:
        recorded = _recorded(script, picture)
    except Exception as error:  # as above
        if translated is None:
            raise _refusal(script, picture, named, error) from error
        return translated, parameters  # what it does otherwise each time is told when it is tried
    return recorded if translated is None or _agrees(recorded, script, picture) else translated, parameters


def _opened(content: bytes) -> Any:
    return torch.jit.load(io.BytesIO(content), map_location="cpu").eval().float()  # type: ignore[no-untyped-call]


def _translated(script: Any, picture: tuple[int, ...]) -> ExportedProgram | None:
    """Translate a script, which is spent by that: its calls of interpolate are replaced by an older form in place."""
    from torch._export.converter import TS2EPConverter

    try:
        program = TS2EPConverter(script, (torch.zeros(picture),)).convert()
    except Exception:  # noqa: BLE001 - it raises anything, and recording does better or says why not
        return None
    _spell_resizes_as_export_does(program.graph_module)
    return program


def _recorded(script: Any, picture: tuple[int, ...]) -> ExportedProgram:
    """Run the script on a black picture and keep the operations that ran, with its own names of parameters."""
    from torch.fx.experimental.proxy_tensor import make_fx

    def run(image: torch.Tensor) -> Any:
        return script(image)

    given = torch.zeros(picture)
    with torch.no_grad(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
        graph = make_fx(run, tracing_mode="real", pre_dispatch=True)(given)
    names = {
        _identity(tensor): (name, kind)
        for kind, items in (("parameter", script.named_parameters()), ("buffer", script.named_buffers()))
        for name, tensor in items
    }
    for node in graph.graph.find_nodes(op="get_attr"):
        tensor = getattr(graph, node.target, None)
        if isinstance(tensor, torch.Tensor) and _identity(tensor) in names:
            node.target = _put(graph, *names[_identity(tensor)], tensor)
    _drop_what_is_unused(graph)
    graph.delete_all_unused_submodules()
    _spell_resizes_as_export_does(graph)
    return torch.export.export(graph, (given,), strict=False)


def _drop_what_is_unused(graph: torch.fx.GraphModule) -> None:
    """Remove the names under which weights were recorded; an exported program would carry every weight twice."""
    used = {str(node.target).partition(".")[0] for node in graph.graph.find_nodes(op="get_attr")}
    for name in [*dict(graph.named_parameters(recurse=False)), *dict(graph.named_buffers(recurse=False))]:
        if name not in used:
            delattr(graph, name)


def _spell_resizes_as_export_does(graph: torch.fx.GraphModule) -> None:
    """Give resizes a size and no factors, the form in which torch.export leaves them and converters know them.

    The interpreter of scripts works the size out and calls a form with a factor for each axis, where -1 says none.
    """
    for node in graph.graph.nodes:
        name = _RESIZES.fullmatch(str(node.target))
        if name is None:
            continue
        image, size, *others = node.args
        corners = others[: 0 if "nearest" in name[1] else 1]
        if all(factor is None or factor <= 0 for factor in others[len(corners) :]):
            node.args = (image, size, *corners, None)
            node.target = getattr(torch.ops.aten, name[1]).vec
    graph.recompile()


def _identity(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.dtype


def _put(graph: torch.fx.GraphModule, name: str, kind: str, tensor: torch.Tensor) -> str:
    """Store a tensor under its dotted name in modules of that name, and say the name."""
    *modules, last = name.split(".")
    owner: torch.nn.Module = graph
    for part in modules:
        if part not in dict(owner.named_children()):
            owner.add_module(part, torch.nn.Module())
        owner = owner.get_submodule(part)
    if kind == "buffer":
        owner.register_buffer(last, tensor.detach())
    else:
        owner.register_parameter(last, torch.nn.Parameter(tensor.detach(), requires_grad=False))
    return name


def _agrees(program: ExportedProgram, script: Any, picture: tuple[int, ...]) -> bool:
    noise = torch.rand(picture, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            found, wanted = _tensors(program.module(), noise), _tensors(script, noise)
    except Exception:  # noqa: BLE001 - C++ errors share no base class; a graph that does not run agrees with nothing
        return False
    return len(found) == len(wanted) and all(
        one.shape == other.shape
        and torch.allclose(one, other, rtol=0, atol=_AGREEMENT * max(1.0, float(other.abs().max())))
        for one, other in zip(found, wanted, strict=True)
    )


def _tensors(network: Callable[[torch.Tensor], Any], picture: torch.Tensor) -> list[torch.Tensor]:
    return [leaf.float() for leaf in tree_leaves(network(picture)) if isinstance(leaf, torch.Tensor)]


def _refusal(script: Any, picture: tuple[int, ...], named: str, error: Exception) -> SourceError:
    """Say whether the script takes no such picture, or decides by what is in it."""
    shape = " x ".join(map(str, picture))
    lines = _HERE.findall(str(error))
    place = f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""
    rows = 1 if picture[3] < picture[1] else 2  # (1, H, W, C) or (1, C, H, W)

    def answers(size: tuple[int, int]) -> object:
        with torch.inference_mode():
            return script(torch.zeros((*picture[:rows], *size, *picture[rows + 2 :])))

    size = (picture[rows], picture[rows + 1])
    try:
        answers(size)
    except Exception as failure:  # noqa: BLE001 - as above
        what = advice(mending_size(answers, size), "check --model-layout, or mend the network there and save it again")
        return SourceError(f"{named} could not answer to a picture {shape}: {_last_line(failure)}{place}; {what}")
    if lines:
        return SourceError(
            f"{named} decides by the pixels of the picture{place}, which no fixed graph can; compute both sides and "
            "choose with torch.where, then save it again"
        )
    return SourceError(
        f"{named} cannot be brought into one graph for pictures of {shape} ({in_one_line(error)}); save the network "
        "with torch.export.save"
    )


def _last_line(error: Exception) -> str:
    """What the interpreter of scripts says behind its traceback."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines and "<--- HERE" in str(error) else in_one_line(error)
