"""The output folder of a run: artifacts, manifest, report, examples. Everything written here is written whole or not at
all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters import Artifact, SourceError, content_hash
from toolkit.errors import UsageError
from toolkit.options import RunOptions, checked_options
from toolkit.run_folder.files import read_json, write_json
from toolkit.run_folder.manifest import what_is_wrong

MANIFEST_SCHEMA = 1
UNFINISHED = (".tmp", ".part")
"""Endings of hidden files that are being written."""
_WITHOUT_MANIFEST = "delete it and convert the model again, with all its options"


@dataclass(frozen=True)
class RunFolder:
    """Paths inside an output folder.

    Attributes:
        root: the folder the user named with `--out`.
    """

    root: Path

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def examples(self) -> Path:
        return self.root / "examples"

    @property
    def cache(self) -> Path:
        """Reference label maps and the like; safe to delete."""
        return self.root / "cache"

    @property
    def journal(self) -> Path:
        """What has been converted so far, for a run that is killed before its manifest is written."""
        return self.cache / "converted.json"

    @property
    def calibration(self) -> Path:
        """Statistics and ranges of tensors, and their plots; safe to delete."""
        return self.root / "calibration"

    @property
    def matrices(self) -> Path:
        """Per-picture counts of every run, for comparing this folder with another."""
        return self.cache / "matrices"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def report(self) -> Path:
        return self.root / "report.json"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder and hold it for one process; raises UsageError if another one is at work in it."""
        from filelock import FileLock, Timeout

        self._check_places()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.artifacts.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"output folder {self.root} cannot be made ({error}); choose another with --out"
            ) from error
        try:
            with FileLock(self.root / ".lock", timeout=0):
                self._clear_leftovers()
                yield
        except Timeout:
            raise UsageError(
                f"another segport is at work in {self.root}; wait for it or choose another --out"
            ) from None

    def _check_places(self) -> None:
        """Raise UsageError where a folder lies under the name of a file that will be written, or the reverse."""
        reports = (self.report, *(self.report.with_suffix(ending) for ending in (".md", ".html", ".junit.xml")))
        for place in (self.manifest, *reports):
            if place.is_dir():
                raise UsageError(f"{place} is a folder, where a file is to be written; move it or choose another --out")
        for place in (self.artifacts, self.examples, self.cache, self.calibration):
            if place.exists() and not place.is_dir():
                raise UsageError(f"{place} is no folder, and one is needed there; move it or choose another --out")

    def load_manifest(self) -> dict[str, Any]:
        """manifest.json; raises UsageError if there is none or it is not one."""
        try:
            document = read_json(self.manifest)
        except FileNotFoundError:
            raise UsageError(
                f"{self.root} holds no manifest.json, so no artifacts; make some with `segport convert --model MODEL"
                f" --out {self.root}`"
            ) from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.manifest} is damaged ({error}); {_WITHOUT_MANIFEST}") from error
        if not isinstance(document, dict) or document.get("schema") != MANIFEST_SCHEMA:
            raise UsageError(f"{self.manifest} is not a manifest of schema {MANIFEST_SCHEMA}; {_WITHOUT_MANIFEST}")
        if wrong := what_is_wrong(document):
            raise UsageError(f"{self.manifest} is damaged ({wrong}); {_WITHOUT_MANIFEST}")
        return document

    def _clear_leftovers(self) -> None:
        """Delete what a killed run had not finished writing; only the holder of the lock may."""
        for leftover in self.root.rglob(".*"):
            if leftover.suffix in UNFINISHED and leftover.is_file():
                leftover.unlink()

    def known_artifacts(self) -> dict[str, Artifact]:
        """Artifacts named by the manifest, or none if there is no manifest yet."""
        return self._in_manifest("artifacts")

    def kept_artifacts(self) -> dict[str, Artifact]:
        """Those of the same network from before, which the last conversion was not asked for."""
        return self._in_manifest("kept")

    def _in_manifest(self, key: str) -> dict[str, Artifact]:
        if not self.manifest.exists():
            return {}
        return self.artifacts_of(self.load_manifest(), key)

    def artifacts_of(self, manifest: Mapping[str, Any], key: str = "artifacts") -> dict[str, Artifact]:
        """Artifacts that a manifest read before names under `key`."""
        return {entry["name"]: Artifact.from_json(entry, self.root) for entry in manifest.get(key, [])}

    def reusable_artifacts(self) -> dict[str, Artifact]:
        """Artifacts named by the manifest and those of a run that did not come to write one."""
        journal = {artifact.name: artifact for artifact, _ in self.journalled()}
        return self.kept_artifacts() | self.known_artifacts() | journal

    def remember(self, artifact: Artifact, model: str | None = None) -> None:
        """Note a finished artifact in the journal, and which network (any mark of it) it was made of."""
        noted = [(other, mark) for other, mark in self.journalled() if other.name != artifact.name]
        noted.append((artifact, model))
        entries = [other.to_json(self.root) for other, _ in noted]
        write_json(self.journal, {"artifacts": entries, "models": [mark for _, mark in noted]})

    def journalled(self) -> list[tuple[Artifact, str | None]]:
        """The journal's artifacts, each with the mark of its network if it was noted."""
        try:
            journal = read_json(self.journal)
            artifacts = [Artifact.from_json(entry, self.root) for entry in journal["artifacts"]]
            for artifact in artifacts:
                artifact.to_json(self.root)  # which refuses a path outside the folder
            marks = journal.get("models") or [None] * len(artifacts)
            return list(zip(artifacts, marks, strict=True))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SourceError):
            return []  # none yet, or damaged: what it would have spared is made again

    def save_manifest(self, document: dict[str, Any]) -> None:
        """Write the manifest; it takes over from the journal."""
        write_json(self.manifest, {"schema": MANIFEST_SCHEMA, **document})
        self.journal.unlink(missing_ok=True)


def recorded_options(folder: Path, given: Mapping[str, Any]) -> RunOptions:
    """The options a folder was made with, with what was given by hand in their place."""
    recorded = RunFolder(folder).load_manifest()["options"]
    override = {key: value for key, value in given.items() if value is not None}
    return checked_options({**recorded, **override, "out": folder}, origin=f"{folder}: ")


def trusted_artifacts(folder: RunFolder, manifest: Mapping[str, Any] | None = None) -> list[Artifact]:
    """Give the manifest's artifacts, after reading it unless it is given; raises UsageError if a file is gone or is not
    the one that was converted."""
    artifacts = list((folder.known_artifacts() if manifest is None else folder.artifacts_of(manifest)).values())
    for artifact in artifacts:
        gone = not artifact.path.exists()
        if gone or content_hash(artifact.path) != artifact.sha256:
            raise UsageError(
                f"{artifact.path} is {'gone' if gone else 'not the file that was converted'}; "
                f"`segport convert --again {folder.root}` makes it again"
            )
    return artifacts
