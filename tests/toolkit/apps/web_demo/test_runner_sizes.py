"""LiteRT.js as a runtime of files with several output sizes: each signature answers as LiteRT's does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdata.faces.synthetic import SyntheticFaces
from tests.toolkit.apps.web_demo.conftest import SIDE
from toolkit.run_folder.folder import RunFolder
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.web.runner import WebRunner

pytestmark = pytest.mark.web


@pytest.mark.parametrize("backend", ["node", "chromium"])
def test_every_size_of_a_file(backend: str, run: Path, litert: Path) -> None:
    if not (state := WebRunner.availability(backend)).ok:
        pytest.skip(state.reason)
    picture = SyntheticFaces("test", size=SIDE)[0].image
    for side in (32, 64):
        artifact = RunFolder(run).known_artifacts()["tflite-int8_static"].at((side, side))
        with WebRunner(artifact, backend) as web, LiteRtRunner(artifact) as native:
            mine, theirs = web.predict(picture), native.predict(picture)
        assert mine.shape[:2] == (side, side)
        np.testing.assert_array_equal(mine, theirs)
