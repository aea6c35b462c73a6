"""Which class an ARM64 instruction word belongs to.

Source: Arm Architecture Reference Manual for A-profile, chapter C4.1 "A64 instruction set encoding". Only as many
bits are looked at as the classes need; words that are no instruction are never executed, so none is refused.
"""

from __future__ import annotations

CLASSES = {
    "dot_product": "SDOT, UDOT, USDOT, SUDOT: four int8 products and their sum per lane",
    "int8_matrix": "SMMLA, UMMLA, USMMLA: int8 matrix products",
    "integer_multiply": "SMLAL, SMULL, MLA, SQRDMULH and other vector products of integers",
    "floating_point": "FMLA, FADD, SCVTF and everything else on floats, scalar and vector",
    "vector_other": "TBL, ADD, SQXTN, DUP and every other vector instruction",
    "sve": "scalable vectors",
    "load": "loads and prefetches, scalar and vector",
    "store": "stores, scalar and vector",
    "atomic": "read-modify-write and exclusive access",
    "integer": "scalar arithmetic, logic and addresses",
    "branch": "branches, calls and returns",
    "system": "barriers, hints, system registers and calls",
}
"""Classes with what is in them, in the order of reports."""

_LOADS_AND_STORES = (0b0100, 0b0110, 0b1100, 0b1110)
_IMMEDIATE_OR_REGISTER = (0b1000, 0b1001, 0b0101, 0b1101)


def instruction_class(word: int) -> str:
    """Find the key of CLASSES for a 32-bit instruction word."""
    group = _bits(word, 28, 25)
    if group in _IMMEDIATE_OR_REGISTER:
        return "integer"
    if group in _LOADS_AND_STORES:
        return _memory_class(word)
    if group in (0b1010, 0b1011):
        return "system" if _bits(word, 31, 22) == 0b1101010100 or _bits(word, 31, 24) == 0b11010100 else "branch"
    if group in (0b0111, 0b1111):
        return _vector_or_float_class(word)
    return "sve" if group == 0b0010 else "system"


def _bits(word: int, high: int, low: int) -> int:
    return (word >> low) & ((1 << (high - low + 1)) - 1)


def _memory_class(word: int) -> str:
    """Classify an instruction of the group "Loads and Stores"."""
    kind, vector = _bits(word, 29, 28), _bits(word, 26, 26)
    to_register = bool(_bits(word, 22, 22))
    if kind == 0b00:
        if vector:  # structures: LD1 .. ST4
            return "load" if to_register else "store"
        if not _bits(word, 23, 23) or _bits(word, 21, 21):  # exclusive access, CAS
            return "atomic"
        return "load" if to_register else "store"  # LDAR, STLR
    if kind == 0b01:
        if not _bits(word, 24, 24):  # a literal
            return "load"
        opc = _bits(word, 23, 22)  # LDAPUR, STLUR; memory tags
        return "store" if opc == 0b00 else "load"
    if kind == 0b10:  # pairs
        return "load" if to_register else "store"
    opc = _bits(word, 23, 22)
    if not _bits(word, 24, 24) and _bits(word, 21, 21) and _bits(word, 11, 10) == 0b00:
        return "atomic"
    if vector:
        return "load" if to_register else "store"
    return "store" if opc == 0b00 else "load"


def _vector_or_float_class(word: int) -> str:
    """Classify an instruction of the group "Data Processing -- Scalar Floating-Point and Advanced SIMD"."""
    if _bits(word, 28, 28) and not _bits(word, 30, 30):  # scalar floats
        return "floating_point"
    if _bits(word, 31, 31):  # SHA-3, SM3 and the like
        return "vector_other"
    if _bits(word, 24, 24):
        return _by_element_class(word) if not _bits(word, 10, 10) else _shift_class(word)
    if _bits(word, 21, 21):
        return _three_class(word)
    if _bits(word, 15, 15) and _bits(word, 10, 10):
        return _three_extra_class(word)
    # Three registers of half floats: bit 22 set, 15:14 clear, bit 10 set.
    half = _bits(word, 22, 22) and _bits(word, 15, 14) == 0 and _bits(word, 10, 10)
    return "floating_point" if half else "vector_other"


def _three_class(word: int) -> str:
    """Advanced SIMD with bit 21 set: three registers alike or not, two registers, across lanes."""
    if _bits(word, 10, 10):  # three the same
        opcode = _bits(word, 15, 11)
        if opcode >= 0b11000:
            return "floating_point"
        return "integer_multiply" if opcode in (0b10010, 0b10011, 0b10110) else "vector_other"
    if not _bits(word, 11, 11):  # three different
        return "integer_multiply" if _bits(word, 15, 12) in (8, 9, 10, 11, 12, 13, 14) else "vector_other"
    place, opcode = _bits(word, 20, 17), _bits(word, 16, 12)
    if place == 0b1000:  # across lanes: ADDV and the like are integers
        return "floating_point" if 0b01100 <= opcode <= 0b01111 else "vector_other"
    if place == 0b0000:  # two registers
        compared = 0b01100 <= opcode <= 0b01111 and _bits(word, 23, 23)
        converted = opcode in (0b10110, 0b10111) or opcode >= 0b11000
        return "floating_point" if compared or converted else "vector_other"
    return "floating_point" if place == 0b1100 else "vector_other"  # two registers of half floats; cryptography


def _three_extra_class(word: int) -> str:
    opcode = _bits(word, 14, 11)
    if opcode in (0b0010, 0b0011):
        return "dot_product"
    if opcode in (0b0100, 0b0101):
        return "int8_matrix"
    # SQRDMLAH, SQRDMLSH; the rest is FCMLA, FCADD, BFDOT, BFMMLA.
    return "integer_multiply" if opcode in (0b0000, 0b0001) else "floating_point"


def _by_element_class(word: int) -> str:
    unsigned, size, opcode = _bits(word, 29, 29), _bits(word, 23, 22), _bits(word, 15, 12)
    if opcode == 0b1110:
        return "dot_product"
    if opcode == 0b1111 and not unsigned:
        return "dot_product" if size in (0b00, 0b10) else "floating_point"  # SUDOT, USDOT; BFDOT, BFMLAL
    if opcode == 0b1001 or (not unsigned and opcode in (0b0001, 0b0101)):  # FMUL, FMULX, FMLA, FMLS
        return "floating_point"
    if unsigned and opcode in (0b0001, 0b0011, 0b0101, 0b0111):  # FCMLA
        return "floating_point"
    long_half = opcode in ((0b1000, 0b1100) if unsigned else (0b0000, 0b0100))  # FMLAL, FMLSL
    return "floating_point" if long_half else "integer_multiply"


def _shift_class(word: int) -> str:
    """Shift by immediate, and modified immediate (MOVI, FMOV)."""
    return "floating_point" if _bits(word, 15, 11) in (0b11100, 0b11111) and _bits(word, 22, 19) else "vector_other"
