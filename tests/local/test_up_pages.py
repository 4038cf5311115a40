"""`modicum-server up` says where the pages are, and on a terminal how to sign in."""

import http.client
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from modicum_server.cli import _say_folder, _say_pages

from tests.local.test_local_commands import environment, words
from tests.waiting import PATIENCE_SECONDS

LINK = re.compile(r"(http://127\.0\.0\.1:\d+/sign-in)#([\w-]{43})  ")


def test_the_sign_in_link_stands_in_no_file(capsys):
    _say_pages("http://127.0.0.1:7401", "secret", Path("data/token"))

    assert capsys.readouterr().out == (
        "pages  http://127.0.0.1:7401/\n"
        "       (the sign-in link is shown on a terminal only; sign in with the token in data/token)\n"
    )


def test_commands_are_told_the_folder_unless_they_know_it(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "my data"
    monkeypatch.delenv("MODICUM_DATA", raising=False)
    _say_folder(folder)
    monkeypatch.setenv("MODICUM_DATA", str(folder))
    _say_folder(folder)

    assert capsys.readouterr().out == f"export MODICUM_DATA='{folder}'  # commands then find this server\n"


@pytest.mark.long
def test_a_terminal_shows_a_link_and_no_log_has_it(short_folder):
    data = short_folder / "data"
    ours, theirs = pty.openpty()
    command = words("up", "--data", data, "--grpc-port", 0, "--http-port", 0)
    with subprocess.Popen(command, env=environment(), stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        said = ""
        while (found := LINK.search(said)) is None:
            said += os.read(ours, 4096).decode()
        address = urlsplit(found[1])
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        connection.request("GET", address.path)
        status = connection.getresponse().status
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(ours)

    assert said.startswith("pages  http://127.0.0.1:")
    assert status == 200
    logs = "".join(file.read_text(errors="replace") for file in data.glob("*.log"))
    assert "sign_in_form" in logs
    assert found[2] not in logs
