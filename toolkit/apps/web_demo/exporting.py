"""Write a demo: the page, LiteRT.js, the files and what the page must know of them. Whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, MapOutput, MissingToolError
from toolkit.apps.web_demo.choosing import Chosen, Colour
from toolkit.errors import UsageError
from toolkit.report.content.example_images import png
from validation.runners.web import packages

KIND = "segport web demo"
"""Stands in manifest.json: only folders that say so are replaced."""
PAGE = ("index.html", "demo.css", "demo.js", "pixels.js")
WASM = ("litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal")
"""What LiteRT.js may load: of today's browsers, of those without relaxed SIMD, and of pages with threads."""
SAMPLE_SIDE = 512
SAMPLES = (37, 11, 12)
"""Which of the held-out drawn faces lie in a demo that is given no pictures."""
HEADERS = "/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n"
"""What some hosts of static pages (Netlify, Cloudflare Pages) read from a file `_headers`: with these a page may use
threads.
"""


@dataclass(frozen=True)
class Demo:
    """Tell of a written demo.

    Attributes:
        folder: where it lies.
        artifacts: names of the choices in it.
        left_out: a sentence on each file that is not in it.
        size_bytes: of everything.
    """

    folder: Path
    artifacts: tuple[str, ...]
    left_out: tuple[str, ...]
    size_bytes: int


def export(chosen: Chosen, out: Path, samples: Sequence[Path] = ()) -> Demo:
    """Write the demo; one that lies there already is replaced.

    Args:
        chosen: see `toolkit.apps.web_demo.choosing`.
        out: folder to make.
        samples: pictures to start with; three drawn faces if there are none.

    Raises:
        UsageError: `out` holds something else, a sample is no picture, or the folder cannot be written.
        MissingToolError: LiteRT.js has not been fetched.
    """

    if not packages.is_set_up():
        raise MissingToolError("LiteRT.js has not been fetched; run: segport doctor --setup web")
    _refuse_other_folders(out)
    target = out.absolute()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        pictures = list(_sample_pictures(samples))
        unfinished.mkdir(parents=True)
        _fill(unfinished, chosen, pictures, packages.web_folder() / "node_modules" / "@litertjs", packages.SCRIPTS)
        size = sum(item.stat().st_size for item in unfinished.rglob("*") if item.is_file())
        _put_in_place(unfinished, target)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror or error}); choose another --out") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Demo(out, tuple(dict.fromkeys(item.name for item in chosen.artifacts)), chosen.left_out, size)


def manifest(chosen: Chosen, litert: str, samples: Sequence[str]) -> dict[str, Any]:
    """Give what the page reads: artifacts of one name are one choice, with an answer for each of their sizes."""
    grouped: dict[str, list[Artifact]] = {}
    for artifact in chosen.artifacts:
        grouped.setdefault(artifact.name, []).append(artifact)
    return {
        "kind": KIND,
        "schema": 1,
        "title": chosen.title,
        "litert": litert,
        "samples": [{"file": name} for name in samples],
        "artifacts": [
            {
                "name": name,
                "recipe": items[0].recipe,
                "classes": _classes(items[0], chosen.colours),
                "answers": [answer for item in items for answer in _answers(item)],
            }
            for name, items in grouped.items()
        ],
    }


def model_name(artifact: Artifact) -> str:
    """Say where an artifact lies in the demo: named after its content too, so that no two meet and no cache serves an
    old one.
    """
    return f"models/{artifact.name}-{artifact.sha256[:8]}.tflite"


def _classes(artifact: Artifact, colours: tuple[Colour, ...]) -> list[dict[str, Any]]:
    return [{"name": name, "colour": list(colour)} for name, colour in zip(artifact.classes, colours, strict=False)]


def _answers(artifact: Artifact) -> Iterator[dict[str, Any]]:
    calls: list[tuple[str | None, MapOutput, bool]] = [
        (entry.name, entry.output, entry.output == artifact.output) for entry in artifact.signatures
    ]
    image = artifact.image
    for signature, output, default in calls or [(None, artifact.output, True)]:
        yield {
            "file": model_name(artifact),
            "size_bytes": artifact.size_bytes,
            "sha256": artifact.sha256,
            "signature": signature,
            "default": default,
            "input": {
                "name": image.name,
                "height": image.height,
                "width": image.width,
                "layout": image.layout.value,
                "pixel_range": image.pixel_range.value,
                "dtype": image.dtype,
            },
            "output": {
                "name": output.name,
                "height": output.height,
                "width": output.width,
                "classes": output.classes,
                "kind": output.kind.value,
                "layout": output.layout.value,
                "dtype": output.dtype,
            },
        }


def _fill(folder: Path, chosen: Chosen, pictures: Sequence[NDArray[np.uint8]], litert: Path, scripts: Path) -> None:

    names = []
    (folder / "samples").mkdir()
    for number, picture in enumerate(pictures, start=1):
        names.append(f"samples/{number}.png")
        (folder / names[-1]).write_bytes(png(picture))
    (folder / "models").mkdir()
    for artifact in chosen.artifacts:
        shutil.copyfile(artifact.path, folder / model_name(artifact))
    page = files("toolkit.apps.web_demo") / "page"
    for name in PAGE:
        (folder / name).write_bytes((page / name).read_bytes())
    shutil.copyfile(scripts / "engine.mjs", folder / "engine.js")  # not every server knows that .mjs is JavaScript
    _copy_library(litert, folder / "litert")
    version = json.loads((litert / "core" / "package.json").read_text(encoding="utf-8"))["version"]
    text = json.dumps(manifest(chosen, version, names), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    (folder / "_headers").write_text(HEADERS, encoding="utf-8")


def _copy_library(litert: Path, folder: Path) -> None:
    """Copy the two modules, with the statements of their licence, and the WebAssembly that a demo may load."""
    for name in ("core", "wasm-utils"):
        (folder / name).mkdir(parents=True)
        shutil.copyfile(litert / name / "package.json", folder / name / "package.json")
        script = (litert / name / "dist" / "index.js").read_text(encoding="utf-8")
        # The maps that they name for debuggers are not copied.
        lines = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL=")]
        (folder / name / "index.js").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "wasm").mkdir()
    for name in WASM:
        for ending in (".js", ".wasm"):
            shutil.copyfile(litert / "core" / "wasm" / (name + ending), folder / "wasm" / (name + ending))


def _sample_pictures(paths: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    """Read or draw uint8 RGB pictures (H, W, 3)."""
    if not paths:
        from segdata.faces.synthetic import SyntheticFaces

        faces = SyntheticFaces("test", size=SAMPLE_SIDE)
        yield from (faces[index].image for index in SAMPLES)
        return
    from PIL import Image, ImageOps, UnidentifiedImageError

    for path in paths:
        try:
            with Image.open(path) as picture:
                yield np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
            raise UsageError(f"--sample {path} cannot be read as a picture ({error}); give a PNG or JPEG") from error


def _refuse_other_folders(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        ours = json.loads((out / "manifest.json").read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise UsageError(f"{out} is there and is no web demo; choose another --out, or remove it")


def _put_in_place(unfinished: Path, target: Path) -> None:
    """Rename; an older demo steps aside first and comes back if that fails."""
    if not target.exists():
        unfinished.rename(target)
        return
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(aside)
    try:
        unfinished.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside)
