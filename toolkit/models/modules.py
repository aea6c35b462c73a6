"""A torch module of anybody's making -> ModelSource: tried once, adapted to what every converter takes, and
fingerprinted.
"""

from __future__ import annotations

import dataclasses
import hashlib

import torch
from torch.nn.parameter import is_lazy

from converters import ModelSource, PixelRange, SourceError
from converters.scores import AnswerKind, Meaning, Scores, meaning
from converters.torch_sources.adapter import Adapted, AnswerForm, PictureForm
from converters.torch_sources.answers import key_of_logits, others_than, picked
from converters.torch_sources.scores import trace_of, traced, values_of
from toolkit.models.naming import MOST_CLASSES, class_names, palette, picture_form
from toolkit.models.trial.fixed_graph import check_numbers, refuse_what_no_graph_holds
from toolkit.models.trial.quiet import quiet
from toolkit.models.trial.trying import answered, dark_picture, grey_picture, noisy_picture
from toolkit.models.unwrapping import in_float32
from toolkit.options import RunOptions


def from_module(
    module: torch.nn.Module,
    options: RunOptions,
    name: str,
    origin: str,
    parameters: int | None = None,
    file_hash: str = "",
) -> ModelSource:
    """Adapt `module` to RGB float32 (1, 3, H, W), or `options.channels` channels as they are, -> float32 logits (1,
    C, h, w).

    Args:
        module: the network.
        options: sizes, normalisation, layout, class names.
        name, origin: for people and file metadata.
        parameters: how many it was trained with, where the module no longer shows them.
        file_hash: of the file it came from, part of its fingerprint.

    Raises:
        SourceError: it cannot take such a picture, gives no logits, gives too many classes, answers twice differently
            or with no numbers, trains, decides by pixels, or keeps what it read off one picture for all others.
    """
    _refuse_without_values(module, origin)
    module = in_float32(module.eval())
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    with quiet():
        whole, final, meant, remarks = _adapted(module, options, origin)
        refuse_what_no_graph_holds(whole, options, origin)
        check_numbers(whole, final, options, origin)
    if final.shape[1] > MOST_CLASSES:
        raise SourceError(f"{origin} answers with {final.shape[1]} classes; segport goes up to {MOST_CLASSES}")
    classes = class_names(options, int(final.shape[1]))
    plain = _is_plain(whole)
    return ModelSource(
        name=name,
        classes=classes,
        colours=palette(len(classes)),
        input_size=options.input_size,
        output_size=(int(final.shape[2]), int(final.shape[3])),
        pixel_range=PixelRange(options.pixel_range),
        parameters=parameters if parameters is not None else sum(item.numel() for item in module.parameters()),
        weights_sha256=_fingerprint(whole, file_hash),
        origin=origin,
        module=module if plain else whole,
        channels=options.channels,
        meaning=meant,
        remarks=remarks,
    )


def _refuse_without_values(module: torch.nn.Module, origin: str) -> None:
    """Raise SourceError for lazy layers that have never met a picture."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise SourceError(
                f"{origin} has a parameter without values ({name}), since its lazy layers have never run; give "
                "trained weights with "
                "--weights, or have the factory run the network once and load them"
            )


def _adapted(
    module: torch.nn.Module, options: RunOptions, origin: str
) -> tuple[Adapted, torch.Tensor, Meaning, tuple[str, ...]]:
    """The network with all that is put around it, its logits for a grey picture, what these are, and what was
    chosen."""
    picture = picture_form(options)
    bare, remarks = _answer_form(module, picture, options, origin)
    meant = _meaning(module, picture, bare, options)
    bare = dataclasses.replace(bare, probability=bare.binary and meant.scores is not Scores.LOGITS)
    adapted = Adapted(module, picture, bare).eval()
    logits = _tried(adapted, options, origin)
    answer = _resized_form(bare, logits, options)
    if answer == bare:
        return adapted, logits, meant, remarks
    whole = Adapted(module, picture, answer).eval()
    return whole, _tried(whole, options, origin), meant, remarks


def _meaning(module: torch.nn.Module, picture: PictureForm, answer: AnswerForm, options: RunOptions) -> Meaning:
    """What the network's own answers are: from the operations that make them, and from the values for three
    pictures."""
    asking = Adapted(module, picture, AnswerForm())
    shown = (grey_picture(options), noisy_picture(options), dark_picture(options))
    found = [picked(traced(module, asking.to_picture(picture)), answer.key) for picture in shown]
    trace = trace_of(found[0])
    if answer.channels_last:
        found = [one.permute(0, 3, 1, 2) for one in found]
    return meaning(int(found[0].shape[1]), trace, values_of(found), AnswerKind(options.answer_kind))


def _answer_form(
    module: torch.nn.Module, picture: PictureForm, options: RunOptions, origin: str
) -> tuple[AnswerForm, tuple[str, ...]]:
    """Where the logits are, found by asking once, and a sentence if they are one of several maps."""
    asking = Adapted(module, picture, AnswerForm())
    given = asking.to_picture(grey_picture(options))
    answer = answered(module, given, origin)
    key = key_of_logits(answer, options.answer, origin)
    logits = picked(answer, key)
    if logits.shape[0] != 1:
        raise SourceError(
            f"{origin} answers to one picture with a batch of {logits.shape[0]}, shape {tuple(logits.shape)}; it "
            "must answer with "
            "logits (1, classes, h, w)"
        )
    channels_last = picture.channels_last
    channels = int(logits.shape[3 if channels_last else 1])
    others = others_than(answer, key) if options.answer is None else ""
    taken = ".".join(map(str, key)) if isinstance(key, tuple) else key
    remark = (
        f"{origin} answers with several maps: {taken} is taken for the logits, not {others}; --answer NAME takes"
        " another"
    )
    form = AnswerForm(key=key, channels_last=channels_last, binary=channels == 1)
    return form, (remark,) if others else ()


def _resized_form(answer: AnswerForm, logits: torch.Tensor, options: RunOptions) -> AnswerForm:
    size = options.output_size
    if size is None and options.upsample is not None:
        size = options.input_size
    if size is None or tuple(logits.shape[2:]) == tuple(size):
        return answer
    return dataclasses.replace(answer, size=size, resize=options.upsample or "bilinear")


def _tried(adapted: Adapted, options: RunOptions, origin: str) -> torch.Tensor:
    logits: torch.Tensor = answered(adapted, grey_picture(options), origin)
    if logits.dtype is not torch.float32:
        raise SourceError(f"{origin} answers in {logits.dtype}; give the network in float32 (module.float())")
    return logits


def _is_plain(adapted: Adapted) -> bool:
    """True if the network is already what converters take, so that nothing is put around it."""
    return adapted.picture == PictureForm(given=adapted.picture.given) and adapted.answer == AnswerForm()


def _fingerprint(adapted: Adapted, file_hash: str) -> str:
    """SHA-256 over what decides the answer and can be read without running it: tensors, structure, forms."""
    state = hashlib.sha256(f"{file_hash}\0{adapted.network}\0{adapted.picture}\0{adapted.answer}\0".encode())
    if adapted.answer.probability:
        state.update(b"probability\0")
    for name, tensor in adapted.network.state_dict().items():
        state.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        state.update(tensor.detach().contiguous().cpu().numpy().tobytes())
    return state.hexdigest()
