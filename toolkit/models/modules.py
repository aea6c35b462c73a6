"""A torch module of anybody's making -> ModelSource: tried once, adapted to what every converter takes, and fingerprinted."""

from __future__ import annotations

import hashlib
import traceback
import warnings
from typing import TYPE_CHECKING, Any

from converters import ModelSource, PixelRange, SourceError
from toolkit.config import RunOptions
from toolkit.errors import in_one_line
from toolkit.models.naming import MOST_CLASSES, class_names, palette, picture_form

if TYPE_CHECKING:
    import torch

    from converters.adapter import Adapted, AnswerForm, PictureForm


def from_module(
    module: torch.nn.Module,
    options: RunOptions,
    name: str,
    origin: str,
    parameters: int | None = None,
    file_hash: str = "",
) -> ModelSource:
    """Adapt `module` to RGB float32 (1, 3, H, W), or `options.channels` channels as they are, -> float32 logits (1, C, h, w).

    Args:
        module: the network.
        options: sizes, normalisation, layout, class names.
        name, origin: for people and file metadata.
        parameters: how many it was trained with, where the module no longer shows them.
        file_hash: of the file it came from, part of its fingerprint.

    Raises:
        SourceError: it cannot take such a picture, gives no logits, gives too many classes, answers twice differently
            or with no numbers, trains, or decides by pixels.
    """
    from converters.adapter import Adapted

    module = module.eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    picture = picture_form(options)
    bare = _answer_form(module, picture, options, origin)
    adapted = Adapted(module, picture, bare).eval()
    logits = _tried(adapted, options, origin)
    answer = _resized_form(bare, logits, options)
    whole = adapted if answer == bare else Adapted(module, picture, answer).eval()
    final = logits if whole is adapted else _tried(whole, options, origin)
    _refuse_what_no_graph_holds(whole, options, origin)
    _check_numbers(whole, final, options, origin)
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
    )


def _answer_form(module: torch.nn.Module, picture: PictureForm, options: RunOptions, origin: str) -> AnswerForm:
    """Where the logits are, found by asking once."""
    from converters.adapter import Adapted, AnswerForm, key_of_logits, picked

    asking = Adapted(module, picture, AnswerForm())
    given = asking.to_picture(_grey_picture(options))
    answer = _answered(module, given, origin)
    key = key_of_logits(answer, options.answer, origin)
    logits = picked(answer, key)
    channels_last = picture.channels_last
    channels = int(logits.shape[3 if channels_last else 1])
    return AnswerForm(key=key, channels_last=channels_last, binary=channels == 1)


def _resized_form(answer: AnswerForm, logits: torch.Tensor, options: RunOptions) -> AnswerForm:
    import dataclasses

    size = options.output_size
    if size is None and options.upsample is not None:
        size = options.input_size
    if size is None or tuple(logits.shape[2:]) == tuple(size):
        return answer
    return dataclasses.replace(answer, size=size, resize=options.upsample or "bilinear")


def _tried(adapted: Adapted, options: RunOptions, origin: str) -> torch.Tensor:
    import torch

    logits: torch.Tensor = _answered(adapted, _grey_picture(options), origin)
    if logits.dtype is not torch.float32:
        raise SourceError(f"{origin} answers in {logits.dtype}; give the network in float32 (module.float())")
    return logits


def _grey_picture(options: RunOptions) -> torch.Tensor:
    import torch

    return torch.full((1, options.channels, *options.input_size), 0.5 * PixelRange(options.pixel_range).scale)


def _noisy_picture(options: RunOptions) -> torch.Tensor:
    """Every pixel value there is, the same each time."""
    import torch

    noise = torch.rand((1, options.channels, *options.input_size), generator=torch.Generator().manual_seed(0))
    return noise * PixelRange(options.pixel_range).scale


def _answered(module: torch.nn.Module, picture: torch.Tensor, origin: str) -> Any:
    """The answer, or a SourceError that names the module and the line where it went wrong."""
    import torch

    from toolkit.models.watching import followed

    with followed(module) as inside:
        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return module(picture)
        except Exception as error:  # the user's own code may raise anything; its sentence is passed on
            shape = " x ".join(str(size) for size in picture.shape)
            where = inside.where(traceback.extract_tb(error.__traceback__))
            raise SourceError(
                f"{origin} could not answer to a picture {shape}: {in_one_line(error)}{where}; "
                "check --input-size, --channel-order and --model-layout, or the network"
            ) from error


def _refuse_what_no_graph_holds(whole: Adapted, options: RunOptions, origin: str) -> None:
    """Raise SourceError naming module and line for training mode, decisions by pixels, randomness, and answers that are no numbers."""
    from toolkit.models.watching import watched

    seen = watched(whole, _grey_picture(options))
    if seen.trains:
        raise SourceError(
            f"{origin} runs in training mode{_own(seen.trains)}; pass training=False there, or self.training, which eval() turns off"
        )
    if seen.random:
        raise SourceError(
            f"{origin} calls a random function{_own(seen.random)}, so it answers differently to the same picture; turn that off for eval()"
        )
    if seen.decides and not _exports(whole, options):
        raise SourceError(
            f"{origin} decides by the pixels of the picture{_own(seen.decides)}, which no fixed graph can; compute both sides and choose "
            "with torch.where, or leave the decision out"
        )


def _check_numbers(whole: Adapted, logits: torch.Tensor, options: RunOptions, origin: str) -> None:
    """Raise SourceError unless the answer is finite and the same when asked again."""
    from toolkit.models.watching import watched

    for kind, picture in (("grey", _grey_picture(options)), ("noisy", _noisy_picture(options))):
        given = logits if kind == "grey" else _answered(whole, picture, origin)
        if not bool(given.isfinite().all()):
            where = _own(watched(whole, picture).not_finite)
            raise SourceError(
                f"{origin} answers with NaN or infinity to a {kind} picture{where and f', first{where}'}; check its weights, --mean, "
                "--std and --pixel-range"
            )
    if not bool((_tried(whole, options, origin) == logits).all()):
        raise SourceError(
            f"{origin} answers differently to the same picture; turn off what is random or kept between calls"
        )


def _own(where: str) -> str:
    """A place without the name that `Adapted` gives the network."""
    return where.replace(" network.", " ", 1).replace(" in the answer of network", "", 1).replace(" in network", "", 1)


def _exports(whole: Adapted, options: RunOptions) -> bool:
    """True if torch.export finds one graph: what looked like a decision is none while exporting (a check of arguments, say)."""
    import torch

    try:
        torch.export.export(whole, (_grey_picture(options),), strict=False)
    except Exception:  # noqa: BLE001  # the exporter raises anything; why is told by what was seen
        return False
    return True


def _is_plain(adapted: Adapted) -> bool:
    """True if the network is already what converters take, so that nothing is put around it."""
    from converters.adapter import AnswerForm, PictureForm

    return adapted.picture == PictureForm(given=adapted.picture.given) and adapted.answer == AnswerForm()


def _fingerprint(adapted: Adapted, file_hash: str) -> str:
    """SHA-256 over what decides the answer and can be read without running it: tensors, structure, forms."""
    state = hashlib.sha256(f"{file_hash}\0{adapted.network}\0{adapted.picture}\0{adapted.answer}\0".encode())
    for name, tensor in adapted.network.state_dict().items():
        state.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        state.update(tensor.detach().contiguous().cpu().numpy().tobytes())
    return state.hexdigest()
