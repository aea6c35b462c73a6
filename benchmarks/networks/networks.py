"""Which networks there are, and what their packages' documentation says of their pictures."""

from __future__ import annotations

from dataclasses import dataclass

IMAGENET = ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")
HALVES = ("--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")
BGR = ("--channel-order", "bgr")
"""MobileViT takes pixels 0..1 with blue first, and nothing subtracted."""
RESIZED = ("--upsample", "bilinear")

DEFAULT = ("float32", "float16", "int8_dynamic", "int8_static", "int8_weights", "palette6", "w8a8")
ON_REQUEST = (
    "int16x8",
    "int4_dynamic",
    "int4_weights",
    "palette8",
    "palette4",
    "palette2",
    "pruned_palette6",
    "w8a8_torch",
)
"""Names of recipes: those that `segport run` makes unasked and two that are asked for most, and all others."""


@dataclass(frozen=True)
class Network:
    """One row.

    Attributes:
        name: of the factory in `benchmarks.networks.zoo`.
        title: for people.
        package: distribution it comes from.
        options: of `segport run`, what the network wants around it.
    """

    name: str
    title: str
    package: str
    options: tuple[str, ...] = ()


NETWORKS = (
    Network("segformer", "Segformer-B0", "transformers", (*IMAGENET, *RESIZED)),
    Network("mobilenetv2_deeplab", "MobileNetV2 0.5, DeepLabV3+", "transformers", (*HALVES, *RESIZED)),
    Network("monai_unet", "U-Net, residual, binary", "monai"),
    Network("mobilevit_deeplab", "MobileViT-XXS, DeepLabV3", "transformers", (*BGR, *RESIZED)),
    Network("mobilevitv2_deeplab", "MobileViTV2 0.5, DeepLabV3", "transformers", (*BGR, *RESIZED)),
    Network("upernet_convnext", "UperNet, ConvNeXt", "transformers", IMAGENET),
    Network("upernet_swin", "UperNet, Swin", "transformers", IMAGENET),
    Network("dpt", "DPT, ViT-tiny", "transformers", HALVES),
    Network("beit", "BEiT-tiny, UperNet", "transformers", HALVES),
    Network("monai_attention_unet", "Attention U-Net", "monai"),
    Network("monai_segresnet", "SegResNet", "monai"),
    Network("monai_unetr", "UNETR, ViT-tiny", "monai"),
)
