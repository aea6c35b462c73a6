"""Sums of the sensitivity: kept after every picture, resumed exactly; and what keeps their measuring fast."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import numpy as np
import pytest

from converters import ModelSource
from quantization.calibration import CalibrationSet
from segdata import Dataset, Sample
from segdata.labels import LabelSet
from tests.toolkit.apps.search.fragile_network import CLASSES, COLOURS, PLANTED
from toolkit.apps.search.allocator import freed_memory_kept
from toolkit.apps.search.sensitivity import LayerSensitivity, measure_sensitivity
from toolkit.apps.search.tally import Tally
from toolkit.models import load_source
from toolkit.options import checked_options
from toolkit.progress import SilentProgress

SIDE = 16


class Stripes(Dataset):
    """Four noisy pictures; Ctrl-C comes at the picture `stops_at`. `read` holds the numbers of those that were read."""

    name, split, labels = "stripes", "test", LabelSet("stripes", CLASSES, tuple((9 * n, 0, 0) for n in range(4)))

    def __init__(self, stops_at: int | None = None) -> None:
        self._stops_at = stops_at
        self.read: list[int] = []

    def __len__(self) -> int:
        return 4

    def sample_id(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return "stripes"

    def __getitem__(self, index: int) -> Sample:
        if index == self._stops_at:
            raise KeyboardInterrupt
        self.read.append(index)
        random = np.random.default_rng(index)
        mask = random.integers(0, 4, (SIDE, SIDE)).astype(np.uint8)
        picture = COLOURS.numpy()[mask] * 255 + random.normal(0, 12, (SIDE, SIDE, 3))
        return Sample(str(index), np.clip(picture, 0, 255).astype(np.uint8), mask)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    names = tmp_path_factory.mktemp("names") / "classes.txt"
    names.write_text("\n".join(CLASSES))
    given = {"model": "tests.toolkit.apps.search.fragile_network:fragile", "classes": names, "input_size": (SIDE, SIDE)}
    return load_source(checked_options(given))


def measured(source: ModelSource, dataset: Dataset, kept: Path, key: str = "a") -> list[LayerSensitivity]:
    pictures = np.stack([Stripes()[number].image for number in range(2)])
    calibration = CalibrationSet(pictures, ("0", "1"), "stripes")
    return measure_sensitivity(source, dataset, calibration, 1, SilentProgress(), kept, key)


def test_a_measurement_that_was_stopped_goes_on_and_ends_with_the_same(source: ModelSource, tmp_path: Path) -> None:
    whole = measured(source, Stripes(), tmp_path / "whole.npz")
    assert whole[0].name == PLANTED and {item.name for item in whole} == {"first", "middle", "last"}
    kept = tmp_path / "kept.npz"
    with pytest.raises(KeyboardInterrupt):
        measured(source, Stripes(stops_at=3), kept)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    rest = Stripes()
    assert measured(source, rest, kept) == whole
    assert rest.read == [3]
    nothing = Stripes()
    assert measured(source, nothing, kept) == whole
    assert nothing.read == []


def test_sums_of_something_else_or_damaged_ones_are_not_used(source: ModelSource, tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    whole = measured(source, Stripes(), kept)
    other = Stripes()
    assert measured(source, other, kept, key="b") == whole
    assert other.read == [0, 1, 2, 3]
    content = kept.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"no sums"):
        kept.write_bytes(damaged)
        assert int(Tally.read(kept, "b", 3, 4).pictures) == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_kept_memory_is_not_cleared_again_and_again() -> None:
    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(8):
            np.ones(64 << 17)  # 64 MB
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    usual = faults()
    with freed_memory_kept():
        faults()  # the first time it has to come from the system
        kept = faults()
    assert kept < usual / 4
    assert faults() > usual / 2, "the usual settings are back"
