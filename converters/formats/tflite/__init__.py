"""TFLite: a float32 file by one of two routes, and every other recipe made from it by the quantizer."""

from converters.formats.tflite.converter import CONVERTER

__all__ = ["CONVERTER"]
