"""`modicum-server` as an operator types it: errors say what is wrong and have the right exit code."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from modicum import Client, errors

from tests.tiers import long
from tests.waiting import PATIENCE_SECONDS, eventually

USAGE, NOT_COMPLETED = 2, 3


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")} | variables


def words(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "modicum_server.cli", *map(str, arguments)]


def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        words(*arguments), capture_output=True, text=True, timeout=300, check=False, env=environment(**variables)
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


@contextmanager
def running(ready: Path, *arguments: object, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield a command that has written the file `ready`. It must end well on SIGTERM."""
    with subprocess.Popen(
        words(*arguments), env=environment(**variables), text=True, stderr=subprocess.PIPE
    ) as process:
        try:
            eventually(lambda: ready.exists() or process.poll() is not None, "the file of readiness")
            assert ready.exists(), process.stderr.read()
            yield process
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    "command", [("serve",), *map(long, (("worker",), ("migrate",), ("token", "create", "--principal", "me")))]
)
@pytest.mark.long
def test_a_command_without_its_settings_names_them(command):
    done = run(*command)

    assert done.returncode == USAGE
    assert "MODICUM_DATABASE_URL" in done.stderr


@pytest.mark.long
def test_a_command_without_a_place_for_artifacts_names_it():
    done = run("serve", MODICUM_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")

    assert done.returncode == USAGE
    assert "MODICUM_ARTIFACTS_URL" in done.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MODICUM_GRPC_PORT", "seven", ("MODICUM_GRPC_PORT", "seven")),
        long("MODICUM_LEASE_SECONDS", "-1", ("MODICUM_LEASE_SECONDS", "-1")),
        long("MODICUM_SLOTS", "0", ("MODICUM_SLOTS", "0")),
        ("MODICUM_TLS_CERT", "chain.pem", ("MODICUM_TLS_KEY", "both")),
    ],
)
def test_an_invalid_setting_is_named_with_its_value(variable, value, said):
    done = run("serve", **{variable: value})

    assert done.returncode == USAGE
    assert all(word in done.stderr for word in said), done.stderr


@pytest.mark.parametrize(
    "command", [("serve",), *map(long, (("migrate",), ("token", "create", "--principal", "me"), ("worker",)))]
)
def test_a_missing_database_is_reported(command, tmp_path):
    done = run(
        *command,
        MODICUM_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/nothing?connect_timeout=2",
        MODICUM_ARTIFACTS_URL=str(tmp_path),
        MODICUM_GRPC_PORT="0",
        MODICUM_HTTP_PORT="0",
        MODICUM_WORKER_METRICS_PORT="0",
    )

    assert done.returncode == NOT_COMPLETED
    assert "database" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("address", ["postgresql://me:secret@somewhere/x?unknown=1", "mysql://me:secret@somewhere"])
@pytest.mark.parametrize(
    "setting", ["MODICUM_DATABASE_LISTEN_URL", "MODICUM_DATABASE_URL", "MODICUM_OWNER_DATABASE_URL"]
)
@pytest.mark.long
def test_an_invalid_database_url_is_reported_with_its_setting_and_without_its_password(setting, address):
    done = run("migrate", **{"MODICUM_DATABASE_URL": "postgresql://127.0.0.1:1/nothing", setting: address})

    assert done.returncode == USAGE
    assert done.stderr.startswith(f"{setting}: ")
    assert "postgresql://" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.long
def test_migrating_twice_changes_nothing_the_second_time(empty_database_url):
    first, again = (run("migrate", MODICUM_DATABASE_URL=empty_database_url) for _ in range(2))

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout == again.stdout == "the schema is current\n"


@pytest.mark.long
@pytest.mark.parametrize("command", ["worker", long("serve")])
def test_a_database_without_the_schema_is_reported_with_the_migrate_command(empty_database_url, tmp_path, command):
    done = run(
        *(command, *(("--grpc-port", 0, "--http-port", 0) if command == "serve" else ("--metrics-port", 0))),
        MODICUM_DATABASE_URL=empty_database_url,
        MODICUM_ARTIFACTS_URL=str(tmp_path),
    )

    assert done.returncode == NOT_COMPLETED
    assert "modicum-server migrate" in done.stderr


@pytest.mark.long
def test_an_api_started_before_its_schema_serves_once_the_schema_exists(empty_database_url, tmp_path):
    settings = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}
    ready = tmp_path / "ready.json"
    migrating = threading.Timer(1.0, run, ["migrate"], settings)
    migrating.start()

    with running(
        ready, "serve", "--await-schema", "--grpc-port", 0, "--http-port", 0, "--ready-file", ready, **settings
    ):
        migrating.join()

        assert ready.exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "command", [("serve", "--grpc-port", 0, "--http-port", 0), long(("worker", "--metrics-port", 0))]
)
def test_a_process_that_waits_for_its_schema_stops_on_sigterm(empty_database_url, tmp_path, command):
    settings = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}
    with subprocess.Popen(
        words(*command, "--await-schema"), env=environment(**settings), text=True, stderr=subprocess.PIPE
    ) as process:
        try:
            eventually(
                lambda: process.poll() is not None or _waits(process.pid, empty_database_url), "its look for the schema"
            )
            process.terminate()
            said = process.communicate(timeout=300)[1]
        finally:
            process.kill()

    assert process.returncode == 0, said
    assert "Traceback" not in said


def _waits(pid: int, database_url: str) -> bool:
    """Whether a process looks for its schema, and ends well on a signal."""
    return _heeds_signals(pid) and _is_asked(database_url)


def _heeds_signals(pid: int) -> bool:
    """Whether a process catches SIGTERM. Then it has finished its imports."""
    lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(lines["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)


def _is_asked(database_url: str) -> bool:
    """Whether another client is connected to the database."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    with psycopg.connect(database_url) as connection:
        return connection.execute(others).fetchone() != (0,)


@pytest.mark.long
def test_tokens_are_made_with_a_role_and_refused_once_revoked(database_url, tmp_path):
    settings = {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}
    viewer = run("token", "create", "--principal", "eve", "--role", "viewer", **settings).stdout.strip()
    auditor = run("token", "create", "--principal", "adam", **settings).stdout.strip()
    unknown = run("token", "create", "--principal", "eve", "--role", "king", **settings)
    ready = tmp_path / "ready.json"

    with running(ready, "serve", "--grpc-port", 0, "--http-port", 0, "--ready-file", ready, **settings):
        address = ready.read_text().split('"grpc_address": "')[1].split('"')[0]
        with Client(address, token=viewer) as client:
            assert list(client.audits.list()) == []
            with pytest.raises(errors.PermissionDenied):
                client.datasets.upload("d", _picture(tmp_path))
        with Client(address, token=auditor) as client:
            assert client.datasets.upload("d", _picture(tmp_path)).item_count == 1
            revoked = run("token", "revoke", "--principal", "adam", **settings).stdout
            assert "removed adam as auditor in projects/default" in revoked
            with pytest.raises(errors.Unauthenticated, match="MODICUM_TOKEN"):
                client.datasets.get("d")
        with Client(address, token="invented") as client, pytest.raises(errors.Unauthenticated):
            list(client.audits.list())

    assert unknown.returncode == USAGE
    assert "viewer, auditor or admin" in unknown.stderr


def _picture(folder: Path) -> Path:
    (folder / "photos").mkdir(exist_ok=True)
    (folder / "photos" / "a.png").write_bytes(b"not looked at before an audit")
    return folder / "photos"


@pytest.mark.long
@pytest.mark.parametrize("option", ["--grpc-port", long("--http-port")])
def test_a_port_in_use_is_reported(database_url, tmp_path, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"--grpc-port": 0, "--http-port": 0} | {option: port}

        done = run(
            "serve",
            *(word for pair in ports.items() for word in pair),
            MODICUM_DATABASE_URL=database_url,
            MODICUM_ARTIFACTS_URL=str(tmp_path),
        )

    assert done.returncode == NOT_COMPLETED
    assert f"127.0.0.1:{port}" in done.stderr
    assert "choose another port" in done.stderr


@pytest.mark.long
def test_a_second_server_on_a_folder_says_so_and_the_first_goes_on(short_folder):
    up = ("up", "--data", short_folder / "data", "--grpc-port", 0, "--http-port", 0)
    with running(short_folder / "data" / "server.json", *up):
        second = run(*up)
        token = (short_folder / "data" / "token").read_text()
        address = (short_folder / "data" / "server.json").read_text().split('"grpc_address": "')[1].split('"')[0]

        with Client(address, token=token) as client:
            assert list(client.models.list()) == []

    assert second.returncode == NOT_COMPLETED
    assert "already runs" in second.stderr
    assert "--data" in second.stderr
    assert not (short_folder / "data" / "server.json").exists()


@pytest.mark.long
def test_up_reports_a_port_in_use(short_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = run("up", "--data", short_folder / "data", "--grpc-port", port, "--http-port", 0)

    assert done.returncode == NOT_COMPLETED
    assert f"127.0.0.1:{port}" in done.stderr
    assert "choose another port" in done.stderr
    assert [path for path in _command_lines() if str(short_folder).encode() in path] == []


def _command_lines() -> list[bytes]:
    """The command lines of the processes that run here."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return lines


@pytest.mark.long
def test_a_data_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("a file")

    for place in (tmp_path / "file", tmp_path / "file" / "data", Path("/proc/data")):
        done = run("up", "--data", place)

        assert done.returncode in {USAGE, NOT_COMPLETED}
        assert str(place) in done.stderr
        assert "--data" in done.stderr


def test_up_without_a_java_runtime_says_so_at_once(short_folder):
    done = run("up", "--data", short_folder / "data", MODICUM_JAVA="/nonexistent/java")

    assert done.returncode == NOT_COMPLETED
    assert "MODICUM_JAVA" in done.stderr


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL is another user")
def test_as_root_a_data_folder_that_postgres_cannot_reach_is_reported(short_folder):
    (short_folder / "closed").mkdir(mode=0o700)

    done = run("up", "--data", short_folder / "closed" / "data", "--grpc-port", 0, "--http-port", 0)

    assert done.returncode == NOT_COMPLETED
    assert "/var/lib/modicum" in done.stderr
