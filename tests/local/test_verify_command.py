"""`modicum-server verify`: what is damaged, in a table, with an exit code; and how to go on."""

import hashlib
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.commands.verify import rest_command
from modicum_server.store.postgres import PostgresStore

from tests.local.test_local_commands import USAGE, environment, run, words

DATA = [f"content {place}".encode() for place in range(3)]
DIGESTS = [hashlib.sha256(data).hexdigest() for data in DATA]


@pytest.fixture
async def settings(database_url, tmp_path) -> dict[str, str]:
    """Three artifacts of a database and its artifact store."""
    store, artifacts = PostgresStore(database_url), open_artifact_store(str(tmp_path / "artifacts"))
    async with store.transaction() as transaction:
        for digest, data in zip(DIGESTS, DATA, strict=True):
            await artifacts.put(data)
            await transaction.artifacts.add("projects/default", digest, len(data))
    await store.close()
    return {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}


def place_of(tmp_path, digest):
    return tmp_path / "artifacts" / "sha256" / digest[:2] / digest


@pytest.mark.long
def test_a_sound_store_ends_with_0_and_is_not_changed(settings, tmp_path):
    done = run("verify", **settings)

    last = "3 artifacts: 0 missing, 0 corrupt, 0 unreadable, 0 orphaned"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, last)
    assert not (tmp_path / "artifacts" / "store-id").exists()  # the first start of a server gives it


def test_damage_is_told_in_a_table_and_ends_with_1(settings, tmp_path):
    place_of(tmp_path, DIGESTS[0]).unlink()
    damaged = place_of(tmp_path, DIGESTS[1])
    damaged.unlink()
    damaged.write_bytes(b"other")
    unreadable = place_of(tmp_path, DIGESTS[2])
    unreadable.unlink()
    unreadable.mkdir()

    done = run("verify", "--rate", "1MB", **settings)

    rows = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()[2:-1]}
    assert (done.returncode, rows) == (1, {DIGESTS[0]: "MISSING", DIGESTS[1]: "CORRUPT", DIGESTS[2]: "UNREADABLE"})
    assert "projects/default" in done.stdout


@pytest.mark.long
def test_a_signal_tells_how_to_go_on(settings, tmp_path):
    first = min(DIGESTS)
    place_of(tmp_path, first).unlink()
    command = words("verify", "--rate", "1")
    with subprocess.Popen(command, env=environment(**settings), text=True, stdout=-1, stderr=-1) as process:
        rows = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)

    assert (process.returncode, rows[2].split()[:2]) == (3, ["MISSING", first])
    assert f"modicum-server verify --after {first} --rate 1" in said
    rest = run("verify", "--after", first, **settings)
    assert rest.stdout.splitlines()[-1].startswith("2 artifacts:")


def test_the_command_that_goes_on_is_one_that_a_shell_takes():
    words_ = shlex.split(rest_command("ab" * 32, "50MB", Path("/srv/my data")))

    assert words_ == ["modicum-server", "verify", "--after", "ab" * 32, "--rate", "50MB", "--data", "/srv/my data"]


@pytest.mark.parametrize(("option", "value"), [("--rate", "fast"), ("--rate", "0"), ("--after", "here")])
@pytest.mark.long
def test_an_option_that_cannot_be_read_is_refused(option, value):
    done = run("verify", option, value)

    assert done.returncode == USAGE
    assert option in done.stderr


@pytest.mark.long
def test_the_artifacts_of_another_database_are_refused_by_every_process(settings, tmp_path):
    (tmp_path / "artifacts" / "store-id").write_text("another")

    for command in ("verify", "serve"):
        done = run(command, **settings)

        assert done.returncode == 3
        assert "belongs to store another" in done.stderr


@pytest.mark.long
def test_up_with_a_database_left_in_the_environment_says_that_it_is_not_that_of_the_data_folder(
    database_url, short_folder
):
    data = short_folder / "data"
    (data / "artifacts").mkdir(parents=True)
    (data / "artifacts" / "store-id").write_text("another")

    done = run("up", "--data", data, "--grpc-port", "0", "--http-port", "0", MODICUM_DATABASE_URL=database_url)

    assert done.returncode == 3
    assert f"{data / 'artifacts'} belongs to store another" in done.stderr
    assert "MODICUM_DATABASE_URL" in done.stderr
