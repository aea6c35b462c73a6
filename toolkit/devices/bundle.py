"""Pack the Core ML packages of a run, pictures and a script into one zip, a bundle, that a Mac without segport can measure.

What a bundle holds is also kept in the run folder (`bundles/SHA256.json`), so that a result that comes back can be checked
against what was sent. Equal runs give equal bytes: names are sorted and times fixed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.devices.records import record_path
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.models.loading import same_source
from toolkit.options import RunOptions
from toolkit.progress import Progress, SilentProgress
from toolkit.report.content.example_images import png
from toolkit.run_folder.files import write_json
from toolkit.run_folder.folder import RunFolder, trusted_artifacts
from toolkit.stages.picture_sets import judging_set
from toolkit.stages.reference import reference_runner
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.base.values import label_map

if TYPE_CHECKING:
    from converters import Artifact, ModelSource
    from segdata import Dataset, Sample
    from validation.runners.base.contract import Runner

SCHEMA = 1
FORMATS = ("coreml",)
"""Formats that the script inside a bundle can run."""
MOST_PICTURES = 64
"""Packed at most unless a number is asked for: enough to judge by, small enough to send."""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip can hold."""
_FILE_MODE = 0o100644 << 16

README = """# Measure these Core ML packages

On a Mac with Python 3.10 or later:

    unzip BUNDLE.zip -d bundle && cd bundle
    pip install coremltools numpy pillow
    python measure.py

On an iPhone attached to that Mac (Xcode, developer mode, a development team to sign the helper app):

    python measure.py --device "" --team TEAMID --label "iPhone 15 Pro" --out phone.json

It writes result.json. Where the run was made:

    segport report RUN --merge result.json

Close other programs first, leave the Mac on mains power, and do not touch it meanwhile. `python measure.py --help` lists the
options. The pictures are the judging pictures of the run: pass the bundle on only where they may go.
"""


@dataclass(frozen=True)
class Bundle:
    """A written bundle.

    Attributes:
        path: the zip.
        sha256: of the bundle.json inside, by which results name it.
        artifacts: names of the packages inside.
        pictures: how many pictures are inside.
        size_bytes: of the zip.
    """

    path: Path
    sha256: str
    artifacts: tuple[str, ...]
    pictures: int
    size_bytes: int


def write_bundle(
    options: RunOptions, out: Path, pictures: int | None = None, progress: Progress | None = None
) -> Bundle:
    """Pack the Core ML packages in `options.out`.

    Args:
        options: those of the run folder (`recorded_options`).
        out: the zip to write; whole or not at all.
        pictures: how many judging pictures to pack, spread evenly; all, at most `MOST_PICTURES`, if None. Fewer than the
            run's own are measured but not held against its limits.
        progress: one step a picture.

    Raises:
        UsageError: no Core ML packages, a changed file, or `out` cannot be written.
    """
    from validation.accuracy.result import spread

    folder = RunFolder(options.out)
    manifest = folder.load_manifest()
    artifacts = [item for item in trusted_artifacts(folder, manifest) if item.format in FORMATS]
    if not artifacts:
        raise UsageError(
            f"{options.out} holds no Core ML package; "
            f"`segport convert --again {options.out} --formats {','.join(dict.fromkeys([*options.formats, 'coreml']))}` makes some"
        )
    if pictures is not None and pictures < 1:
        raise UsageError(f"--bundle-pictures {pictures} leaves none; give 1 or more")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    source = same_source(options, manifest)
    if source.channels != 3:
        raise UsageError(
            f"{source.name} takes pictures of {source.channels} channels, and a bundle holds RGB pictures; run its packages on the Mac "
            "with `segport validate` there"
        )
    dataset = judging_set(options, source)
    chosen = spread(len(dataset), min(len(dataset), pictures or MOST_PICTURES))
    contents: dict[str, bytes] = {"README.md": README.encode(), "measure.py": script()}
    for artifact in artifacts:
        contents |= dict(_package_files(artifact, folder))
    shown: Progress = progress or SilentProgress()
    entries = []
    for name, entry, packed in _pictures(artifacts, source, dataset, chosen, options, shown):
        contents |= {f"pictures/{name}/{key}": value for key, value in packed.items()}
        entries.append(entry)
    described = {
        "schema": SCHEMA,
        "model": {key: manifest["model"][key] for key in ("name", "weights_sha256", "classes")},
        "dataset": {"name": dataset.name, "split": dataset.split, "images": len(dataset), "digest": dataset.digest()},
        "artifacts": [artifact.to_json(folder.root) for artifact in artifacts],
        "pictures": entries,
        "files": {name: sha256(content).hexdigest() for name, content in sorted(contents.items())},
    }
    text = (json.dumps(described, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    _write_zip(out, {"bundle.json": text, **contents})
    digest = sha256(text).hexdigest()
    write_json(record_path(folder, digest), described)
    return Bundle(out, digest, tuple(item.name for item in artifacts), len(entries), out.stat().st_size)


def script() -> bytes:
    """Read the stand-alone script that measures a bundle."""
    return (files("toolkit.devices") / "script.py").read_bytes()


def _package_files(artifact: Artifact, folder: RunFolder) -> Iterator[tuple[str, bytes]]:
    for member in sorted(item for item in artifact.path.rglob("*") if item.is_file()):
        yield member.relative_to(folder.root).as_posix(), member.read_bytes()


def _pictures(
    artifacts: list[Artifact],
    source: ModelSource,
    dataset: Dataset,
    chosen: tuple[int, ...],
    options: RunOptions,
    progress: Progress,
) -> Iterator[tuple[str, dict[str, Any], dict[str, bytes]]]:
    """Give for each picture its folder's name, its entry in bundle.json, and its files."""
    sizes = sorted({(item.output.height, item.output.width) for item in artifacts})
    references = {}
    for size in sizes:
        at_size = (
            source if source.output_size == size else load_source(options.model_copy(update={"output_size": size}))
        )
        references[size] = _reference_answers(at_size, dataset, chosen, options, progress)
    image = artifacts[0].image
    for number, index in enumerate(chosen):
        sample = dataset[index]
        name = f"{number:04d}"
        packed = {"picture.png": png(fit_picture(sample.image, image.height, image.width))}
        maps = {}
        for size in sizes:
            key = f"{size[0]}x{size[1]}"
            maps[key], more = _maps(
                sample, references[size][number], size, f"pictures/{name}", len(dataset.labels.names)
            )
            packed |= more
        yield (
            name,
            {"id": sample.id, "index": index, "picture": f"pictures/{name}/picture.png", "maps": maps},
            packed,
        )


def _maps(
    sample: Sample, reference: NDArray[np.uint8], size: tuple[int, int], where: str, classes: int
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Draw labels and float reference of one picture at one output size; gives the entry in bundle.json, and the files."""
    from validation.accuracy.confusion import confusion_matrix

    truth = fit_mask(sample.mask, *size)
    labels, answer = f"labels-{size[0]}x{size[1]}.png", f"reference-{size[0]}x{size[1]}.png"
    entry = {
        "labels": f"{where}/{labels}",
        "reference": f"{where}/{answer}",
        "reference_confusion": confusion_matrix(truth, reference, classes).tolist(),
    }
    return entry, {labels: png(truth), answer: png(reference)}


def _reference_answers(
    source: ModelSource, dataset: Dataset, chosen: tuple[int, ...], options: RunOptions, progress: Progress
) -> list[NDArray[np.uint8]]:
    """Ask the float reference for its class maps at the source's output size, uint8 (h, w) each."""
    runner: Runner = reference_runner(source, options)
    image, found = runner.artifact.image, []
    with progress.stage(f"float reference in {runner.name}", len(chosen)) as stage, runner:
        for index in chosen:
            found.append(label_map(runner.predict(fit_picture(dataset[index].image, image.height, image.width))))
            stage.advance()
    return found


def _write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a zip whose bytes follow from `contents` alone; raises UsageError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name in sorted(contents):
                member = zipfile.ZipInfo(name, _FIXED_TIME)
                member.compress_type, member.external_attr, member.create_system = zipfile.ZIP_DEFLATED, _FILE_MODE, 3
                archive.writestr(member, contents[name])
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written ({error}); choose another --bundle")
