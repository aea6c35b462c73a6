"""What is put around an ONNX network so that every converter meets the same one: `converters.torch_sources.adapter`, in
nodes of the graph itself.

The nodes compute what `Adapted` computes, in the same order, so the file stays the float reference, in ONNX Runtime.
Sizes that the file leaves open are fixed first, and shape arithmetic is folded away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from converters.errors import SourceError, in_one_line
from converters.onnx_sources.checked import check_same, simplified
from converters.onnx_sources.ends import ending_at, refuse_class_numbers
from converters.onnx_sources.nodes import Nodes, prune
from converters.onnx_sources.opsets import opset_of, raised
from converters.onnx_sources.padding import leaves_padding_open, with_padding
from converters.onnx_sources.reading import picture_and_answers, sizes_of
from converters.onnx_sources.scores import noted, trace_of, values_of
from converters.other_sizes import advice, mending_size
from converters.scores import AnswerKind, Scores, meaning
from converters.tools.importing import tool

if TYPE_CHECKING:
    from converters.torch_sources.adapter import PictureForm

LEAST_OPSET = 13
"""Up to which older graphs are brought, so that one form of every node will do."""
MODES: dict[str, dict[str, str]] = {
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    "bilinear-corners": {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
}
"""`converters.torch_sources.adapter.RESIZES` as ONNX writes them."""
_NUMBERS = {"tensor(uint8)": "uint8", "tensor(float16)": "float16", "tensor(double)": "float64"}
"""Types of inputs, as ONNX Runtime writes them, that are not float32 -> NumPy's name."""


@dataclass(frozen=True)
class OnnxForm:
    """What an ONNX network wants of its picture, and what is wanted of its answer.

    Attributes:
        picture: channels, normalisation, axes.
        size: (height, width) of the picture where the file leaves them open.
        insists: True if a file of another fixed size is to be refused.
        answer: name of the output with the logits; None finds it.
        output_size: (height, width) to resize logits to; None leaves them.
        upsample: how: a key of MODES; alone it means the picture's size. None is bilinear.
        kind: what the user says the answers are.
    """

    picture: PictureForm
    size: tuple[int, int]
    insists: bool = field(default=False, repr=False)
    answer: str | None = None
    output_size: tuple[int, int] | None = None
    upsample: str | None = None
    kind: AnswerKind = field(default=AnswerKind.AUTO, repr=False)


def fits_already(model: Any, form: OnnxForm) -> bool:
    """True if the graph takes and answers what every converter wants, and nothing is to be put around it."""
    from converters.torch_sources.adapter import PictureForm

    onnx = tool("onnx", "onnx")
    plain = PictureForm(given=form.picture.given)
    inputs, outputs = picture_and_answers(model)  # as the file states them: converters read them there
    if form.picture != plain or (form.answer, form.output_size, form.upsample) != (None, None, None):
        return False
    if len(inputs) != 1 or len(outputs) != 1:
        return False
    picture, logits = sizes_of(inputs[0]), sizes_of(outputs[0])
    floats = all(item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for item in (inputs[0], outputs[0]))
    fixed = all(len(sizes) == 4 and sizes[0] == 1 and all(sizes) for sizes in (picture, logits))
    refused = form.insists and picture[2:] != form.size
    if opset_of(model) < LEAST_OPSET or leaves_padding_open(model):
        return False
    return floats and fixed and picture[1] == form.picture.given and logits[1] > 1 and not refused


def adapted_onnx(model: Any, origin: str, form: OnnxForm, scale: float) -> Any:
    """A graph float32 RGB (1, 3, H, W) -> float32 logits (1, C, h, w) around the one of `model`, which is left as it
    is; of other channels than three where the form says so.

    Args:
        model: onnx.ModelProto with one picture among its inputs.
        origin: for sentences.
        form: what to put around it.
        scale: value of full white.

    Raises:
        SourceError: it takes no such picture, gives no map of scores, or several of which none is named.
        MissingToolError: onnx, onnxsim or onnxruntime is not installed.
    """
    onnx = tool("onnx", "onnx")
    cut = ending_at(model, form.answer)
    whole = _fixed_sizes(cut, origin, form)
    if opset_of(model) < LEAST_OPSET or leaves_padding_open(model):
        check_same(cut, whole, origin)
    size = form.picture.sizes_in(sizes_of(picture_and_answers(whole)[0][0]))
    _put_before(whole, form.picture, size, origin, scale)
    advise = partial(_what_to_do, model, form.picture.shape_at(size), form)
    noise = np.random.default_rng(0).random((1, form.picture.given, *size), dtype=np.float32)
    grey = np.full_like(noise, 0.5 * scale)
    tried = [_answers(whole, picture, origin, advise) for picture in (grey, noise * scale, noise**2 * scale)]
    _put_behind(whole, model, tried, form, size, origin)
    (logits,) = _answers(whole, grey, origin, advise).values()
    _state_shape(whole.graph.output[0], logits.shape)
    del whole.graph.value_info[:]
    onnx.checker.check_model(whole, full_check=True)
    return whole


def _fixed_sizes(model: Any, origin: str, form: OnnxForm) -> Any:
    """A copy for one picture of a fixed size, at an opset that has all nodes we add, with shape arithmetic folded."""
    onnx = tool("onnx", "onnx")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    inputs, outputs = picture_and_answers(copy)
    if len(inputs) != 1:
        names = ", ".join(item.name for item in inputs) or "none"
        raise SourceError(f"{origin} has {len(inputs)} inputs ({names}); export it with one, the picture")
    shape = _picture_shape(inputs[0], origin, form)
    _state_shape(inputs[0], shape)
    for output in outputs:  # they follow from the picture's
        for number, dimension in enumerate(output.type.tensor_type.shape.dim):
            dimension.dim_param = f"{output.name}_{number}"
    del copy.graph.value_info[:]
    try:
        if opset_of(copy) < LEAST_OPSET:
            copy = raised(copy, LEAST_OPSET)
        return with_padding(simplified(copy, {inputs[0].name: list(shape)}))
    except Exception as error:  # C++ errors share no base class
        raise SourceError(
            f"{origin} cannot be fixed to a picture {_shown(shape)} ({in_one_line(error)}); "
            f"{_what_to_do(model, shape, form)}"
        ) from error


def _what_to_do(model: Any, refused: tuple[int, ...], form: OnnxForm) -> str:
    """Advise another size if ONNX Runtime answers to a picture of that size and not to the refused one."""
    runtime = tool("onnxruntime", "onnx")
    settings = runtime.SessionOptions()
    settings.log_severity_level = 4

    def answers(size: tuple[int, int]) -> object:
        (given,) = session.get_inputs()
        number = np.dtype(_NUMBERS.get(given.type, "float32"))
        return session.run(None, {given.name: np.zeros(form.picture.shape_at(size), number)})

    otherwise = "export it with fixed sizes, of operations that ONNX Runtime has"
    size = form.picture.sizes_in(refused)
    try:
        session = runtime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - its errors share no base class
        return otherwise
    try:
        answers(size)
    except Exception:  # noqa: BLE001 - as above
        return advice(mending_size(answers, size), f"check --model-layout, or {otherwise}")
    return otherwise


def _picture_shape(value: Any, origin: str, form: OnnxForm) -> tuple[int, ...]:
    """The shape of the picture, with the file's own sizes where it has them; raises SourceError for one that is no such
    picture."""
    found, picture = sizes_of(value), form.picture
    channels = found[3 if picture.channels_last else 1] if len(found) == 4 else -1
    if found[:1] not in ((0,), (1,)) or channels not in (0, picture.channels):
        raise SourceError(
            f"{origin} takes {value.name!r} ({_shown(found)}), not one picture of {picture.channels} channels"
            f" ({_shown(picture.shape_at(form.size))}); check --channel-order and --model-layout, or export it with a"
            " batch of one"
        )
    height, width = picture.sizes_in(found)
    if form.insists and (height or form.size[0], width or form.size[1]) != form.size:
        raise SourceError(
            f"{origin} is fixed to pictures of {height} x {width}; leave --input-size out, or export it for "
            f"{form.size[0]} x {form.size[1]}"
        )
    return picture.shape_at((height or form.size[0], width or form.size[1]))


def _put_before(model: Any, picture: PictureForm, size: tuple[int, int], origin: str, scale: float) -> None:
    """Nodes that make of an RGB picture what the network takes; none where it takes that."""
    nodes, ((given,), _) = Nodes(model), picture_and_answers(model)
    start = nodes.fresh("image")
    image = _channels(nodes, start, picture)
    if picture.mean is not None:
        image = nodes.add("Sub", image, nodes.constant(np.reshape(picture.mean, (1, -1, 1, 1))))
    if picture.std is not None:
        image = nodes.add("Mul", image, nodes.constant(1.0 / np.reshape(picture.std, (1, -1, 1, 1))))
    if picture.channels_last:
        image = nodes.add("Transpose", image, perm=[0, 2, 3, 1])
    image = _cast_picture(nodes, image, given, picture, origin, scale)
    if not nodes.made:
        return
    nodes.made[-1].output[0] = given.name
    behind = list(nodes.graph.node)
    del nodes.graph.node[:]
    nodes.graph.node.extend([*nodes.made, *behind])
    given.CopyFrom(nodes.tensor(start, (1, picture.given, *size)))


def _channels(nodes: Nodes, image: str, picture: PictureForm) -> str:
    """As the first half of `Adapted.to_picture`."""
    from converters.torch_sources.adapter import LUMA

    if picture.order == "rgb":
        return image

    def channel(number: int) -> str:
        start, end, axis = (nodes.constant([value], np.int64) for value in (number, number + 1, 1))
        return nodes.add("Slice", image, start, end, axis)

    red, green, blue = channel(0), channel(1), channel(2)
    if picture.order == "grey":
        shares = [
            nodes.add("Mul", one, nodes.constant(share)) for one, share in zip((red, green, blue), LUMA, strict=True)
        ]
        return nodes.add("Add", nodes.add("Add", shares[0], shares[1]), shares[2])
    colours = (blue, green, red) if picture.order.startswith("bgr") else (red, green, blue)
    if not picture.order.endswith("a"):
        return nodes.add("Concat", *colours, axis=1)
    # Worked out from a channel, so that no file holds a picture of one value.
    alpha = nodes.add("Add", nodes.add("Mul", red, nodes.constant(0.0)), nodes.constant(picture.white))
    return nodes.add("Concat", *colours, alpha, axis=1)


def _cast_picture(nodes: Nodes, image: str, given: Any, picture: PictureForm, origin: str, scale: float) -> str:
    """In the type that the graph takes; raises SourceError for one that pixels cannot be brought to."""
    types = tool("onnx", "onnx").TensorProto
    wanted = given.type.tensor_type.elem_type
    if wanted == types.FLOAT:
        return image
    if wanted in (types.FLOAT16, types.DOUBLE):
        return nodes.add("Cast", image, to=wanted)
    name = types.DataType.Name(wanted).lower()
    if wanted != types.UINT8:
        raise SourceError(f"{origin} takes a picture of {name}; export it for float32 or uint8 pixels")
    if scale == 1.0 or picture.mean is not None or picture.std is not None:
        raise SourceError(
            f"{origin} takes bytes; give --pixel-range byte, and leave out --mean and --std, which its graph has"
            " already"
        )
    return nodes.add("Cast", image, to=wanted)


def _put_behind(
    model: Any,
    original: Any,
    tried: Sequence[Mapping[str, NDArray[Any]]],
    form: OnnxForm,
    size: tuple[int, int],
    origin: str,
) -> None:
    """Keep the output that holds the logits, as float32 (1, C, h, w), and nothing that leads to others.

    `original` is the graph as it was given, whose tensors `--answer` may name; `tried` are answers to pictures.
    """
    nodes, types, answers = Nodes(model), tool("onnx", "onnx").TensorProto, tried[0]
    name, kind = _output_with_logits(model, original, answers, form, origin)
    logits, shape = name, answers[name].shape
    last = form.picture.channels_last
    values = values_of([answer[name] for answer in tried], last)
    found = meaning(shape[3 if last else 1], trace_of(model.graph, name), values, form.kind)
    noted(model, found)
    if kind != "float":
        logits = nodes.add("Cast", logits, to=types.FLOAT)
    if form.picture.channels_last:
        logits, shape = nodes.add("Transpose", logits, perm=[0, 3, 1, 2]), (1, shape[3], *shape[1:3])
    if shape[1] == 1:
        whole = 0.5 if found.scores is Scores.LOGITS else 1.0
        logits, shape = nodes.add("Mul", logits, nodes.constant([[[-whole]], [[whole]]])), (1, 2, *shape[2:])
        if found.scores is not Scores.LOGITS:
            logits = nodes.add("Add", logits, nodes.constant([[[1.0]], [[0.0]]]))
    wanted = form.output_size or (size if form.upsample else shape[2:])
    if tuple(shape[2:]) != tuple(wanted):
        sizes = nodes.constant([1, shape[1], *wanted], np.int64)
        logits = nodes.add("Resize", logits, "", "", sizes, **MODES[form.upsample or "bilinear"])
    nodes.graph.node.extend(nodes.made)
    del nodes.graph.output[:]
    nodes.graph.output.append(nodes.tensor(logits, (1, shape[1], *wanted)))
    prune(nodes.graph)


def _output_with_logits(
    model: Any, original: Any, answers: Mapping[str, NDArray[Any]], form: OnnxForm, origin: str
) -> tuple[str, str]:
    """Name and type ("float") of the output that holds the logits; raises SourceError for class numbers."""
    import torch

    from converters.torch_sources.answers import key_of_logits

    types = tool("onnx", "onnx").TensorProto
    kinds = {item.name: types.DataType.Name(item.type.tensor_type.elem_type).lower() for item in model.graph.output}
    given = {key: torch.from_numpy(value) for key, value in answers.items()}
    maps = [key for key, value in answers.items() if value.ndim == 4 and value.dtype.kind == "f"]
    asked = [form.answer] if form.answer is not None and form.answer in answers else []
    for key in asked or ([] if maps else answers):
        refuse_class_numbers(original, key, answers[key].shape, kinds[key], origin)
    name = str(key_of_logits(given, form.answer, origin, "export it with such an output"))
    refuse_class_numbers(original, name, answers[name].shape, kinds[name], origin)
    return name, kinds[name]


def _answers(
    model: Any, picture: NDArray[np.float32], origin: str, advise: Callable[[], str]
) -> dict[str, NDArray[Any]]:
    """Return what ONNX Runtime makes of the picture, by the outputs' names; a failure ends with what `advise` says."""
    runtime = tool("onnxruntime", "onnx")
    settings = runtime.SessionOptions()
    settings.log_severity_level = 3
    try:
        session = runtime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        found = session.run(None, {given.name: picture})
    except Exception as error:  # its errors share no base class
        raise SourceError(
            f"{origin} could not answer to a picture {_shown(picture.shape)}: {in_one_line(error)}; {advise()}"
        ) from error
    return dict(zip([item.name for item in session.get_outputs()], found, strict=True))


def _state_shape(value: Any, shape: Sequence[int]) -> None:
    sizes = value.type.tensor_type.shape
    del sizes.dim[:]
    for size in shape:
        sizes.dim.add().dim_value = size


def _shown(shape: Sequence[int]) -> str:
    return " x ".join(str(size) if size else "?" for size in shape)
