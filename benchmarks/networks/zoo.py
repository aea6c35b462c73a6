"""The factories that `--model benchmarks.networks.zoo:NAME` names: networks built by the packages' own classes,
nothing changed.

Sizes are of the small members of each family, so that all recipes of all networks take an afternoon and not a week.
"""

from __future__ import annotations

from typing import Any

from torch import nn

SIDE = 128
"""Pictures are square; networks with position tables are built for this size."""


def segformer() -> nn.Module:
    """Build Segformer-B0 (Xie et al. 2021), Cityscapes' 19 classes; logits at a quarter of the picture."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    return _built(SegformerForSemanticSegmentation, SegformerConfig(num_labels=19))


def mobilenetv2_deeplab() -> nn.Module:
    """Build MobileNetV2 with DeepLabV3+ (Chen et al. 2018), Pascal's 21 classes, TensorFlow's paddings."""
    from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

    return _built(MobileNetV2ForSemanticSegmentation, MobileNetV2Config(num_labels=21, depth_multiplier=0.5))


def mobilevit_deeplab() -> nn.Module:
    """Build MobileViT-XXS with DeepLabV3 (Mehta and Rastegari 2022); takes BGR."""
    from transformers import MobileViTConfig, MobileViTForSemanticSegmentation

    config = MobileViTConfig(
        num_labels=21, hidden_sizes=[64, 80, 96], neck_hidden_sizes=[16, 16, 24, 48, 64, 80, 320], expand_ratio=2.0
    )
    return _built(MobileViTForSemanticSegmentation, config)


def mobilevitv2_deeplab() -> nn.Module:
    """Build MobileViTV2-0.5 (separable attention) with DeepLabV3; takes BGR."""
    from transformers import MobileViTV2Config, MobileViTV2ForSemanticSegmentation

    return _built(MobileViTV2ForSemanticSegmentation, MobileViTV2Config(num_labels=21, width_multiplier=0.5))


def upernet_convnext() -> nn.Module:
    """Build UperNet on a ConvNeXt of half the tiny one's widths, ADE20K's 150 classes."""
    from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = ConvNextConfig(
        hidden_sizes=[48, 96, 192, 384], depths=[2, 2, 6, 2], out_features=["stage1", "stage2", "stage3", "stage4"]
    )
    config = UperNetConfig(backbone_config=backbone, num_labels=150, hidden_size=96, use_auxiliary_head=False)
    return _built(UperNetForSemanticSegmentation, config)


def upernet_swin() -> nn.Module:
    """Build UperNet on a Swin transformer of half the tiny one's widths (shifted windows)."""
    from transformers import SwinConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = SwinConfig(
        image_size=SIDE, embed_dim=48, depths=[2, 2, 2, 2], out_features=["stage1", "stage2", "stage3", "stage4"]
    )
    config = UperNetConfig(backbone_config=backbone, num_labels=21, hidden_size=96, use_auxiliary_head=False)
    return _built(UperNetForSemanticSegmentation, config)


def dpt() -> nn.Module:
    """Build DPT on a ViT-tiny (Ranftl et al. 2021), ADE20K's 150 classes."""
    from transformers import DPTConfig, DPTForSemanticSegmentation

    config = DPTConfig(
        image_size=SIDE,
        hidden_size=192,
        num_attention_heads=3,
        intermediate_size=768,
        num_labels=150,
        neck_hidden_sizes=[24, 48, 96, 192],
        fusion_hidden_size=64,
        use_auxiliary_head=False,
    )
    return _built(DPTForSemanticSegmentation, config)


def beit() -> nn.Module:
    """Build BEiT-tiny with its pyramid and a UperNet head: relative positions, transposed convolutions."""
    from transformers import BeitConfig, BeitForSemanticSegmentation

    config = BeitConfig(
        image_size=SIDE,
        hidden_size=192,
        num_hidden_layers=8,
        num_attention_heads=3,
        intermediate_size=768,
        use_relative_position_bias=True,
        out_indices=[2, 4, 6, 8],
        num_labels=19,
        use_auxiliary_head=False,
    )
    return _built(BeitForSemanticSegmentation, config)


def monai_unet() -> nn.Module:
    """Build MONAI's residual U-Net: instance norms, PReLU, transposed convolutions; one channel, so two classes."""
    from monai.networks.nets import UNet

    return _plain(
        UNet(
            spatial_dims=2,
            in_channels=3,
            out_channels=1,
            channels=(16, 32, 64, 128),
            strides=(2, 2, 2),
            num_res_units=2,
        )
    )


def monai_attention_unet() -> nn.Module:
    """Build MONAI's Attention U-Net (Oktay et al. 2018)."""
    from monai.networks.nets import AttentionUnet

    return _plain(
        AttentionUnet(spatial_dims=2, in_channels=3, out_channels=5, channels=(16, 32, 64, 128), strides=(2, 2, 2))
    )


def monai_segresnet() -> nn.Module:
    """Build MONAI's SegResNet (Myronenko 2018): group norms, resizing by factors."""
    from monai.networks.nets import SegResNet

    return _plain(SegResNet(spatial_dims=2, init_filters=16, in_channels=3, out_channels=4))


def monai_unetr() -> nn.Module:
    """Build MONAI's UNETR (Hatamizadeh et al. 2022) for pictures: a ViT encoder with a convolutional decoder."""
    from monai.networks.nets import UNETR

    return _plain(
        UNETR(
            in_channels=3,
            out_channels=4,
            img_size=(SIDE, SIDE),
            spatial_dims=2,
            feature_size=16,
            hidden_size=192,
            mlp_dim=768,
            num_heads=3,
        )
    )


def _built(kind: Any, config: Any) -> nn.Module:
    """Build transformers' model as its own documentation makes it from a configuration."""
    return _plain(kind(config))


def _plain(network: Any) -> nn.Module:
    """Packages without types hand back anything; a factory gives a module."""
    assert isinstance(network, nn.Module)
    return network.eval()
