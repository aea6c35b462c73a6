"""Naming, finding and refusing datasets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from segdata import FACE11, FACE19, DataError, dataset_kinds, open_dataset
from segdata.registry import Request, dataset
from tests.segdata.dataset_trees import folder_tree


def test_an_unknown_name_lists_the_alternatives() -> None:
    with pytest.raises(DataError) as caught:
        open_dataset("cityscapes", "val")
    for usage in ("synthetic-faces[:LABELS]", "folder:PATH", "lapa:PATH", "helen:PATH", "celebamask-hq:PATH"):
        assert usage in str(caught.value)


def test_a_second_owner_of_a_name_is_refused() -> None:
    dataset_kinds()
    with pytest.raises(DataError, match=r"registered by both segdata\.faces\.lapa and"):

        @dataset("lapa", summary="an impostor")
        def impostor(request: Request) -> None: ...  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", ["lapa", "lapa:", "folder", "celebamask-hq"])
def test_a_missing_path_argument_is_explained(spec: str) -> None:
    with pytest.raises(DataError, match=r"write it as .*:PATH"):
        open_dataset(spec, "train")


def test_limits(tmp_path: Path) -> None:
    folder_tree(tmp_path, count=6)
    spec = f"folder:{tmp_path}"
    whole, some = open_dataset(spec, "test"), open_dataset(spec, "test", limit=2)
    assert len(whole) == 4
    assert [s.id for s in some] == [s.id for s in whole][:2]
    assert some.digest() != whole.digest()
    assert open_dataset(spec, "test", limit=99).digest() == whole.digest()
    with pytest.raises(DataError, match="at least one"):
        open_dataset(spec, "test", limit=0)


def test_synthetic_labels() -> None:
    assert open_dataset("synthetic-faces", "val", limit=1).labels == FACE11
    assert open_dataset("synthetic-faces", "val", labels=FACE19, limit=1).labels == FACE19
    assert open_dataset("synthetic-faces:face19", "val", limit=1).labels == FACE19
    with pytest.raises(DataError, match="choose one of: face11, face19"):
        open_dataset("synthetic-faces:face7", "val")
    with pytest.raises(DataError, match="face11 is needed"):
        open_dataset("synthetic-faces:face19", "val", labels=FACE11)


def test_one_new_file_adds_a_dataset(tmp_path: Path) -> None:
    """A module dropped into the package's path is found without any edit elsewhere."""
    (tmp_path / "dots.py").write_text(
        "from segdata.registry import dataset\n"
        "@dataset('dots', summary='one new file')\n"
        "def open_dots(request): raise AssertionError('opened')\n"
    )
    script = f"import segdata; segdata.__path__.append({str(tmp_path)!r})\nprint(sorted(segdata.dataset_kinds()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "'dots'" in done.stdout
    assert "'lapa'" in done.stdout


def test_importing_segdata_stays_light() -> None:
    script = (
        "import sys, segdata; print([m for m in ('torch', 'scipy', 'matplotlib', 'segdata.faces') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
