"""What `modicum-server fleet` refuses before it starts anything, each in one plain sentence."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from modicum_server.cli import main
from modicum_server.fleet.ray_address import RayAddress
from modicum_server.usecases.fleet_errors import RayNotPrivate

from tests.ports import free_port

SETTINGS = "MODICUM_DATABASE_URL=postgresql://nobody@127.0.0.1:1/none\nMODICUM_ARTIFACTS_URL=/tmp/none\n"
TLS = dict.fromkeys(("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT"), "/f") | {"RAY_USE_TLS": "1"}


@pytest.fixture
def settings(tmp_path) -> Path:
    path = tmp_path / "worker.env"
    path.touch(mode=0o600)
    path.write_text(SETTINGS)
    return path


@pytest.fixture
def said(monkeypatch, capsys):
    """Runs the command, with Ray installed or not. Returns its exit code and its last line."""

    def run(*options: object, installed: bool = True) -> tuple[int, str]:
        found = importlib.util.find_spec
        spec = found("json") if installed else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: spec if name == "ray" else found(name))
        monkeypatch.setattr(sys, "argv", ["modicum-server", "fleet", *map(str, options)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err.strip().splitlines()[-1]

    return run


def test_fewest_above_most(said, settings):
    assert said("--ray", "127.0.0.1:6379", "--settings", settings, "--min", 3, "--max", 2) == (
        2,
        "--min: expected at most --max, which is 2; got 3",
    )


def test_without_ray_it_says_what_to_install(said, settings):
    code, line = said("--ray", "127.0.0.1:6379", "--settings", settings, "--max", 2, installed=False)

    assert code == 2
    assert line == "the fleet needs Ray, which is not installed; install it: pip install 'modicum-server[ray]'"


@pytest.mark.parametrize("address", ["auto", "ray://h:10001", "127.0.0.1", "h:0", "h:70000", "h:6379/x"])
def test_an_address_that_ray_start_does_not_print(said, settings, address):
    code, line = said("--ray", address, "--settings", settings, "--max", 2)

    assert code == 2
    assert line.startswith("--ray: expected the HOST:PORT that `ray start --head` prints, such as 127.0.0.1:6379; got")


def test_nothing_answers(said, settings):
    port = free_port()

    code, line = said("--ray", f"127.0.0.1:{port}", "--settings", settings, "--max", 2)

    assert code == 3
    assert line == (
        f"--ray: no Ray answers at 127.0.0.1:{port}: Connection refused. Start it: ray start --head "
        f"--include-dashboard=false --port={port}"
    )


def test_a_head_beyond_loopback_needs_tls(said, settings):
    code, line = said("--ray", "192.0.2.7:6379", "--settings", settings, "--max", 2)

    assert code == 2
    assert "Set RAY_USE_TLS=1, RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY, RAY_TLS_CA_CERT here" in line
    assert line.endswith("or give --ray-without-tls if others cannot reach its network")


def test_with_the_files_of_tls_a_head_beyond_loopback_is_taken():
    RayAddress.parse("192.0.2.7:6379").require_private(TLS)

    with pytest.raises(RayNotPrivate, match="Set RAY_TLS_CA_CERT here"):
        RayAddress.parse("192.0.2.7:6379").require_private({**TLS, "RAY_TLS_CA_CERT": ""})


def test_a_head_on_loopback_that_others_reach_as_well_needs_tls(monkeypatch):
    monkeypatch.setattr("modicum_server.fleet.ray_address._own_addresses", lambda: {"127.0.0.2"})
    with socket.create_server(("127.0.0.2", 0)) as elsewhere:
        address = RayAddress("127.0.0.1", elsewhere.getsockname()[1])

        with pytest.raises(RayNotPrivate, match=f"Ray listens on 127.0.0.2:{address.port}"):
            address.require_private({})

    address.require_private({})


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        (
            0o644,
            SETTINGS,
            "other users of this machine can read this file, which holds the address of the database",
        ),
        (0o600, "MODICUM_ARTIFACTS_URL=/tmp/none\n", "not set: MODICUM_DATABASE_URL"),
        (None, "", "the file of settings cannot be read: No such file or directory"),
    ],
)
def test_a_file_of_settings_that_cannot_be_used(said, settings, mode, text, expected):
    settings.write_text(text)
    settings.unlink() if mode is None else settings.chmod(mode)

    code, line = said("--ray", "127.0.0.1:6379", "--settings", settings, "--max", 2)

    assert code == 2
    assert expected in line


def test_the_database_does_not_answer(said, settings):
    with socket.create_server(("127.0.0.1", 0)) as head:
        code, line = said("--ray", f"127.0.0.1:{head.getsockname()[1]}", "--settings", settings, "--max", 2)

    assert code == 3
    assert "database" in line


def test_the_help_needs_no_ray():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['ray'] = None; from modicum_server.cli import main; main()",
            "fleet",
            "--help",
        ],
        capture_output=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
