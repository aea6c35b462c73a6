"""What an output folder holds from before: whose it is, and what may stay beside the artifacts of a new conversion.

Files of another network are removed, those of the same one that were not asked for this time stay and are reused later.
Only what segport made and nobody has touched since is ever removed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import Artifact, content_hash
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.progress import Progress
from toolkit.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from converters.conversion.perform import Outcome

_IDENTITY = ("weights_sha256", "classes", "input_size", "output_size", "output_sizes", "pixel_range")


def refuse_other_model(options: RunOptions) -> None:
    """Raise UsageError if no model was named and the output folder holds another than the default one."""
    folder = RunFolder(options.out)
    if "model" in options.model_fields_set or not folder.manifest.exists():
        return
    held = folder.load_manifest()["options"].get("model")
    if held != options.model:
        raise UsageError(
            f"{folder.root} holds artifacts of {held}, and no --model was named; `segport convert --again"
            f" {folder.root}` makes those again, and another network needs its --model or another --out"
        )


def fingerprint(model: Mapping[str, Any]) -> str:
    """Of a manifest's `model`: equal for equal weights in an equal form."""
    return sha256(json.dumps({key: model.get(key) for key in _IDENTITY}).encode()).hexdigest()


@dataclass(frozen=True)
class Earlier:
    """An artifact that the folder's manifest or journal names.

    Attributes:
        model: `fingerprint` of the network it was made of; None if it was not recorded.
    """

    artifact: Artifact
    model: str | None


def earlier_artifacts(folder: RunFolder) -> list[Earlier]:
    """Everything that segport has noted of the folder; to be asked before a conversion overwrites the notes."""
    found = [Earlier(artifact, model) for artifact, model in folder.journalled()]
    if folder.manifest.exists():
        model = fingerprint(folder.load_manifest()["model"])
        named = (*folder.known_artifacts().values(), *folder.kept_artifacts().values())
        found += [Earlier(artifact, model) for artifact in named]
    return found


def settle(
    earlier: Sequence[Earlier], outcomes: Sequence[Outcome], model: str, folder: RunFolder, progress: Progress
) -> list[Artifact]:
    """Remove files of another network and of conversions that have failed now; returns those that stay.

    Args:
        earlier: what the folder held before.
        outcomes: of the conversion that has just ended.
        model: `fingerprint` of its network.
        folder: where all of them lie.
        progress: told what was removed and what stays.
    """
    asked = {outcome.conversion.name for outcome in outcomes}
    made = {outcome.artifact.path for outcome in outcomes if outcome.artifact is not None}
    by_path: dict[Path, list[Earlier]] = {}
    for item in earlier:
        by_path.setdefault(item.artifact.path, []).append(item)
    kept = []
    for path, items in by_path.items():
        mine = None if path in made or path.parent != folder.artifacts else _untouched(path, items)
        if mine is None or mine.model is None:
            continue
        if mine.model == model and mine.artifact.name not in asked:
            kept.append(mine.artifact)
        else:
            why = "it could not be made again" if mine.model == model else "it was made of another network"
            progress.note(f"     {_remove(path)} {path.name} from before: {why}")
            (folder.artifacts / "logs" / f"{mine.artifact.name}.log").unlink(missing_ok=True)
    if kept:
        progress.note(f"     kept from before, not asked for now: {', '.join(item.path.name for item in kept)}")
    return kept


def _untouched(path: Path, items: Sequence[Earlier]) -> Earlier | None:
    """Which of the noted artifacts the file is; None if it is gone or somebody else's."""
    if not path.exists():
        return None
    digest = content_hash(path)
    return next((item for item in items if item.artifact.sha256 == digest), None)


def _remove(path: Path) -> str:
    """Delete a file or package; what was done, in words."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return "could not remove"
    return "removed"
