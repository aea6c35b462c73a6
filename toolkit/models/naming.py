"""What options say of any network of one's own: its picture's form, and names and colours of classes where it
carries none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from converters import PixelRange, SourceError
from toolkit.options import RunOptions

if TYPE_CHECKING:
    from converters.torch_sources.adapter import PictureForm

MOST_CLASSES = 256
"""Label maps are stored in bytes."""


def picture_form(options: RunOptions) -> PictureForm:
    """How the network wants its picture; raises SourceError for means or deviations that fit no channels."""
    from converters.torch_sources.adapter import PictureForm

    return PictureForm(
        mean=options.mean,
        std=options.std,
        order=options.channel_order,
        channels_last=options.model_layout == "nhwc",
        white=PixelRange(options.pixel_range).scale if options.channel_order.endswith("a") else 1.0,
        given=options.channels,
    )


def class_names(options: RunOptions, count: int, stored: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of `count` classes: from --classes, else those stored in the model, else class_0, class_1, ...

    Raises:
        SourceError: the list cannot be read, has another number of names, or one twice.
    """
    from segdata.generic.text_files import read_text  # at use: segdata brings Pillow

    if options.classes is None:
        return _different(stored, "the model") or tuple(f"class_{index}" for index in range(count))
    if not options.classes.is_file():
        raise SourceError(f"there is no class list {options.classes}; give a text file, one name a line")
    try:
        names = tuple(line.strip() for line in read_text(options.classes).splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"class list {options.classes} cannot be read ({error}); give a text file, one name a line"
        ) from error
    if len(names) != count:
        raise SourceError(
            f"{options.classes} names {len(names)} classes but the model answers with {count}; make them agree"
        )
    return _different(names, str(options.classes))


def _different(names: tuple[str, ...], origin: str) -> tuple[str, ...]:
    """The names; raises SourceError if one stands twice, because figures are told apart by it."""
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise SourceError(f"{origin} names two classes {twice!r}; give each class a name of its own with --classes")
    return names


def palette(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours for classes without any: black first, then hues a golden angle apart, so that neighbours differ."""
    import colorsys

    colours = [(0, 0, 0)]
    for index in range(1, count):
        red, green, blue = colorsys.hsv_to_rgb(index * 0.61803398875 % 1.0, 0.55 + 0.4 * (index % 2), 0.95)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return tuple(colours[:count])
