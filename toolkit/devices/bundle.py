"""Pack the Core ML packages of a run, pictures and a script into one zip, a bundle, that a Mac without segport can
measure.

What a bundle holds is also kept in the run folder (`bundles/SHA256.json`), so that a result that comes back can be
checked against what was sent. Equal runs give equal bytes: names are sorted and times fixed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.devices.packed_pictures import PackedPicture, packed_pictures
from toolkit.devices.records import record_path
from toolkit.errors import UsageError
from toolkit.models.loading import same_source
from toolkit.options import RunOptions
from toolkit.progress import Progress, SilentProgress
from toolkit.run_folder.files import write_json
from toolkit.run_folder.folder import RunFolder, trusted_artifacts
from toolkit.stages.context import Context
from toolkit.stages.picture_sets import judging_set
from validation.accuracy.result import spread
from validation.measure import Measurements

if TYPE_CHECKING:
    from converters import Artifact

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
        pictures: how many judging pictures to pack, spread evenly; all, at most `MOST_PICTURES`, if None. Fewer than
            the run's own are measured but not held against its limits.
        progress: one step a picture.

    Raises:
        UsageError: no Core ML packages, a changed file, or `out` cannot be written.
    """
    folder = RunFolder(options.out)
    manifest = folder.load_manifest()
    artifacts = _packages(folder, manifest, options)
    if pictures is not None and pictures < 1:
        raise UsageError(f"--bundle-pictures {pictures} leaves none; give 1 or more")
    _make_parent(out)
    source = same_source(options, manifest)
    if source.channels != 3:
        raise UsageError(
            f"{source.name} takes pictures of {source.channels} channels, and a bundle holds RGB pictures; run its"
            " packages on the Mac with `segport validate` there"
        )
    dataset = judging_set(options, source)
    shown: Progress = progress or SilentProgress()
    what = Measurements(dataset, latency=None, memory=False)
    context = Context(options, shown, folder, source, what, manifest=manifest, artifacts=artifacts)
    chosen = spread(len(dataset), min(len(dataset), pictures or MOST_PICTURES))
    return _written(context, packed_pictures(context, chosen), out)


def _packages(folder: RunFolder, manifest: Mapping[str, Any], options: RunOptions) -> tuple[Artifact, ...]:
    found = tuple(item for item in trusted_artifacts(folder, manifest) if item.format in FORMATS)
    if not found:
        formats = ",".join(dict.fromkeys([*options.formats, "coreml"]))
        raise UsageError(
            f"{options.out} holds no Core ML package; "
            f"`segport convert --again {options.out} --formats {formats}` makes some"
        )
    return found


def _make_parent(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error


def _written(context: Context, pictures: Sequence[PackedPicture], out: Path) -> Bundle:
    """Write the zip, and into the run folder what is in it."""
    folder, dataset = context.folder, context.dataset
    contents: dict[str, bytes] = {"README.md": README.encode(), "measure.py": script()}
    for artifact in context.artifacts:
        contents |= dict(_package_files(artifact, folder))
    for picture in pictures:
        contents |= picture.files
    described = {
        "schema": SCHEMA,
        "model": {key: context.manifest["model"][key] for key in ("name", "weights_sha256", "classes")},
        "dataset": {"name": dataset.name, "split": dataset.split, "images": len(dataset), "digest": dataset.digest()},
        "artifacts": [artifact.to_json(folder.root) for artifact in context.artifacts],
        "pictures": [picture.entry for picture in pictures],
        "files": {name: sha256(content).hexdigest() for name, content in sorted(contents.items())},
    }
    text = (json.dumps(described, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    _write_zip(out, {"bundle.json": text, **contents})
    digest = sha256(text).hexdigest()
    write_json(record_path(folder, digest), described)
    names = tuple(item.name for item in context.artifacts)
    return Bundle(out, digest, names, len(pictures), out.stat().st_size)


def script() -> bytes:
    """Read the stand-alone script that measures a bundle."""
    return (files("toolkit.devices") / "script.py").read_bytes()


def _package_files(artifact: Artifact, folder: RunFolder) -> Iterator[tuple[str, bytes]]:
    for member in sorted(item for item in artifact.path.rglob("*") if item.is_file()):
        yield member.relative_to(folder.root).as_posix(), member.read_bytes()


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
