"""tflite-runtime in its own environment: made whole or not at all; a worker that dies or hangs is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from converters import Artifact
from tests.validation.tiny_network import picture
from validation.errors import RunnerError
from validation.runners import runners
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.base.other_interpreter.environment import (
    ENVS_VARIABLE,
    IsolatedEnvironment,
    environments_folder,
)
from validation.runners.base.other_interpreter.process import WorkerProcess
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.tflite_runtime import ENVIRONMENT, WORKER, TfliteRuntimeRunner, ensure_environment
from validation.timing.cold_start import peak_memory
from validation.timing.stopwatch import measure_latency

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tflite-runtime 2.14 exists only for Linux")


def test_environment_is_separate_and_old(tflite_runtime: Path) -> None:
    script = "import numpy, tflite_runtime, sys; print(numpy.__version__, sys.prefix)"
    version, prefix = subprocess.check_output([str(tflite_runtime), "-c", script], text=True).split()
    assert version.startswith("1.")
    assert Path(prefix) == ENVIRONMENT.folder
    assert np.__version__.startswith("2.")


def test_environment_is_made_once(tflite_runtime: Path) -> None:
    messages: list[str] = []
    assert ensure_environment(messages.append) == tflite_runtime
    assert messages == []
    assert TfliteRuntimeRunner.in_default_set()
    leftovers = [item.name for item in tflite_runtime.parents[3].iterdir() if item.name.startswith(".making")]
    assert leftovers == []


def test_without_environment_the_way_to_make_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVS_VARIABLE, str(tmp_path / "none"))
    state = TfliteRuntimeRunner.availability("cpu")
    assert not state.ok
    assert "segport doctor --setup tflite-runtime" in state.reason
    assert not TfliteRuntimeRunner.in_default_set()
    assert not (tmp_path / "none").exists()


def test_environment_that_cannot_be_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVS_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wrong = IsolatedEnvironment("wrong", ("segport-no-such-thing==1.0",), "nothing")
    with pytest.raises(RunnerError, match=r"cannot make the wrong environment.*segport-no-such-thing"):
        wrong.ensure()
    assert not wrong.exists()
    assert [item.name for item in tmp_path.iterdir() if not item.name.endswith(".lock")] == []


def test_environment_that_does_not_import_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(IsolatedEnvironment, "folder", property(lambda self: tmp_path / "hollow"))
    hollow = IsolatedEnvironment("hollow", (str(_wheel(tmp_path)),), "segport_no_such_module")
    with pytest.raises(RunnerError, match="segport_no_such_module"):
        hollow.ensure()
    assert sorted(item.suffix for item in tmp_path.iterdir()) == [".lock", ".whl"]


def _wheel(folder: Path) -> Path:
    """An empty package, so that installing works without any index."""
    import zipfile

    path = folder / "hollow-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("hollow-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: hollow\nVersion: 1.0\n")
        wheel.writestr("hollow-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("hollow-1.0.dist-info/RECORD", "")
    return path


def test_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ENVS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert environments_folder() == tmp_path / "segport" / "envs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert environments_folder() == Path.home() / ".cache" / "segport" / "envs"
    monkeypatch.setenv(ENVS_VARIABLE, "~/elsewhere")
    assert environments_folder() == Path.home() / "elsewhere"


@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8_static"])
def test_old_and_new_runtime_agree(tflite_runtime: Path, artifacts: dict[str, Artifact], name: str) -> None:
    artifact = artifacts[name]
    step = 1e-4 if artifact.output.quantization is None else 1.01 * artifact.output.quantization.scale
    tolerance = step if name == "tflite-float32" else max(step, 0.2)
    with TfliteRuntimeRunner(artifact) as old, LiteRtRunner(artifact) as new:
        for seed in range(3):
            np.testing.assert_allclose(old.predict(picture(seed)), new.predict(picture(seed)), atol=tolerance)


def test_latency_is_the_worker_s_own(tflite_runtime: Path, artifacts: dict[str, Artifact]) -> None:
    runner = TfliteRuntimeRunner(artifacts["tflite-float32"], threads=2)
    found = measure_latency(runner, picture(0), LatencySettings(samples=5))
    assert (found.samples, found.threads) == (5, 2)
    with runner:
        told = []
        ask = runner._worker.ask

        def listening(action: str, payload: bytes = b"", **fields: object) -> object:
            answer = ask(action, payload, **fields)
            told.append(answer[0].get("nanoseconds"))
            return answer

        runner._worker.ask = listening
        call = runner.timed_call(picture(0))
        assert [call(), call()] == told[1:]


def test_memory_is_the_worker_s_own(tflite_runtime: Path, artifacts: dict[str, Artifact]) -> None:
    found = peak_memory(TfliteRuntimeRunner(artifacts["tflite-float32"]))
    assert found.bytes is not None
    assert 0 < found.bytes < 2**28


def test_death_of_the_worker_is_told(tflite_runtime: Path, artifacts: dict[str, Artifact]) -> None:
    with TfliteRuntimeRunner(artifacts["tflite-float32"]) as runner:
        runner.predict(picture(0))
        os.kill(runner.process_ids()[0], signal.SIGKILL)
        with pytest.raises(RunnerError, match=r"died while asked to feed: exit status -9.*\(tflite-float32\)"):
            runner.predict(picture(0))
    with runner:
        runner.predict(picture(0))


def test_hanging_worker_is_ended(
    tflite_runtime: Path, artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TfliteRuntimeRunner(artifacts["tflite-float32"]) as runner:
        runner.predict(picture(0))
        process_id = runner.process_ids()[0]
        os.kill(process_id, signal.SIGSTOP)
        runner._worker._reply_seconds = 0.3
        with pytest.raises(RunnerError, match=r"did not answer within 0\.3 s"):
            runner.predict(picture(0))
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_last_lines_of_a_worker_are_told(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text("import sys\nprint('out of luck', file=sys.stderr)\nsys.exit(7)\n")
    worker = WorkerProcess(Path(sys.executable), script, "some-runtime", 10)
    with pytest.raises(RunnerError, match="some-runtime died while asked to open: exit status 7; out of luck"):
        worker.ask("open", path="x", threads=1)
        worker.ask("open", path="x", threads=1)
    worker.close()
    with pytest.raises(RunnerError, match="cannot start"):
        WorkerProcess(tmp_path / "no-python", script, "some-runtime", 10)


def test_worker_survives_what_it_cannot_do(tflite_runtime: Path, artifacts: dict[str, Artifact]) -> None:
    worker = WorkerProcess(tflite_runtime, WORKER, "tflite-runtime", 30)
    try:
        with pytest.raises(RunnerError, match="could not dance"):
            worker.ask("dance")
        with pytest.raises(RunnerError, match="could not open"):
            worker.ask("open", path="/no/such/file", threads=1)
        answer, _ = worker.ask("open", path=str(artifacts["tflite-float32"].path), threads=1)
        with pytest.raises(RunnerError, match="could not feed"):
            worker.ask("feed", b"123", index=answer["inputs"][0]["index"])
    finally:
        worker.close()


def test_worker_imports_nothing_of_ours() -> None:
    text = WORKER.read_text()
    assert "validation" not in text.replace("import nothing of segport", "")
    assert "from converters" not in text


def test_two_that_want_it_at_once_wait_for_one_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVS_VARIABLE, str(tmp_path))
    hollow = IsolatedEnvironment("hollow", (str(_wheel(tmp_path)),), "json")
    monkeypatch.setattr(IsolatedEnvironment, "folder", property(lambda self: tmp_path / "hollow"))
    messages: list[str] = []
    threads = [threading.Thread(target=hollow.ensure, args=(messages.append,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hollow.exists()
    assert [message for message in messages if message.endswith("ready")] == ["hollow: ready"]


def test_it_is_registered_and_not_in_the_default_set_by_itself() -> None:
    assert runners()["tflite-runtime"] is TfliteRuntimeRunner
    assert TfliteRuntimeRunner.default is False
