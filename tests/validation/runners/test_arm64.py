"""The emulated ARM64 machine: what needs no machine is tested always, the machine itself where it has been set up."""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import Artifact
from tests.validation.tiny_network import MemoryDataset, picture
from validation.errors import RunnerError
from validation.measure import Measurements, measure_run
from validation.results.facts import InstructionCount
from validation.results.run import RunResult, Status
from validation.runners.arm64 import machine, packages
from validation.runners.arm64.agreement import Agreement
from validation.runners.arm64.encodings import CLASSES, instruction_class
from validation.runners.arm64.instructions import read_counts
from validation.runners.arm64.machine import FOLDER_VARIABLE, MACHINE, PLUGIN_SOURCE, Machine
from validation.runners.arm64.packages import keep_only, planned_packages
from validation.runners.arm64.profiles import PROFILES
from validation.runners.arm64.runner import IMAGES_VARIABLE, WORKER, Arm64Runner
from validation.runners.litert.runner import LiteRtRunner

KNOWN = {
    # One of each kind, as the Arm Architecture Reference Manual encodes it (and GNU as assembles it).
    0x4F9FE3F0: "dot_product",  # sdot v16.4s, v31.16b, v31.4b[0]
    0x4E809400: "dot_product",  # sdot v0.4s, v0.16b, v0.16b
    0x4E80A400: "int8_matrix",  # smmla v0.4s, v0.16b, v0.16b
    0x0E608000: "integer_multiply",  # smlal v0.4s, v0.4h, v0.4h
    0x4EA09400: "integer_multiply",  # mla v0.4s, v0.4s, v0.4s
    0x4F40D000: "integer_multiply",  # sqrdmulh v0.8h, v0.8h, v0.h[0]
    0x4E20CC00: "floating_point",  # fmla v0.4s, v0.4s, v0.4s
    0x4F801000: "floating_point",  # fmla v0.4s, v0.4s, v0.s[0]
    0x4E21D800: "floating_point",  # scvtf v0.4s, v0.4s
    0x1E202800: "floating_point",  # fadd s0, s0, s0
    0x1F000000: "floating_point",  # fmadd s0, s0, s0, s0
    0x4E400C00: "floating_point",  # fmla v0.8h, v0.8h, v0.8h
    0x4EA08400: "vector_other",  # add v0.4s, v0.4s, v0.4s
    0x4E010000: "vector_other",  # tbl v0.16b, {v0.16b}, v1.16b
    0x4EB1B800: "vector_other",  # addv s0, v0.4s
    0x4F000400: "vector_other",  # movi v0.4s, #0
    0xF9400000: "load",  # ldr x0, [x0]
    0x3DC00000: "load",  # ldr q0, [x0]
    0x4C407000: "load",  # ld1 {v0.16b}, [x0]
    0xA9400000: "load",  # ldp x0, x0, [x0]
    0xF9000000: "store",  # str x0, [x0]
    0x3D800000: "store",  # str q0, [x0]
    0x4C007000: "store",  # st1 {v0.16b}, [x0]
    0xC85F7C00: "atomic",  # ldxr x0, [x0]
    0xB8200000: "atomic",  # ldadd w0, w0, [x0]
    0x91000442: "integer",  # add x2, x2, #1
    0x9B007C00: "integer",  # mul x0, x0, x0
    0x54FFFFC1: "branch",  # b.ne
    0xD65F03C0: "branch",  # ret
    0xD4000001: "system",  # svc #0
    0xD503201F: "system",  # nop
    0x04A00000: "sve",  # add z0.s, z0.s, z0.s
}


@pytest.mark.parametrize("word", KNOWN, ids=[f"{word:08x}" for word in KNOWN])
def test_instructions_are_classed(word: int) -> None:
    assert instruction_class(word) == KNOWN[word]


def test_every_class_is_met() -> None:
    assert set(KNOWN.values()) == set(CLASSES)


def test_counts_are_times_a_block_ran_for_each_of_its_instructions(tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("3 91000442 54ffffc1\n1000000000000 4e809400\n")
    assert read_counts(path) == {"dot_product": 10**12, "integer": 3, "branch": 3}


@pytest.mark.parametrize("content", [None, "", "nonsense\n", "12 xyz\n"], ids=["missing", "empty", "words", "no hex"])
def test_damaged_counts_are_errors(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "counts"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunnerError, match="segport doctor --setup arm64"):
        read_counts(path)


def test_plan_is_what_apt_says_of_one_architecture() -> None:
    said = (
        "Reading package lists...\n"
        "Inst libc6 (2.36-9+deb12u14 Debian:12.14/oldstable [amd64]) []\n"
        "Inst gcc-12-base:arm64 (12.2.0-14 Debian:12.14/oldstable [arm64]) [gcc-12-base:arm64 ]\n"
        "Inst libc6:arm64 (2.36-9+deb12u14 Debian:12.14/oldstable [arm64])\n"
        "Inst media-types (10.0.0 Debian:12.14/oldstable [all])\n"
        "Conf libc6:arm64 (2.36-9+deb12u14 Debian:12.14/oldstable [arm64])\n"
    )
    assert planned_packages(said, "arm64") == ("gcc-12-base:arm64", "libc6:arm64")
    assert planned_packages(said, "amd64") == ("libc6:amd64",)


def test_only_what_is_wanted_is_kept(tmp_path: Path) -> None:
    for name in ("usr/bin/qemu-aarch64", "usr/bin/qemu-arm", "usr/share/doc/a", "lib/x/libc.so", "etc/motd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "lib64").symlink_to("/nowhere")
    keep_only(tmp_path, ("usr/bin/qemu-aarch64", "lib"))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "lib/x/libc.so",
        "usr/bin/qemu-aarch64",
    ]
    assert not (tmp_path / "lib64").is_symlink()
    assert not (tmp_path / "etc").exists()


def test_without_the_machine_the_way_to_make_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, artifacts: dict[str, Artifact], dataset: MemoryDataset
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    monkeypatch.setattr("validation.runners.arm64.runner.unsupported", lambda: "")
    for backend in Arm64Runner.backends:
        state = Arm64Runner.availability(backend)
        assert not state.ok
        assert "segport doctor --setup arm64" in state.reason
    assert not Arm64Runner.in_default_set()
    found = measure_run(Arm64Runner, artifacts["tflite-int8_static"], Measurements(dataset))
    assert (found.status, found.instructions, found.native_agreement) == (Status.NOT_RUN, None, None)
    assert "segport doctor --setup arm64" in found.reason
    assert not (tmp_path / "none").exists()


def test_machines_that_cannot_have_it_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert "x86-64" in Arm64Runner.availability("cortex-a76").reason
    with pytest.raises(RunnerError, match="x86-64"):
        MACHINE.ensure()
    monkeypatch.undo()


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A computer that can have the machine and has every tool; yields where it would go."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(machine, "unsupported", lambda: "")
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def test_missing_tools_are_named(anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda name: None if name == "apt-get" else f"/usr/bin/{name}")
    with pytest.raises(RunnerError, match=r"needs apt-get to be set up"):
        MACHINE.ensure()
    assert list(anywhere.iterdir()) == []


def test_half_made_machine_is_never_used(anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> str:
        raise RunnerError("cannot download Debian's lists of packages: no network")

    monkeypatch.setattr(packages, "call", fails)
    with pytest.raises(RunnerError, match="no network"):
        MACHINE.ensure()
    assert not MACHINE.exists()
    assert [path.suffix for path in anywhere.iterdir() if path != MACHINE.folder.with_suffix(".lock")] in (
        [],
        [".lock"],
    )
    MACHINE.folder.mkdir()
    (MACHINE.folder / "host").mkdir()
    assert not MACHINE.exists()


def test_folder_changes_with_what_it_is_made_from(anywhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = MACHINE.folder
    monkeypatch.setattr(machine, "WHEELS", ("ai-edge-litert==9.9.9",))
    assert Machine().folder != before
    assert before.parent == anywhere


def test_profiles_name_one_core_and_never_scalable_matrices() -> None:
    for profile in PROFILES.values():
        assert profile.cpuinfo.count("processor") == 1
        assert re.search(r"CPU part\t: 0x[0-9a-f]{3}\n", profile.cpuinfo)
    assert "sme=off" in PROFILES["max"].qemu_cpu


def test_plugin_and_worker_mean_the_same_marks() -> None:
    plugin, worker = PLUGIN_SOURCE.read_text(), WORKER.read_text()
    start, end = (re.search(rf"\b{name} = (0x\w+)", plugin) for name in ("START", "END"))
    said = re.search(r"MARK_START, MARK_END = (0x\w+), (0x\w+)", worker)
    assert start and end and said
    assert [int(text, 16) for text in (start[1], end[1])] == [int(text, 16) for text in said.groups()]


@pytest.mark.parametrize(("given", "expected"), [("", 4), ("32", 32), ("0", 4), ("many", 4)])
def test_number_of_pictures(monkeypatch: pytest.MonkeyPatch, given: str, expected: int) -> None:
    monkeypatch.setenv(IMAGES_VARIABLE, given)
    assert Arm64Runner.images_limit("cortex-a76") == expected


def test_agreement_is_by_bits() -> None:
    found = Agreement()
    one = np.array([1.0, 0.0], np.float32)
    assert found.add(one, one.copy()) == 0
    assert found.add(one, np.array([1.5, -0.0], np.float32)) == 1
    assert found.to_json() == {
        "against": "litert (xnnpack)",
        "images": 2,
        "bit_equal": 1,
        "largest_difference": 0.5,
    }


def test_result_keeps_instructions() -> None:
    counted = InstructionCount(7, {"load": 7}, "cortex-a76", "qemu-user 7.2").to_json()
    run = RunResult("arm64", "cortex-a76", None, Status.NOT_RUN, instructions=counted)
    assert RunResult.from_json(run.to_json()) == run


def _loop(turns: int) -> bytes:
    """An ARM64 Linux program of 16 instructions: marks start, loops `turns` times over three, marks end, leaves."""

    def mov(register: int, value: int) -> list[int]:
        return [0xD2800000 | (value & 0xFFFF) << 5 | register, 0xF2A00000 | (value >> 16) << 5 | register]

    call = 0xD4000001
    words = [*mov(8, 125), *mov(0, 0x5E90001), call, *mov(1, turns)]
    words += [0x91000442, 0xF1000421, 0x54FFFFC1]  # add x2, x2, #1; subs x1, x1, #1; b.ne back to the add
    words += [*mov(8, 125), *mov(0, 0x5E90002), call, *mov(8, 93), *mov(0, 0), call]
    code, base = struct.pack(f"<{len(words)}I", *words), 0x400000
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, base + 120, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, 120 + len(code), 120 + len(code), 0x10000)
    return header + segment + code


@pytest.mark.arm64
@pytest.mark.parametrize("turns", [1, 1000, 1_000_000])
def test_plugin_counts_exactly(arm64_machine: Path, tmp_path: Path, turns: int) -> None:
    program = tmp_path / "loop"
    program.write_bytes(_loop(turns))
    program.chmod(0o755)
    start = MACHINE.start(PROFILES["cortex-a76"], tmp_path / "counts")
    subprocess.run([*start.launcher, str(program)], check=True, timeout=60)
    # Between the marks: two moves for the number of turns, the turns, and five that mark the end, the call included.
    assert read_counts(tmp_path / "counts") == {"integer": 2 + 2 * turns + 4, "branch": turns, "system": 1}


@pytest.mark.arm64
@pytest.mark.parametrize("backend", Arm64Runner.backends)
def test_integers_give_the_same_bits_and_one_number(
    arm64_machine: Path, artifacts: dict[str, Artifact], backend: str
) -> None:
    artifact = artifacts["tflite-int8_static"]
    found = []
    for seed in range(2):
        with Arm64Runner(artifact, backend, threads=1 + seed) as runner:  # it must not use two
            found.append(runner.count_instructions(picture(seed)))
            for other in range(3):
                runner.predict(picture(other))
            assert runner.native_agreement() == {
                "against": "litert (xnnpack)",
                "images": 3,
                "bit_equal": 3,
                "largest_difference": 0.0,
            }
    assert found[0] == found[1]
    assert sum(found[0].by_class.values()) == found[0].total > 1000
    kernel = {"cortex-a76": "dot_product", "cortex-a53": "integer_multiply", "max": "int8_matrix"}[backend]
    assert found[0].by_class[kernel] > 0
    assert not {"dot_product", "int8_matrix"} - {kernel} & set(found[0].by_class)


@pytest.mark.arm64
def test_floats_are_close_but_need_not_be_equal(arm64_machine: Path, artifacts: dict[str, Artifact]) -> None:
    with Arm64Runner(artifacts["tflite-float32"]) as runner:
        runner.predict(picture(0))
        agreement = runner.native_agreement()
    assert agreement is not None
    assert agreement["largest_difference"] < 1e-5


@pytest.mark.arm64
def test_other_bits_from_a_network_of_integers_are_an_error(
    arm64_machine: Path, artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_answer = LiteRtRunner._fetch

    def tampered(runner: LiteRtRunner) -> Any:
        answer = np.array(true_answer(runner))
        answer.reshape(-1)[3] += 1
        return answer

    with Arm64Runner(artifacts["tflite-int8_static"]) as runner:
        monkeypatch.setattr(LiteRtRunner, "_fetch", tampered)
        with pytest.raises(RunnerError, match=r"differ in 1 of .* must give the same bits"):
            runner.predict(picture(0))


@pytest.mark.arm64
def test_cores_see_their_own_cpuinfo(arm64_machine: Path) -> None:
    for profile in PROFILES.values():
        start = MACHINE.start(profile)
        program = "import os; print(os.cpu_count(), os.uname().machine); print(open('/proc/cpuinfo').read(), end='')"
        command = [*start.launcher, str(start.python), *start.flags, "-c", program]
        said = subprocess.check_output(command, env=dict(start.environment), text=True)
        assert said == f"1 aarch64\n{profile.cpuinfo}"


@pytest.mark.arm64
def test_setting_up_twice_does_nothing(arm64_machine: Path) -> None:
    messages: list[str] = []
    assert MACHINE.ensure(messages.append) == arm64_machine
    assert messages == []
    assert "7.2" in MACHINE.installed()["qemu-user"]


_FAMILIES = {
    "dot_product": r"[su]dot|usdot|sudot",
    "int8_matrix": r"(smm|umm|usmm)la",
    "load": r"ld(?!xr|axr|add|set|clr|eor|smax|smin|umax|umin)\w*|prfu?m",
    "store": r"st(?!xr|lxr|xp|lxp)\w*",
    "branch": r"b|bl|br|blr|ret|b\.\w+|cbn?z|tbn?z|ret\w+|bl?ra\w+",
    "system": r"svc|brk|hint|nop|isb|dsb|dmb|mrs|msr|clrex|sys|yield|bti|pac\w+|aut\w+|dc|ic|at",
}


@pytest.mark.arm64
def test_classes_agree_with_a_disassembler(arm64_machine: Path, artifacts: dict[str, Artifact], tmp_path: Path) -> None:
    """Every instruction that a network executed, beside what Capstone, which the emulator comes with, calls it."""
    words = set()
    for name in ("tflite-int8_static", "tflite-float32"):
        with Arm64Runner(artifacts[name]) as runner:
            runner.count_instructions(picture(0))
            words |= {int(word, 16) for line in runner._counts.read_text().splitlines() for word in line.split()[1:]}
    assert len(words) > 500
    mnemonics = _disassembled(arm64_machine, sorted(words))
    assert len(mnemonics) > 0.95 * len(words)
    for word, mnemonic in mnemonics.items():
        said = instruction_class(word)
        for family, pattern in _FAMILIES.items():
            assert (said == family) == bool(re.fullmatch(pattern, mnemonic)), f"{word:08x} {mnemonic} {said}"
        floats = mnemonic.startswith("f") or mnemonic in ("scvtf", "ucvtf")
        assert (said == "floating_point") == floats, f"{word:08x} {mnemonic} {said}"


class _CapstoneInstruction(ctypes.Structure):
    """`cs_insn` of capstone.h 4.0; the fields before `detail`."""

    _fields_ = (
        ("id", ctypes.c_uint),
        ("address", ctypes.c_uint64),
        ("size", ctypes.c_uint16),
        ("bytes", ctypes.c_uint8 * 16),
        ("mnemonic", ctypes.c_char * 32),
        ("op_str", ctypes.c_char * 160),
        ("detail", ctypes.c_void_p),
    )


def _disassembled(folder: Path, words: list[int]) -> dict[int, str]:
    """Mnemonics by word, without those that Capstone does not know."""
    library = ctypes.CDLL(str(next((folder / "host").rglob("libcapstone.so.4"))))
    handle, pointer = ctypes.c_size_t(), ctypes.POINTER(_CapstoneInstruction)()
    library.cs_disasm.restype = ctypes.c_size_t
    library.cs_disasm.argtypes = (
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    assert library.cs_open(1, 0, ctypes.byref(handle)) == 0  # CS_ARCH_ARM64, little endian
    found = {}
    for word in words:
        if library.cs_disasm(handle, struct.pack("<I", word), 4, 0, 1, ctypes.byref(pointer)):
            found[word] = pointer[0].mnemonic.decode()
            library.cs_free(pointer, ctypes.c_size_t(1))
    return found
