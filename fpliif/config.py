"""Fix the shape of an FP-LIIF in one value, and name the presets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from fpliif.errors import ConfigError
from fpliif.strict import build

FORMAT = 1
"""Version of the dictionary form; a file with another version is refused, never guessed at."""


@dataclass(frozen=True)
class FPLIIFConfig:
    """Fix the shape of an FP-LIIF network.

    From the paper's public pages (arXiv 2303.15122 and its project page): three groups of residual blocks, the first
    two followed by a strided convolution, each with a group-level skip; a two-layer MLP on the unfolded grid; its
    upsampled result joined with the global average and a positional code; a four-layer MLP per output pixel.
    Ours: that widths may differ by group, the choice of norm, and the form of the positional code.

    Attributes:
        classes: number of classes, the channels of the logits.
        widths: channels of the three encoder groups; the last is the width of the grid Z.
        blocks: residual blocks in each group.
        norm: ``"batch"`` folds into the convolutions when deployed; ``"instance"`` does not.
        reduce_width: hidden width of the two-layer MLP on unfolded Z.
        feature_width: channels that this MLP hands to the pixel MLP.
        position: ``"fourier"`` gives each axis its coordinate and sines and cosines of it, ``"coordinates"`` the
            coordinate alone. Both treat rows and columns separately, which `fpliif.deploy` relies on.
        position_bands: octaves of the Fourier code; must be 0 for ``"coordinates"``.
        pixel_width: hidden width of the pixel MLP.
        pixel_depth: linear layers of the pixel MLP, at least 2.

    Raises:
        ConfigError: if a number is out of range or two options contradict each other.
    """

    classes: int
    widths: tuple[int, int, int] = (64, 64, 64)
    blocks: tuple[int, int, int] = (2, 6, 16)
    norm: Literal["batch", "instance"] = "batch"
    reduce_width: int = 256
    feature_width: int = 64
    position: Literal["fourier", "coordinates"] = "fourier"
    position_bands: int = 4
    pixel_width: int = 256
    pixel_depth: int = 4

    def __post_init__(self) -> None:
        positive = {
            "classes": self.classes,
            "widths": min(self.widths),
            "reduce_width": self.reduce_width,
            "feature_width": self.feature_width,
            "pixel_width": self.pixel_width,
        }
        for name, value in positive.items():
            if value < 1:
                raise ConfigError(f"{name} is {value}; give a positive number")
        if len(self.widths) != 3 or len(self.blocks) != 3:
            raise ConfigError("widths and blocks name one number per encoder group; give three of each")
        if min(self.blocks) < 0:
            raise ConfigError(f"blocks is {self.blocks}; a group cannot have fewer than 0 blocks")
        if self.pixel_depth < 2:
            raise ConfigError(f"pixel_depth is {self.pixel_depth}; the pixel MLP needs at least 2 layers")
        if (self.position == "coordinates") != (self.position_bands == 0):
            raise ConfigError(
                f"position {self.position!r} with position_bands {self.position_bands}; "
                "give at least one band to 'fourier' and 0 to 'coordinates'"
            )

    @property
    def position_width(self) -> int:
        """Count the values of the positional code per axis."""
        return 1 + 2 * self.position_bands

    def to_dict(self) -> dict[str, Any]:
        """Return values as JSON has them (no tuples) with the format version; `from_dict` reads an equal config."""
        plain: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **dataclasses.asdict(self)}))
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; raises ConfigError on unknown keys, wrong types or another format version."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"the network config is {values!r}; give a table of options")
        if values.get("format") != FORMAT:
            raise ConfigError(
                f"the network config has format {values.get('format')!r}; this version of segport reads {FORMAT}"
            )
        return build(cls, {name: value for name, value in values.items() if name != "format"}, "network")

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; raises ConfigError."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"the network config is not JSON ({error}); write it with FPLIIFConfig.to_json") from None
        if not isinstance(values, dict):
            raise ConfigError("the network config is not a JSON object; write it with FPLIIFConfig.to_json")
        return cls.from_dict(values)


PRESETS: dict[str, dict[str, Any]] = {
    "fp-liif": {},
    "fp-liif-mobile": {
        # The first group works on full-size pictures, so width there costs sixteen times what it costs in the last.
        "widths": (16, 40, 64),
        "blocks": (1, 4, 12),
        "reduce_width": 128,
        "pixel_width": 96,
    },
}
"""Named shapes: the paper's, and a smaller one of ours with at most a quarter of its multiply-adds."""


def preset(name: str, classes: int) -> FPLIIFConfig:
    """Return the named shape for `classes` classes; raises ConfigError listing the names it knows."""
    if name not in PRESETS:
        raise ConfigError(f"there is no network preset {name!r}; choose one of: {', '.join(PRESETS)}")
    return FPLIIFConfig(classes=classes, **PRESETS[name])
