"""Read the small text files that lie beside pictures, whichever program saved them."""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks as Notepad, Excel and PowerShell write them, and the codec that drops them."""


def read_text(path: Path) -> str:
    """Decode a file as UTF-8, or as its byte order mark says; the mark is no part of the text.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no such text.
    """
    content = path.read_bytes()
    codec = next((codec for mark, codec in _MARKS if content.startswith(mark)), "utf-8")
    return content.decode(codec)
