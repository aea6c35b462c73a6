"""Drawn faces: deterministic, exact at every size, varied, and not given away by colour."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdata import FACE11, FACE19, DataError, Dataset, LabelSet
from segdata.faces.synthetic import SyntheticFaces, draw_face, masks_at
from segdata.faces.synthetic.figure.features import SHUT_BELOW
from segdata.faces.synthetic.figure.scene import compose
from segdata.faces.synthetic.masks import FACE11_NAMES

SMALL = 96


def test_a_seed_draws_the_same_bytes_in_another_process() -> None:
    script = (
        "import hashlib; from segdata import FACE11; from segdata.faces.synthetic import draw_face\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in draw_face(99, 64, FACE11))).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_sample_i_does_not_depend_on_length_or_order() -> None:
    long, short = SyntheticFaces("val", size=64, length=500), SyntheticFaces("val", size=64, length=5)
    last = long[499]
    assert long[4].image.tobytes() == short[4].image.tobytes()
    assert last.image.tobytes() == long[499].image.tobytes()


def test_splits_and_seeds_share_no_scene() -> None:
    collections = [SyntheticFaces(split, seed=seed) for split in ("train", "val", "test") for seed in (0, 1)]
    seeds = [{each.scene_seed(index) for index in range(len(each))} for each in collections]
    assert len(set().union(*seeds)) == sum(len(each) for each in collections)


def test_the_picture_is_the_same_for_both_label_sets() -> None:
    for index in range(5):
        eleven, nineteen = draw_face(index, 64, FACE11), draw_face(index, 64, FACE19)
        assert eleven[0].tobytes() == nineteen[0].tobytes()


def test_both_masks_agree_where_glass_is_not() -> None:
    table = np.full(256, 255, dtype=np.uint8)
    for part, name in FACE11_NAMES.items():
        if name is not None:
            table[FACE19.index(part)] = FACE11.index(name)
    for seed in range(40):
        eleven, nineteen = (masks_at(seed, [SMALL], labels)[SMALL] for labels in (FACE11, FACE19))
        clear = nineteen != FACE19.index("eye_g")
        np.testing.assert_array_equal(table[nineteen][clear], eleven[clear])


@given(st.integers(0, 2**60 - 1))
def test_masks_are_exact_at_each_size(seed: int) -> None:
    """A mask at n times the size has the small mask's value at each small pixel's centre (odd n)."""
    masks = masks_at(seed, (32, 96, 160), FACE19)
    for factor in (3, 5):
        centre = factor // 2
        np.testing.assert_array_equal(masks[32 * factor][centre::factor, centre::factor], masks[32])


def test_sizes_show_one_scene() -> None:
    for seed in range(4):
        small, large = draw_face(seed, 64, FACE11)[0], draw_face(seed, 192, FACE11)[0]
        shrunk = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX), dtype=float)
        assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.93


@pytest.fixture(scope="module")
def many() -> list[NDArray[np.uint8]]:
    faces = SyntheticFaces("train", FACE19, SMALL, 300)
    return [faces.masks_at(index, [SMALL])[SMALL] for index in range(300)]


def test_every_class_is_drawn_often_enough(many: list[NDArray[np.uint8]]) -> None:
    share = np.mean([np.bincount(np.unique(mask), minlength=19) for mask in many], axis=0)
    rare = {"eye_g": 0.15, "hat": 0.1, "ear_r": 0.08, "neck_l": 0.08, "mouth": 0.25}
    for name, found in zip(FACE19.names, share, strict=True):
        assert found >= rare.get(name, 0.5), name


def test_left_is_on_the_left(many: list[NDArray[np.uint8]]) -> None:
    for left, right in FACE19.mirrored:
        sides = [
            (np.nonzero(mask == FACE19.index(left))[1].mean(), np.nonzero(mask == FACE19.index(right))[1].mean())
            for mask in many
            if (mask == FACE19.index(left)).any() and (mask == FACE19.index(right)).any()
        ]
        assert len(sides) > 50
        assert np.mean([a < b for a, b in sides]) > 0.99


def test_shut_eyes_and_black_lenses_have_no_eye_pixels() -> None:
    eyes = [FACE11.index("left_eye"), FACE11.index("right_eye")]
    shut = hidden = 0
    for seed in range(250):
        scene = compose(seed)
        if max(scene.build.openness) < SHUT_BELOW:
            shut += 1
        elif scene.extras.eyes_hidden:
            hidden += 1
        else:
            continue
        assert not np.isin(masks_at(seed, [SMALL], FACE11)[SMALL], eyes).any()
    assert shut >= 5
    assert hidden >= 3


def test_faces_fill_the_frame_as_promised() -> None:
    scales = [compose(seed).on.pose.scale for seed in range(200)]
    assert min(scales) > 0.27
    assert max(scales) < 0.46
    assert np.ptp([compose(seed).on.pose.yaw for seed in range(200)]) > 0.8


def _colour_bins(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    bins = image.astype(np.int64) // 16
    joined: NDArray[np.int64] = (bins[..., 0] * 16 + bins[..., 1]) * 16 + bins[..., 2]
    return joined


def _colour_only_miou(train: Iterable[object], test: Dataset, labels: LabelSet) -> float:
    counts = np.zeros((4096, len(labels)), dtype=np.int64)
    for sample in train:
        np.add.at(counts, (_colour_bins(sample.image).ravel(), sample.mask.ravel()), 1)  # type: ignore[attr-defined]
    guess = counts.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for sample in test:
        np.add.at(confusion, (sample.mask.ravel(), guess[_colour_bins(sample.image)].ravel()), 1)
    hit = np.diag(confusion)
    return float(np.mean(hit / np.maximum(confusion.sum(0) + confusion.sum(1) - hit, 1)))


@pytest.mark.parametrize(("learned", "judged"), [(60, 24), pytest.param(150, 60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("labels", [FACE11, FACE19])
def test_colour_alone_gives_little_away(labels: LabelSet, learned: int, judged: int) -> None:
    train, test = SyntheticFaces("train", labels, 64, learned), SyntheticFaces("test", labels, 64, judged)
    assert _colour_only_miou(train, test, labels) <= 0.2


def test_fingerprint_tells_seed_and_size() -> None:
    prints = {SyntheticFaces("val", size=size, seed=seed).fingerprint() for size in (64, 65) for seed in (0, 1)}
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SyntheticFaces("holdout"), "choose one of: train, val, test"),
        (lambda: SyntheticFaces("val", length=0), "ask for at least one"),
        (lambda: SyntheticFaces("val", LabelSet("two", ("a", "b"), ((0, 0, 0),) * 2)), "face11 or face19, not 'two'"),
        (lambda: SyntheticFaces("val", size=8), "drawn 16 to 2048 pixels wide, not 8"),
        (lambda: draw_face(1, 4000, FACE11), "drawn 16 to 2048 pixels wide, not 4000"),
    ],
)
def test_bad_requests_are_refused(call: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()  # type: ignore[operator]


def test_contact_sheet_is_written(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    command = [sys.executable, "-m", "segdata.faces.synthetic.contact_sheet", str(out)]
    subprocess.run([*command, "--rows", "1", "--columns", "2", "--size", "32"], check=True)
    with Image.open(out) as page:
        assert page.size == (2 * (3 * 32 + 4) + 4, 32 + 8)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
