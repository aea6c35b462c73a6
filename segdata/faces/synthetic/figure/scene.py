"""A scene: everything one picture shows, decided before a single pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdata.faces.synthetic.figure import features, hair, outfit
from segdata.faces.synthetic.figure.features import Build, Surface
from segdata.faces.synthetic.figure.head import HeadShape, Pose, outline
from segdata.faces.synthetic.figure.look import Look, dress_up
from segdata.faces.synthetic.shapes.raster import Points

VOLUMES = {
    "bald": (0.0, 0.01),
    "cropped": (0.03, 0.07),
    "tied": (0.03, 0.09),
    "short": (0.07, 0.2),
    "bob": (0.1, 0.22),
    "long": (0.08, 0.2),
    "curly": (0.2, 0.5),
}
"""How far each hair style stands off the skull, head units (low, high)."""


@dataclass(frozen=True)
class Extras:
    """What may hide parts of the face. `lens_opacity` 1 is a black lens, 0 clear glass."""

    hat: outfit.Hat | None
    glasses: outfit.Glasses | None
    lens_opacity: float
    earrings: tuple[Points, ...]
    hand: tuple[Points, ...]
    thing: Points | None

    @property
    def eyes_hidden(self) -> bool:
        """True behind lenses too dark to see an eye through."""
        return self.glasses is not None and self.lens_opacity > 0.85


@dataclass(frozen=True)
class Scene:
    """One drawable scene; every outline is in picture units (0..1)."""

    seed: int
    on: Surface
    build: Build
    style: hair.HairStyle
    head: Points
    eyes: tuple[features.Eye, features.Eye]
    brows: tuple[Points, Points]
    nose: features.Nose
    mouth: features.Mouth
    ears: tuple[features.Ear, features.Ear]
    hair: hair.Hair
    beard: Points | None
    body: outfit.Body
    extras: Extras
    look: Look


def _pose(rng: np.random.Generator) -> Pose:
    yaw = float(np.clip(rng.normal(0, 0.3), -0.75, 0.75))
    pitch = float(np.clip(rng.normal(0, 0.11), -0.28, 0.28))
    roll = float(np.clip(rng.normal(0, 0.14), -0.5, 0.5))
    scale = float(rng.uniform(0.28, 0.43))
    slack = 0.5 - scale * 0.86
    x, y = 0.5 + rng.uniform(-1, 1) * (slack + 0.03), 0.5 + rng.uniform(-0.9, 1.0) * slack
    return Pose(yaw, pitch, roll, scale, (float(x), float(y)))


def _shape(rng: np.random.Generator) -> HeadShape:
    return HeadShape(
        width=float(rng.uniform(0.7, 0.84)),
        jaw_power=float(rng.uniform(2.1, 3.1)),
        chin_power=float(rng.uniform(0.5, 0.72)),
        depth=float(rng.uniform(0.95, 1.05)),
    )


def _openness(rng: np.random.Generator) -> tuple[float, float]:
    kind = rng.random()
    if kind < 0.07:
        return 0.0, 0.0
    if kind < 0.1:
        return (0.0, float(rng.uniform(0.5, 1))) if rng.random() < 0.5 else (float(rng.uniform(0.5, 1)), 0.0)
    both = float(np.clip(rng.normal(0.72, 0.22), 0.2, 1.2))
    return both * float(rng.uniform(0.92, 1.08)), both


def _build(rng: np.random.Generator, shape: HeadShape) -> Build:
    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    fit = shape.width / 0.77
    raised = between(-0.03, 0.06)
    smile = float(np.clip(rng.normal(0.3, 0.45), -0.45, 1.2))
    wide_open = rng.random() < 0.42
    mouth_open = float(np.clip(rng.gamma(1.7, 0.24), 0.06, 1.0)) if wide_open else 0.0
    return Build(
        eye_distance=between(0.29, 0.345) * fit,
        eye_height=between(-0.14, -0.06),
        eye_width=between(0.135, 0.175) * fit,
        eye_tilt=between(-0.1, 0.28),
        openness=_openness(rng),
        gaze=(between(-0.8, 0.8), between(-0.6, 0.6)),
        iris=between(0.4, 0.48),
        brow_raise=(raised + between(-0.012, 0.012), raised),
        brow_arch=between(0.015, 0.09),
        brow_thickness=between(0.04, 0.105),
        nose_width=between(0.145, 0.215) * fit,
        nose_length=between(0.42, 0.52),
        nose_reach=between(0.18, 0.32),
        mouth_height=between(0.57, 0.65),
        mouth_width=between(0.23, 0.31) * fit,
        smile=smile,
        mouth_open=mouth_open,
        upper_lip=between(0.035, 0.095),
        lower_lip=between(0.07, 0.135),
        ear_length=between(0.29, 0.38),
        ear_flare=between(0.25, 0.75),
    )


def _style(rng: np.random.Generator) -> hair.HairStyle:
    style = str(rng.choice(hair.STYLES, p=[0.06, 0.12, 0.24, 0.13, 0.23, 0.12, 0.10]))
    volume = VOLUMES[style]
    length = {"bob": (0.55, 1.05), "long": (1.3, 3.0), "curly": (0.4, 1.9)}.get(style, (0.0, 0.1))
    fringed = style in ("short", "bob", "long", "curly") and rng.random() < 0.42
    fringe = float(rng.uniform(0.2, 0.55)) if fringed else 0.0
    covers = style in ("bob", "long", "curly") and rng.random() < 0.72
    receding = float(rng.uniform(0.05, 0.3)) if style in ("cropped", "short") and rng.random() < 0.4 else 0.0
    return hair.HairStyle(
        style=style,
        volume=float(rng.uniform(*volume)),
        hairline=float(rng.uniform(-0.98, -0.78)),
        fringe=fringe,
        parting=float(rng.uniform(-0.6, 0.6)),
        length=float(rng.uniform(*length)),
        covers_ears=covers,
        frizz=float(rng.uniform(0.012, 0.03)) if style == "curly" else float(rng.uniform(0.002, 0.012)),
        receding=receding,
    )


def _extras(
    rng: np.random.Generator, on: Surface, build: Build, ears: tuple[features.Ear, ...], covered: bool
) -> Extras:
    hat = outfit.hat(str(rng.choice(outfit.HATS)), on, rng) if rng.random() < 0.16 else None
    worn = outfit.glasses(build.eye_distance, build.eye_height, on, rng) if rng.random() < 0.26 else None
    tint = rng.random()
    opacity = 0.05 if tint < 0.6 else float(rng.uniform(0.25, 0.7)) if tint < 0.8 else float(rng.uniform(0.88, 0.97))
    seen = [ear for ear in ears if ear.near or abs(on.pose.yaw) < 0.25]
    rings = () if covered or rng.random() > 0.3 else tuple(outfit.earring(ear, on, rng) for ear in seen)
    fingers = outfit.hand(on, rng) if rng.random() < 0.09 else ()
    blob = outfit.thing(on, rng) if rng.random() < 0.07 else None
    return Extras(hat, worn, opacity, rings, fingers, blob)


def compose(seed: int) -> Scene:
    """Decide a whole scene from one integer; the same seed gives the same scene at every size."""
    rng = np.random.default_rng(seed)
    shape, pose = _shape(rng), _pose(rng)
    on = Surface(shape, pose, outline(shape, pose))
    build, style = _build(rng, shape), _style(rng)
    ears = (features.ear(-1, build, on), features.ear(1, build, on))
    grown = hair.grow(style, on, rng)
    bearded = rng.random() < 0.2
    chin_hair = hair.beard(on, build.mouth_height, rng) if bearded else None
    body = outfit.dress(on, str(rng.choice(outfit.NECKLINES)), bool(rng.random() < 0.25), rng)
    extras = _extras(rng, on, build, ears, style.covers_ears)
    eyes = (features.eye(-1, build, on), features.eye(1, build, on))
    brows = (features.brow(-1, build, on), features.brow(1, build, on))
    return Scene(
        seed,
        on,
        build,
        style,
        pose.place(on.outline.points()),
        eyes,
        brows,
        features.nose(build, on),
        features.mouth(build, on),
        ears,
        grown,
        chin_hair,
        body,
        extras,
        dress_up(rng, bearded),
    )
