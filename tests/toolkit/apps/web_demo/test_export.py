"""`segport web-demo` as a person uses it: what lies in the folder, what is left out, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdata import FACE11
from toolkit.cli import run_command
from toolkit.errors import ExitStatus
from toolkit.run_folder.folder import RunFolder
from validation.runners.web import packages


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the names of LiteRT.js' files, so that exporting needs nothing fetched."""
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path / "web"))
    home = packages.web_folder() / "node_modules" / "@litertjs"
    for name in ("core", "wasm-utils"):
        (home / name / "dist").mkdir(parents=True)
        (home / name / "dist" / "index.js").write_text("export {};\n//# sourceMappingURL=index.js.map\n")
        (home / name / "package.json").write_text('{"version": "1.2.3"}')
    (home / "core" / "wasm").mkdir()
    for kind in ("", "_compat", "_threaded", "_jspi"):
        for ending in ("js", "wasm"):
            (home / "core" / "wasm" / f"litert_wasm{kind}_internal.{ending}").write_text(kind)
    return home


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return found


def demo(*arguments: str | Path) -> int:
    return run_command(["web-demo", *map(str, arguments), "--quiet"])


def test_a_run_with_two_sizes(run: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert demo("--run", run, "--out", out) == ExitStatus.PASS
    assert "python -m http.server --directory" in capsys.readouterr().out
    found = manifest(out)
    assert [item["name"] for item in found["artifacts"]] == ["tflite-float32", "tflite-int8_static"]
    for item in found["artifacts"]:
        assert [(answer["signature"], answer["output"]["width"], answer["default"]) for answer in item["answers"]] == [
            ("size_32", 32, False),
            ("size_64", 64, True),
        ]
        assert [one["name"] for one in item["classes"]] == list(FACE11.names)
        assert [tuple(one["colour"]) for one in item["classes"]] == list(FACE11.colours)
        answer = item["answers"][0]
        artifact = RunFolder(run).known_artifacts()[item["name"]]
        assert (out / answer["file"]).read_bytes() == artifact.path.read_bytes()
        assert (answer["sha256"], answer["input"]["pixel_range"]) == (artifact.sha256, "unit")
    assert found["litert"] == "1.2.3"
    assert not any("jspi" in path.name or path.suffix in (".map", ".mjs") for path in out.rglob("*"))
    assert (out / "engine.js").read_bytes() == (packages.SCRIPTS / "engine.mjs").read_bytes()
    assert [Image.open(out / item["file"]).size for item in found["samples"]] == [(512, 512)] * 3


def test_everything_named_is_there_and_no_address_leads_outside(run: Path, stand_in: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demo("--run", run, "--out", out) == ExitStatus.PASS
    page = (out / "index.html").read_text()
    named = [*re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page), *re.findall(r'": "(\./[^"]+)"', page)]
    assert len(named) == 5
    script = (out / "demo.js").read_text()
    named += re.findall(r'from "(\./[^"]+)"', script)
    named += [answer["file"] for item in manifest(out)["artifacts"] for answer in item["answers"]]
    for name in named:
        assert not name.startswith("/")
        assert (out / name).is_file(), name
    for path in (item for item in out.glob("*") if item.is_file()):
        assert not re.search(r"https?://", path.read_text(encoding="utf-8")), path


def test_8_bit_pictures_are_left_out_with_a_sentence_or_converted(
    run_of_bytes: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo("--run", run_of_bytes, "--out", tmp_path / "demo") == ExitStatus.PASS
    said = " ".join(capsys.readouterr().out.split())
    assert "left out: tflite-int8_static takes int8" in said
    assert "--io-dtype float32" in said and "--convert" in said
    assert [item["name"] for item in manifest(tmp_path / "demo")["artifacts"]] == ["tflite-float32"]
    before = sorted(path.relative_to(run_of_bytes) for path in run_of_bytes.rglob("*"))
    assert demo("--run", run_of_bytes, "--convert", "--out", tmp_path / "demo") == ExitStatus.PASS
    assert "left out" not in capsys.readouterr().out
    found = {item["name"]: item["answers"][0] for item in manifest(tmp_path / "demo")["artifacts"]}
    assert {answer["input"]["dtype"] for answer in found.values()} == {"float32"}
    assert set(found) == {"tflite-float32", "tflite-int8_static"}
    assert found["tflite-int8_static"]["size_bytes"] < found["tflite-float32"]["size_bytes"]
    assert sorted(path.relative_to(run_of_bytes) for path in run_of_bytes.rglob("*")) == before


def test_files_by_themselves(run: Path, stand_in: Path, tmp_path: Path) -> None:
    """In a run folder its manifest describes them; elsewhere they describe themselves."""
    there = RunFolder(run).known_artifacts()["tflite-int8_static"]
    assert demo(there.path, "--out", tmp_path / "known") == ExitStatus.PASS
    known = manifest(tmp_path / "known")["artifacts"][0]
    elsewhere = tmp_path / "net.tflite"
    shutil.copyfile(there.path, elsewhere)
    assert demo(elsewhere, "--out", tmp_path / "demo") == ExitStatus.PASS
    alone = manifest(tmp_path / "demo")["artifacts"][0]
    assert alone["name"] == "net"
    assert [item["name"] for item in known["classes"]] == list(FACE11.names)
    assert [item["name"] for item in alone["classes"]][:2] == ["class_0", "class_1"]
    facts = ("signature", "input", "output")
    ends = [[{key: answer[key] for key in facts} for answer in item["answers"]] for item in (known, alone)]
    assert ends[0] == ends[1]
    (tmp_path / "names.txt").write_text("\n".join(f"name {index}" for index in range(11)))
    assert demo(elsewhere, "--classes", tmp_path / "names.txt", "--out", tmp_path / "demo") == ExitStatus.PASS
    assert manifest(tmp_path / "demo")["artifacts"][0]["classes"][3]["name"] == "name 3"


def test_samples_of_the_user(run: Path, stand_in: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    assert demo("--run", run, "--sample", tmp_path / "one.png", "--out", tmp_path / "demo") == ExitStatus.PASS
    (sample,) = manifest(tmp_path / "demo")["samples"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "demo" / sample["file"])), pixels)


@pytest.mark.parametrize("spoilt", ["file", "folder", "foreign manifest"])
def test_what_is_no_demo_is_not_replaced(
    spoilt: str, run: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "place" / "mine"
    out.parent.mkdir()
    if spoilt == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / ("manifest.json" if "manifest" in spoilt else "notes.txt")).write_text('{"kind": "mine"}')
    assert demo("--run", run, "--out", out) == ExitStatus.BAD_INPUT
    said = capsys.readouterr().err
    assert "is there and is no web demo; choose another --out" in said
    assert said.count("\n") == 1
    assert [path.name for path in out.parent.iterdir()] == ["mine"]


def test_an_older_demo_is_replaced_whole_and_kept_if_the_new_one_fails(
    run: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "place" / "demo"
    assert demo("--run", run, "--out", out) == ExitStatus.PASS
    (out / "left-over.txt").write_text("old")
    (tmp_path / "notes.png").write_text("no picture")
    assert demo("--run", run, "--sample", tmp_path / "notes.png", "--out", out) == ExitStatus.BAD_INPUT
    assert "notes.png cannot be read as a picture" in capsys.readouterr().err
    (stand_in / "core" / "wasm" / "litert_wasm_internal.wasm").unlink()
    assert demo("--run", run, "--out", out) == ExitStatus.BAD_INPUT
    assert (out / "left-over.txt").is_file()
    (stand_in / "core" / "wasm" / "litert_wasm_internal.wasm").write_text("")
    assert demo("--run", run, "--out", out) == ExitStatus.PASS
    assert not (out / "left-over.txt").exists()
    assert [path.name for path in out.parent.iterdir()] == ["demo"]


def test_says_what_to_type_before_it_is_set_up(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path / "web"))
    assert demo("--run", run, "--out", tmp_path / "demo") == ExitStatus.NOT_INSTALLED
    assert "run: segport doctor --setup web" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run", "nowhere"], "holds no manifest.json"),
        (["nowhere.tflite"], "nowhere.tflite is not a file"),
        (["net.tflite", "--run", "runs/demo"], "not both"),
        (["--classes", "names.txt"], "a run folder's manifest says both"),
        (["net.tflite", "--pixel-range", "0..1"], "write unit"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    arguments: list[str],
    said: str,
    stand_in: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo(*arguments, "--out", tmp_path / "demo") == ExitStatus.BAD_INPUT
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "demo").exists()


def test_a_file_with_only_8_bit_pictures_is_refused(
    run_of_bytes: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = RunFolder(run_of_bytes).known_artifacts()["tflite-int8_static"].path
    assert demo(file, "--out", tmp_path / "demo") == ExitStatus.BAD_INPUT
    assert "there is nothing to show: tflite-int8_static takes int8" in capsys.readouterr().err
