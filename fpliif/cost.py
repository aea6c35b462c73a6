"""Count what a network costs to run: multiply-adds of the deployed graph, from the config alone."""

from __future__ import annotations

from fpliif.config import FPLIIFConfig


def multiply_adds(config: FPLIIFConfig, input_size: tuple[int, int], output_size: tuple[int, int]) -> int:
    """Count the multiply-adds of the convolutions of `fpliif.deploy`'s graph for one picture.

    Resizing, norms and activations are not counted (under 1 % for the presets).

    Args:
        config: the network's shape.
        input_size: (height, width) of the picture.
        output_size: (height, width) of the answer.
    """
    full = input_size[0] * input_size[1]
    half = -(-input_size[0] // 2) * -(-input_size[1] // 2)
    quarter = -(-input_size[0] // 4) * -(-input_size[1] // 4)
    first, second, third = config.widths
    total = full * 9 * 3 * first
    for pixels, width, blocks in zip((full, half, quarter), config.widths, config.blocks, strict=True):
        total += pixels * 9 * width * width * (2 * blocks + 1)
    total += half * 9 * first * second + quarter * 9 * second * third
    total += quarter * (9 * third * config.reduce_width + config.reduce_width * config.feature_width)
    total += quarter * config.feature_width * config.pixel_width + third * config.pixel_width
    per_pixel = config.pixel_width**2 * (config.pixel_depth - 2) + config.pixel_width * config.classes
    return total + output_size[0] * output_size[1] * per_pixel
