"""The client and the runner against adb's own server, with a phone that is not there behind it; skipped where adb is
not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from converters import Artifact
from tests.validation.runners.android.fake_daemon import phone_on_tcp
from tests.validation.runners.android.fake_phone import FakePhone
from tests.validation.runners.android.fake_tool import FakeTool, program_file
from tests.validation.tiny_network import picture
from validation.errors import RunnerError
from validation.runners.android.phone import SERIAL_VARIABLE, TOOL_VARIABLE, find_phone
from validation.runners.android.runner import AndroidRunner
from validation.runners.android.server import PORT_VARIABLE, AdbError, AdbServer, Attached
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.litert.runner import LiteRtRunner
from validation.timing.stopwatch import measure_latency

ADB = shutil.which("adb")
pytestmark = pytest.mark.skipif(ADB is None, reason="adb is not installed (Debian and Ubuntu: apt install adb)")
_START_SECONDS = 10


@dataclass(frozen=True)
class Attachment:
    """A phone behind adb's own server."""

    phone: FakePhone
    server: AdbServer
    serial: str


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of this module's own, which knows no phone."""
    assert ADB is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    home = tmp_path_factory.mktemp("adb")
    environment = os.environ | {"HOME": str(home), "ADB_MDNS": "0"}
    command = [ADB, "-L", f"tcp:{port}", "nodaemon", "server"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _wait_for(AdbServer("127.0.0.1", port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(server: AdbServer) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.attached()
        except AdbError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def attached(server_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attachment]:
    assert ADB is not None
    phone = FakePhone(tool=FakeTool())
    with phone_on_tcp(phone) as port:
        serial = f"127.0.0.1:{port}"
        subprocess.run([ADB, "-P", str(server_port), "connect", serial], check=True, capture_output=True, timeout=20)
        monkeypatch.setenv(PORT_VARIABLE, str(server_port))
        monkeypatch.setenv(SERIAL_VARIABLE, serial)
        monkeypatch.setenv(TOOL_VARIABLE, str(program_file(tmp_path)))
        yield Attachment(phone, AdbServer(), serial)
        subprocess.run(
            [ADB, "-P", str(server_port), "disconnect", serial], check=False, capture_output=True, timeout=20
        )


def test_phone_is_listed_and_described(attached: Attachment) -> None:
    assert attached.server.attached() == [Attached(attached.serial, "device", "Pixel 0")]
    assert find_phone(attached.server).facts().machine.name == "Google Pixel 0 (Android 14)"


def test_files_and_commands(attached: Attachment) -> None:
    for content in (b"", b"x", np.random.default_rng(0).bytes(3_000_000)):
        attached.server.push(attached.serial, content, "/data/local/tmp/file", 0o755)
        assert attached.server.pull(attached.serial, "/data/local/tmp/file") == content
    with pytest.raises(AdbError, match="No such file"):
        attached.server.pull(attached.serial, "/data/local/tmp/other")
    attached.phone.space = 10
    with pytest.raises(AdbError, match="No space left on device; free some space"):
        attached.server.push(attached.serial, bytes(500_000), "/data/local/tmp/large")
    answer = attached.server.shell(attached.serial, "/nowhere", 5)
    assert (answer.stdout, answer.status) == ("", 127)
    assert "not found" in answer.stderr


def test_answers_and_times_come_through(attached: Attachment, artifacts: dict[str, Artifact]) -> None:
    artifact = artifacts["tflite-float32"]
    with AndroidRunner(artifact, "gpu") as phone, LiteRtRunner(artifact) as here:
        np.testing.assert_array_equal(phone.predict(picture(3)), here.predict(picture(3)))
    assert measure_latency(AndroidRunner(artifact), picture(0), LatencySettings(samples=5)).samples == 5
    assert not attached.phone.files


def test_failures_in_the_server_s_own_words(attached: Attachment) -> None:
    with pytest.raises(AdbError, match="adb refuses: device 'Z9' not found; see `adb devices`"):
        attached.server.shell("Z9", "getprop x", 5)
    attached.phone.shell_v2 = False
    with pytest.raises(AdbError, match="adb refuses: closed; the phone must run Android 7 or newer"):
        attached.server.shell(attached.serial, "getprop x", 5)


def test_phone_that_is_silent_or_pulled_off(attached: Attachment, artifacts: dict[str, Artifact]) -> None:
    attached.phone.hang = "getprop ro.silent"
    with pytest.raises(AdbError, match=r"getprop did not end within 0\.3 s"):
        attached.server.shell(attached.serial, "getprop ro.silent", 0.3)
    attached.phone.drop = "--num_runs"
    with (
        pytest.warns(UserWarning, match="stays on .*device offline"),
        pytest.raises(RunnerError, match="went away during a shell request"),
        AndroidRunner(artifacts["tflite-float32"]) as runner,
    ):
        runner.predict(picture(0))
