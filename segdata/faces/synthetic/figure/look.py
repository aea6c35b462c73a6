"""Colours, light and camera of a scene: what it looks like, apart from any outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

SKIN_TONES: tuple[Colour, ...] = (
    (0.96, 0.82, 0.74),
    (0.92, 0.74, 0.64),
    (0.88, 0.68, 0.55),
    (0.80, 0.60, 0.46),
    (0.72, 0.51, 0.38),
    (0.60, 0.41, 0.29),
    (0.47, 0.31, 0.22),
    (0.36, 0.23, 0.17),
    (0.27, 0.17, 0.13),
)
SKIN_ODDS = (0.13, 0.14, 0.14, 0.13, 0.12, 0.11, 0.09, 0.08, 0.06)
HAIR_TONES: tuple[Colour, ...] = (
    (0.07, 0.06, 0.06),
    (0.11, 0.08, 0.07),
    (0.20, 0.13, 0.09),
    (0.33, 0.21, 0.13),
    (0.48, 0.32, 0.18),
    (0.66, 0.50, 0.30),
    (0.80, 0.68, 0.47),
    (0.50, 0.22, 0.10),
    (0.58, 0.56, 0.55),
    (0.80, 0.79, 0.78),
    (0.55, 0.18, 0.30),
    (0.20, 0.30, 0.50),
)
HAIR_ODDS = (0.2, 0.18, 0.15, 0.12, 0.08, 0.07, 0.05, 0.05, 0.04, 0.03, 0.015, 0.015)
DARK_HAIR_ODDS = (0.45, 0.35, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.06, 0.04, 0.0, 0.0)
IRIS_TONES: tuple[Colour, ...] = (
    (0.20, 0.12, 0.07),
    (0.28, 0.17, 0.09),
    (0.36, 0.25, 0.12),
    (0.35, 0.38, 0.22),
    (0.32, 0.45, 0.52),
    (0.42, 0.50, 0.55),
)
BACKDROPS = ("gradient", "bokeh", "clouds", "stripes", "bricks", "skin_wall", "hair_wall", "window", "foliage")


@dataclass(frozen=True)
class Light:
    """Key light direction (towards the light, unit length), its colour, and the fill light's."""

    towards: tuple[float, float, float]
    key: Colour
    fill: Colour
    rim: float


@dataclass(frozen=True)
class Camera:
    """What the camera does to the scene; lengths as fractions of the picture's side."""

    exposure: float
    contrast: float
    white_balance: Colour
    vignette: float
    blur: float
    motion: tuple[float, float]
    noise: float
    capture: float
    jpeg: int


@dataclass(frozen=True)
class Look:
    """Every colour and strength that is not geometry; colours are 0..1 RGB."""

    skin: Colour
    lip: Colour
    blush: float
    freckles: float
    age: float
    gloss: float
    shadow_makeup: Colour
    makeup: float
    hair: Colour
    hair_contrast: float
    hair_shine: float
    curl: float
    brow: Colour
    brow_density: float
    beard_density: float
    iris: Colour
    teeth: float
    cloth: tuple[Colour, Colour]
    cloth_pattern: str
    hat: tuple[Colour, Colour]
    frame: Colour
    lens: Colour
    jewel: Colour
    thing: Colour
    hand: Colour
    backdrop: str
    backdrop_colours: tuple[Colour, Colour, Colour]
    light: Light
    camera: Camera


def _colour(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Colour:
    r, g, b = (float(v) for v in np.clip(values, 0.0, 1.0))
    return r, g, b


def _tone(
    rng: np.random.Generator, tones: tuple[Colour, ...], jitter: float, odds: tuple[float, ...] | None = None
) -> Colour:
    base = np.asarray(tones[int(rng.choice(len(tones), p=odds))])
    return _colour(base * rng.uniform(1 - jitter, 1 + jitter) + rng.normal(0, 0.012, 3))


def _any_colour(rng: np.random.Generator) -> Colour:
    """Any colour, greys and muted ones more often than vivid ones."""
    value, saturation = rng.uniform(0.05, 0.95), rng.beta(1.2, 2.2)
    hue = rng.uniform(0, 1) + np.array([0.0, 1 / 3, 2 / 3])
    wheel = np.clip(np.abs((hue % 1.0) * 6 - 3) - 1, 0, 1)
    return _colour(value * (1 - saturation + saturation * wheel))


def _light(rng: np.random.Generator) -> Light:
    azimuth, height = rng.normal(0, 0.65), rng.uniform(-0.1, 0.95)
    direction = np.array([np.sin(azimuth), -height, max(np.cos(azimuth), -0.1) * 0.9])
    direction /= np.linalg.norm(direction)
    warm = rng.normal(0, 0.07)
    key = rng.uniform(0.62, 1.0) * np.array([1 + warm, 1.0, 1 - warm])
    fill = rng.uniform(0.2, 0.62) * np.array([1 - warm * 0.8, 1.0, 1 + warm * 0.8])
    if rng.random() < 0.12:
        key = key * (0.55 + 0.45 * np.asarray(_any_colour(rng)) / 0.8)
    x, y, z = (float(v) for v in direction)
    return Light((x, y, z), _colour(key), _colour(fill), float(rng.uniform(0.1, 0.5)))


def _exposure(skin: Colour, light: Light, rng: np.random.Generator) -> float:
    """What a camera metering for the face would choose: dark skin stays darker, but is never lost in black."""
    tone = float(np.dot(skin, (0.3, 0.6, 0.1)))
    lit = float(np.dot(light.fill, (0.3, 0.6, 0.1))) * 0.78 + float(np.dot(light.key, (0.3, 0.6, 0.1))) * 0.5
    metered = np.clip(0.74 * tone**0.62 / (tone * lit), 0.6, 2.4)
    return float(metered * np.exp(rng.normal(0.0, 0.15)))


def _camera(rng: np.random.Generator, exposure: float) -> Camera:
    red, green, blue = (float(gain) for gain in 1 + rng.normal(0, 0.045, 3))
    soft = rng.random()
    return Camera(
        exposure=exposure,
        contrast=float(rng.uniform(0.85, 1.2)),
        white_balance=(red, green, blue),
        vignette=float(rng.uniform(0, 0.35)),
        blur=float(rng.uniform(0.0, 0.0025) if soft < 0.8 else rng.uniform(0.0025, 0.007)),
        motion=(float(rng.normal(0, 0.006)), float(rng.normal(0, 0.003))) if rng.random() < 0.06 else (0.0, 0.0),
        noise=float(rng.gamma(1.6, 0.008)),
        capture=float(rng.uniform(0.3, 0.8)) if rng.random() < 0.2 else 1.0,
        jpeg=int(rng.integers(30, 96)) if rng.random() < 0.8 else 0,
    )


def dress_up(rng: np.random.Generator, bearded: bool) -> Look:
    """Draw every colour and strength of a scene; a beard and lipstick seldom meet."""
    skin = _tone(rng, SKIN_TONES, 0.08, SKIN_ODDS)
    tint = np.asarray(skin)
    dark = tint.mean() < 0.45 and rng.random() < 0.8
    dyed = _tone(rng, HAIR_TONES, 0.15, DARK_HAIR_ODDS if dark else HAIR_ODDS)
    painted = rng.random() < (0.03 if bearded else 0.4)
    lip = (
        tint * (1.02, 0.72, 0.74)
        if not painted
        else np.asarray([rng.uniform(0.45, 0.85), rng.uniform(0.1, 0.35), rng.uniform(0.15, 0.4)])
    )
    cloth = skin if rng.random() < 0.08 else _any_colour(rng)
    walls = {"skin_wall": _tone(rng, SKIN_TONES, 0.08), "hair_wall": _tone(rng, HAIR_TONES, 0.2)}
    kind = str(rng.choice(BACKDROPS))
    light = _light(rng)
    gold = _tone(rng, ((0.85, 0.68, 0.3), (0.8, 0.8, 0.82), (0.9, 0.88, 0.82)), 0.1)
    return Look(
        skin=skin,
        lip=_colour(lip),
        blush=float(rng.uniform(0.0, 0.22)),
        freckles=float(rng.uniform(0.2, 1) if rng.random() < 0.12 else 0),
        age=float(rng.beta(1.2, 2.2)),
        gloss=float(rng.uniform(0.04, 0.3)),
        shadow_makeup=_any_colour(rng),
        makeup=float(rng.uniform(0.15, 0.5) if rng.random() < 0.3 else 0.0),
        hair=dyed,
        hair_contrast=float(rng.uniform(0.25, 0.6)),
        hair_shine=float(rng.uniform(0.05, 0.5)),
        curl=float(rng.uniform(0.0, 1.0)),
        brow=_colour(np.asarray(dyed) * rng.uniform(0.5, 0.95) * 0.8 + 0.12 * tint),
        brow_density=float(rng.uniform(0.45, 0.95)),
        beard_density=float(rng.uniform(0.12, 0.9)),
        iris=_tone(rng, IRIS_TONES[:3] if dark else IRIS_TONES, 0.15),
        teeth=float(rng.uniform(0.72, 0.95)),
        cloth=(cloth, _any_colour(rng)),
        cloth_pattern=str(rng.choice(("plain", "plain", "stripes", "noise", "checks"))),
        hat=(_any_colour(rng), _any_colour(rng)),
        frame=_colour(np.asarray(_any_colour(rng)) * (0.35 if rng.random() < 0.7 else 1.0)),
        lens=_colour(np.asarray(_any_colour(rng)) * 0.3),
        jewel=gold,
        thing=_any_colour(rng),
        hand=skin if rng.random() < 0.7 else _tone(rng, SKIN_TONES, 0.08),
        backdrop=kind,
        backdrop_colours=(walls.get(kind, _any_colour(rng)), _any_colour(rng), _any_colour(rng)),
        light=light,
        camera=_camera(rng, _exposure(skin, light, rng)),
    )
