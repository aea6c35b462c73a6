"""The eight kinds of files: originals that are whole, and one attempt on a damaged copy."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.fuzz import entries
from tests.reliability.fuzz.mutations import PLACES, cleared, damaged_bytes, damaged_text
from tests.toolkit.cli.test_bad_input import folder_dataset

CLASSES = ("sky", "road", "car", "tree")
MODEL = "tests.toolkit.models.awkward_networks:plain"
RUNTIME_LIMITS = (15.0, 3.0)
"""Seconds and gigabytes of a runtime with a damaged file."""
_PLACED = 0.04
"""Share of attempts with something else where the file should be."""


@dataclass(frozen=True)
class Attempt:
    """One damaged file on its way in.

    Attributes:
        words: which damage, for a fault that must be found again.
        call: function of `entries` and its arguments.
    """

    words: str
    call: tuple[Callable[..., entries.Answer], tuple[Any, ...]]


Kind = Callable[[random.Random, int], Attempt]
"""Damages something and says how it enters; given the random numbers and the number of the attempt."""


def kinds(originals: Path, work: Path) -> dict[str, Kind]:
    """By name; `originals` is made by `make_originals`, `work` is where damaged copies lie."""
    manifest = json.loads((originals / "run" / "manifest.json").read_text())
    described = {entry["path"]: json.dumps(entry) for entry in manifest["artifacts"]}

    def model(suffix: str, runner: str) -> Kind:
        found = sorted(path for path in described if path.endswith(suffix))

        def attempt(chance: random.Random, number: int) -> Attempt:
            name = chance.choice(found)
            whole, copy = originals / "run" / name, work / f"damaged{suffix}"
            cleared(copy)
            if whole.is_dir():
                shutil.copytree(whole, copy)
                inside = chance.choice(sorted(path for path in whole.rglob("*") if path.is_file()))
                target = copy / inside.relative_to(whole)
                words = damage(inside, target, chance, as_text=inside.suffix == ".json")
            else:
                words = damage(whole, copy, chance)
            runs = runner if number % 3 == 0 else ""
            return Attempt(f"{name}: {words}", (entries.artifact, (str(copy), described[name], runs, RUNTIME_LIMITS)))

        return attempt

    return {
        "tflite": model(".tflite", "litert"),
        "mlpackage": model(".mlpackage", "milrun"),
        "onnx": _onnx(originals, work),
        "safetensors": _safetensors(originals, work),
        "masks": _pictures(originals, work, "masks"),
        "images": _pictures(originals, work, "images"),
        "toml": _toml(originals, work),
        "manifest": _manifest(originals, work),
    }


def damage(whole: Path, target: Path, chance: random.Random, *, as_text: bool = False) -> str:
    """Put a damaged copy of `whole`, or something else, at `target`; what was done, in words."""
    cleared(target)
    if chance.random() < _PLACED:
        place = chance.choice(PLACES)
        place(target)
        return place.__name__
    change = damaged_text if as_text else damaged_bytes
    target.write_bytes(change(whole.read_bytes(), chance))
    return change.__name__


def _onnx(originals: Path, work: Path) -> Kind:
    whole = originals / "run" / "artifacts" / "onnx-float32.onnx"

    def attempt(chance: random.Random, number: int) -> Attempt:
        copy, out = work / "damaged.onnx", work / "converted"
        words = damage(whole, copy, chance)
        cleared(out)
        return Attempt(words, (entries.onnx_model, (str(copy), str(out) if number % 10 == 0 else "")))

    return attempt


def _safetensors(originals: Path, work: Path) -> Kind:
    def attempt(chance: random.Random, number: int) -> Attempt:
        name, factory = (("fp-liif", ""), ("weights", MODEL))[number % 2]
        copy = work / "damaged.safetensors"
        words = damage(originals / f"{name}.safetensors", copy, chance)
        return Attempt(f"{name}: {words}", (entries.checkpoint, (str(copy), factory)))

    return attempt


def _pictures(originals: Path, work: Path, part: str) -> Kind:
    data = work / f"data-{part}"
    shutil.copytree(originals / "data", data)

    def attempt(chance: random.Random, number: int) -> Attempt:
        shutil.rmtree(data)
        shutil.copytree(originals / "data", data)
        choices = sorted((originals / "data").rglob(f"{part}/*"))
        whole = chance.choice(choices)
        if part == "masks" and number % 10 == 0:
            whole = originals / "data" / "classes.json"
        words = damage(whole, data / whole.relative_to(originals / "data"), chance, as_text=whole.suffix == ".json")
        return Attempt(f"{whole.name}: {words}", (entries.dataset, (str(data),)))

    return attempt


def _toml(originals: Path, work: Path) -> Kind:
    def attempt(chance: random.Random, number: int) -> Attempt:
        kind = ("options", "policy", "training")[number % 3]
        copy = work / "damaged.toml"
        words = damage(originals / f"{kind}.toml", copy, chance, as_text=True)
        return Attempt(f"{kind}: {words}", (entries.toml, (str(copy), kind)))

    return attempt


def _manifest(originals: Path, work: Path) -> Kind:
    run = work / "run"
    shutil.copytree(originals / "run", run)
    ways = (
        ("manifest.json", "report"),
        ("report.json", "report"),
        ("manifest.json", "bench"),
        ("report.json", "compare"),
    )

    def attempt(chance: random.Random, number: int) -> Attempt:
        name, command = ("manifest.json", "validate") if number % 25 == 0 else ways[number % len(ways)]
        for each in ("manifest.json", "report.json"):
            cleared(run / each)
            shutil.copy(originals / "run" / each, run / each)
        words = damage(originals / "run" / name, run / name, chance, as_text=True)
        if command == "compare":
            return Attempt(f"{name}: {words}", (entries.compared, (str(originals / "run"), str(run))))
        return Attempt(f"{name}, {command}: {words}", (entries.run_folder, (str(run), command)))

    return attempt


def make_originals(folder: Path) -> None:
    """Whole files of every kind, from one small run."""
    data = folder_dataset(folder / "data", CLASSES)
    (data / "classes.txt").unlink()
    names = {
        "names": list(CLASSES),
        "colours": [[0, 0, 0], [9, 9, 9], [200, 0, 0], [0, 200, 0]],
        "mirrored": [["sky", "road"]],
    }
    (data / "classes.json").write_text(json.dumps(names))
    _as_jpeg(data / "test" / "images" / "b.png")
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    answer = entries.by_command(
        "run",
        "--quiet",
        "--no-isolate",
        "--model",
        MODEL,
        "--input-size",
        "64",
        "--upsample",
        "bilinear",
        "--dataset",
        f"folder:{data}",
        "--classes",
        str(folder / "classes.txt"),
        "--latency-samples",
        "2",
        "--threads",
        "1",
        "--examples",
        "1",
        "--recipes",
        "float32,int8_static,int8_weights",
        "--calibration-images",
        "2",
        "--out",
        str(folder / "run"),
    )
    if answer[0] not in ("0", "1"):
        raise RuntimeError(f"the originals could not be made: {answer}")
    _checkpoints(folder)
    _configurations(folder, data)


def _as_jpeg(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        picture.save(path.with_suffix(".jpg"))
    path.unlink()


def _checkpoints(folder: Path) -> None:
    from safetensors.torch import save_file

    from fpliif.checkpoint import save_checkpoint
    from segdata import LabelSet
    from tests.fpliif.tiny_fpliif import scrambled, tiny_config
    from tests.toolkit.models.awkward_networks import plain

    colours = ((0, 0, 0), (9, 9, 9), (200, 0, 0), (0, 200, 0), (0, 0, 200))
    labels = LabelSet(name="five", names=("a", "b", "c", "d", "e"), colours=colours, mirrored=())
    save_checkpoint(scrambled(tiny_config()), labels, folder / "fp-liif.safetensors")
    save_file(
        {name: tensor.contiguous() for name, tensor in plain().state_dict().items()}, folder / "weights.safetensors"
    )


def _configurations(folder: Path, data: Path) -> None:
    from quantization import NumberType
    from quantization.policy import KeptLayer, Policy

    (folder / "options.toml").write_text(
        f'model = "{MODEL}"\ndataset = "folder:{data}"\ninput-size = "64x64"\nimages = 4\nformats = ["tflite",'
        ' "onnx"]\nrecipes = ["float32", "int8_static"]\nmean = [0.485, 0.456, 0.406]\nstd = [0.2, 0.2, 0.2]\nthreads'
        ' = 1\nmax-miou-drop = 0.01\nkeep = ["float32:conv*"]\nthread-sweep = [1, 2]\nchecks = false\nsplit = "test"\n'
    )
    kept = (KeptLayer("decoder.*", NumberType.FLOAT16, "its edges"), KeptLayer("last", NumberType.FLOAT32))
    (folder / "policy.toml").write_text(Policy("int8_static", kept).to_toml())
    configs = sorted((Path(__file__).resolve().parents[3] / "fpliif" / "configs").glob("*.toml"))
    shutil.copy(configs[0], folder / "training.toml")


def every_attempt(found: dict[str, Kind], count: int, seed: int) -> Iterator[tuple[str, Attempt]]:
    """`count` attempts in all, the kinds in turn."""
    names = list(found)
    chances = {name: random.Random(f"{seed} {name}") for name in names}
    for number in range(count):
        name = names[number % len(names)]
        yield name, found[name](chances[name], number // len(names))
