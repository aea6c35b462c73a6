"""The CPUs that can be asked for by name.

XNNPACK chooses its kernels by two things: what the kernel of the system says the CPU can do, which QEMU answers for
the CPU it emulates, and which core /proc/cpuinfo names. QEMU 7.2 lets the guest read that file of the machine it runs
on, whose x86 flags XNNPACK cannot take in; each profile has a file of its own in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

_V8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_V82 = f"{_V8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs"
_V9 = (
    f"{_V82} jscvt fcma sha3 sm3 sm4 sha512 sve dit uscat ilrcpc flagm sve2 flagm2 frint svei8mm svebf16 i8mm bf16 bti"
)


@dataclass(frozen=True)
class CpuProfile:
    """One emulated CPU.

    Attributes:
        name: what people ask for.
        qemu_cpu: for ``qemu-aarch64 -cpu``.
        part, variant, revision: of the core that its cpuinfo names; Arm's numbers in the main ID register.
        features: words of the cpuinfo's `Features`.
        summary: what a phone with it has, for people.
    """

    name: str
    qemu_cpu: str
    part: int
    variant: int
    revision: int
    features: str
    summary: str

    @property
    def cpuinfo(self) -> str:
        """Return the CPU's /proc/cpuinfo: one core, so that nothing depends on how many this machine has."""
        return (
            f"processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: {self.variant:#x}\nCPU part\t: {self.part:#05x}\n"
            f"CPU revision\t: {self.revision}\n\n"
        )


PROFILES = {
    profile.name: profile
    for profile in (
        CpuProfile(
            "cortex-a76", "cortex-a76", 0xD0B, 4, 1, _V82, "int8 dot product and half floats (phones since 2018)"
        ),
        CpuProfile(
            "cortex-a53", "cortex-a53", 0xD03, 0, 4, _V8, "neither dot product nor half floats (older and slow cores)"
        ),
        # Under QEMU 7.2 the int8 answers of `max` with the scalable matrix extension are wrong, so it is left out.
        # The core named is Cortex-A710, the first of Arm's with int8 matrix products in phones.
        CpuProfile("max", "max,sme=off", 0xD47, 2, 0, _V9, "int8 matrix products as well (phones since 2022)"),
    )
}
"""By name, the default one first."""
