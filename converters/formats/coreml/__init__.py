"""Core ML: torch -> ML Program -> .mlpackage, with what Xcode's preview needs."""

from converters.formats.coreml.converter import CONVERTER

__all__ = ["CONVERTER"]
