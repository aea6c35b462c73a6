"""The adb protocol against a server that speaks it, and every way in which a phone fails."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.validation.runners.android.fake_phone import FakePhone
from tests.validation.runners.android.fake_server import FakeServer, serving
from validation.runners.android import server as server_module
from validation.runners.android.phone import SERIAL_VARIABLE, find_phone
from validation.runners.android.server import ADDRESS_VARIABLE, PORT_VARIABLE, AdbError, AdbServer, Attached

NO_PERMISSIONS = (
    "no permissions (user in plugdev group; are your udev rules wrong?); see "
    "[http://developer.android.com/tools/device.html]"
)


def client(server: FakeServer) -> AdbServer:
    return AdbServer("127.0.0.1", server.port)


def echo(arguments: list[str], files: dict[str, bytes]) -> tuple[str, str, int]:
    return f"{' '.join(arguments)}\n" * 50_000, "to the other stream\n", 3


def test_phones_are_listed_with_their_state() -> None:
    phones = (
        FakePhone("A1"),
        FakePhone("emulator-5554", "offline"),
        FakePhone("????????", NO_PERMISSIONS),
    )
    with serving(*phones) as server:
        assert client(server).attached() == [
            Attached("A1", "device", "Pixel 0"),
            Attached("emulator-5554", "offline"),
            Attached("????????", NO_PERMISSIONS),
        ]


def test_files_come_back_as_they_went() -> None:
    phone = FakePhone()
    with serving(phone) as server:
        for content in (b"", b"x", bytes(range(256)) * 1024):
            client(server).push(phone.serial, content, "/data/local/tmp/file", 0o755)
            assert client(server).pull(phone.serial, "/data/local/tmp/file") == content
        assert phone.modes["/data/local/tmp/file"] == 0o755


def test_both_streams_and_the_status_of_a_command() -> None:
    phone = FakePhone(tool=echo)
    with serving(phone) as server:
        client(server).push(phone.serial, b"", "/data/local/tmp/echo", 0o755)
        answer = client(server).shell(phone.serial, "/data/local/tmp/echo 'a word' other", 5)
    assert answer.stdout == "a word other\n" * 50_000
    assert (answer.stderr, answer.status) == ("to the other stream\n", 3)


def test_address_is_the_one_that_adb_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakePhone("A1")) as server:
        monkeypatch.setenv(PORT_VARIABLE, str(server.port))
        monkeypatch.setenv(ADDRESS_VARIABLE, "localhost")
        assert [phone.serial for phone in AdbServer().attached()] == ["A1"]
    monkeypatch.setenv(PORT_VARIABLE, "many")
    with pytest.raises(AdbError, match="'many', which is no port number"):
        AdbServer()


@pytest.mark.parametrize(("installed", "advice"), [("/usr/bin/adb", "; run: adb start-server"), (None, "install adb")])
def test_no_server(installed: str | None, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module.shutil, "which", lambda name: installed)
    with serving() as server:
        closed = client(server)
    with pytest.raises(AdbError, match=f"no adb server answers at 127.0.0.1:.*{advice}"):
        closed.attached()


def test_another_server_on_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(AdbError, match="is no adb server; see ANDROID_ADB_SERVER_PORT"):
            AdbServer("127.0.0.1", listening.getsockname()[1]).attached()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("unauthorized", "accept the question on its screen"),
        ("authorizing", "unlock it and accept"),
        ("offline", "plug it in again"),
        (NO_PERMISSIONS, "add a udev rule"),
        ("recovery", "in state 'recovery'; start Android on it"),
    ],
)
def test_phone_that_cannot_be_used(state: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakePhone("A1", state)) as server:
        for name in (None, "A1"):
            monkeypatch.setenv(SERIAL_VARIABLE, name) if name else monkeypatch.delenv(SERIAL_VARIABLE, raising=False)
            with pytest.raises(AdbError, match=says) as failure:
                find_phone(client(server))
            assert "A1" in str(failure.value)


def test_choosing_among_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERIAL_VARIABLE, raising=False)
    with serving() as server, pytest.raises(AdbError, match="no phone is attached; attach one"):
        find_phone(client(server))
    with serving(FakePhone("A1"), FakePhone("B2"), FakePhone("C3", "offline")) as server:
        with pytest.raises(AdbError, match=r"2 phones are attached \(A1 \(Pixel 0\), B2 .*set ANDROID_SERIAL"):
            find_phone(client(server))
        monkeypatch.setenv(SERIAL_VARIABLE, "B2")
        assert find_phone(client(server)).serial == "B2"
        monkeypatch.setenv(SERIAL_VARIABLE, "Z9")
        with pytest.raises(AdbError, match=r"no phone Z9 is attached \(ANDROID_SERIAL; attached: A1"):
            find_phone(client(server))
        monkeypatch.delenv(SERIAL_VARIABLE)
        del server.phones[0]
        assert find_phone(client(server)).serial == "B2"


@pytest.mark.parametrize(
    ("state", "says"), [("unauthorized", "accept this computer"), ("offline", "adb reconnect"), ("gone", "not found")]
)
def test_phone_that_changed_after_it_was_found(state: str, says: str) -> None:
    with serving(FakePhone("A1", state)) as server:
        if state == "gone":
            server.phones.clear()
        for call in (
            lambda: client(server).shell("A1", "getprop x", 5),
            lambda: client(server).push("A1", b"x", "/x"),
            lambda: client(server).pull("A1", "/x"),
        ):
            with pytest.raises(AdbError, match=f"adb refuses: .*{says}"):
                call()


def test_phone_that_is_too_old() -> None:
    with serving(FakePhone("A1", shell_v2=False)) as server, pytest.raises(AdbError, match="Android 7 or newer"):
        client(server).shell("A1", "getprop x", 5)


def test_phone_without_space_says_so() -> None:
    phone = FakePhone("A1", space=1000)
    with serving(phone) as server:
        with pytest.raises(AdbError, match=r"A1 cannot take /data/x: .*No space left on device; free some space on it"):
            client(server).push("A1", bytes(200_000), "/data/x")
        assert not phone.files


def test_file_that_is_not_there() -> None:
    with serving(FakePhone("A1")) as server, pytest.raises(AdbError, match=r"A1 cannot give /x: .*No such file"):
        client(server).pull("A1", "/x")


def test_phone_that_goes_away_in_the_middle(tmp_path: Path) -> None:
    with serving(FakePhone("A1", drop="getprop"), FakePhone("B2", drop="push")) as server:
        with pytest.raises(AdbError, match="A1 went away during a shell request; look at the cable"):
            client(server).shell("A1", "getprop x", 5)
        with pytest.raises(AdbError, match="B2 went away during a sync request"):
            client(server).push("B2", bytes(10_000_000), "/x")


def test_phone_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = pytest.raises(AdbError, match=r"getprop did not end within 0\.2 s on A1")
    with serving(FakePhone("A1", hang="getprop")) as server, hanging:
        client(server).shell("A1", "getprop x", 0.2)
    monkeypatch.setattr(server_module, "_ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(AdbError, match="is no adb server"):
        AdbServer("127.0.0.1", silent.getsockname()[1]).attached()
