"""Whether this machine's CPU computes in float16, as phones' do, or only stores in it."""

from __future__ import annotations

import platform
import sys
from enum import Enum
from functools import cache
from pathlib import Path

_X86_NATIVE = {"avx512_fp16"}
_X86_ROUNDING = {"avx2", "f16c", "fma"}
_ARM_NATIVE = {"fphp", "asimdhp"}


class Float16(Enum):
    """What XNNPACK can do in float16 (its `xnn_is_f16_supported_natively` and `xnn_is_f16_compatible_config`)."""

    ARITHMETIC = "multiplies and adds in float16"
    ROUNDING = "rounds every tensor to float16 and computes in float32"
    NONE = "has no instructions for float16"


@cache
def float16_of_this_cpu() -> Float16:
    """Read from the system; NONE where it does not tell. Does not raise."""
    if sys.platform == "darwin":
        return Float16.ARITHMETIC if platform.machine() == "arm64" else Float16.NONE
    try:
        return float16_of(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return Float16.NONE


def float16_of(cpuinfo: str) -> Float16:
    """Tell the same from the text of Linux's /proc/cpuinfo: its first `flags` (x86) or `Features` (ARM)."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    flags = next((set(value.split()) for name, _, value in lines if name.strip() in ("flags", "Features")), set())
    if flags >= _X86_NATIVE or flags >= _ARM_NATIVE:
        return Float16.ARITHMETIC
    return Float16.ROUNDING if flags >= _X86_ROUNDING else Float16.NONE
