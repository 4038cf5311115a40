"""Starting and stopping: what is needed, what is left."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psutil
import pytest
from modicum_server.model_server import ModelServerDown
from modicum_server.processes.locked_folders import delete_abandoned
from modicum_server.settings import Settings
from modicum_server.torchserve import java
from modicum_server.torchserve.adapter import TorchServe
from modicum_server.torchserve.folders import PREFIX, create_server_folder

from tests.living import lives
from tests.torchserve.torchserve_stage import HANDLER, FolderOfArtifacts
from tests.waiting import eventually, until

ROOT = Path(__file__).parents[2]


def children_of(pid):
    """Living processes below `pid`."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found += [int(path.name), *children_of(int(path.name))]
    return found


def wait_ended(pid):
    """Wait until a process is gone."""
    eventually(lambda: not lives(pid), f"the end of process {pid}")


async def test_without_java_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(java, "_package_folder", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = TorchServe(Settings(run_folder=tmp_path, _env_file=None), FolderOfArtifacts(tmp_path))

    with pytest.raises(ModelServerDown, match=r"modicum-server\[local\].*MODICUM_JAVA"):
        await server.start()


async def test_a_start_that_was_begun_and_failed_is_told_when_it_is_waited_for_and_leaves_nothing(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    server = TorchServe(Settings(java=tmp_path / "none", _env_file=None), FolderOfArtifacts(tmp_path))

    server.begin()
    with pytest.raises(ModelServerDown, match="none"):
        await server.start()
    await server.stop()
    await server.stop()

    assert list(tmp_path.glob("modicum-run-*")) == []


async def test_a_start_that_was_begun_is_given_up_by_a_stop(tmp_path):
    server = TorchServe(Settings(run_folder=tmp_path, _env_file=None), FolderOfArtifacts(tmp_path), handler=HANDLER)
    others = set(children_of(os.getpid()))  # such as the database of other tests

    server.begin()
    started = await until(lambda: set(children_of(os.getpid())) - others)
    await server.stop()

    for pid in started:
        wait_ended(pid)


def test_a_configured_java_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ModelServerDown, match="no-java"):
        java.find_java(tmp_path / "no-java")


async def test_a_java_that_fails_is_told_with_what_it_wrote(tmp_path):
    script = tmp_path / "java"
    script.write_text("#!/bin/sh\necho this is no java\nexit 1\n")
    script.chmod(0o755)
    server = TorchServe(Settings(run_folder=tmp_path / "run", java=script, _env_file=None), FolderOfArtifacts(tmp_path))

    with pytest.raises(ModelServerDown, match="this is no java"):
        await server.start()


def test_the_folder_of_a_killed_owner_is_deleted_and_a_living_one_is_kept(tmp_path):
    kept, abandoned = create_server_folder(tmp_path), create_server_folder(tmp_path)
    os.close(abandoned.held.lock)

    delete_abandoned(PREFIX, tmp_path)

    assert (kept.path.exists(), abandoned.path.exists()) == (True, False)
    kept.delete()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.acceptance
async def test_it_listens_on_loopback_only_and_stopping_leaves_no_process_and_no_file(tmp_path):
    before = set(children_of(os.getpid()))
    server = TorchServe(Settings(_env_file=None), FolderOfArtifacts(tmp_path), handler=HANDLER)
    await server.start()
    running = await server._supervisor.ready(1)
    started = set(children_of(os.getpid())) - before
    listening = [
        each.laddr for each in psutil.Process(running.process.pid).net_connections() if each.status == "LISTEN"
    ]
    slot_folder = server._slots[0].folder

    await server.stop()
    await server.stop()

    assert len(started) >= 2
    assert [ip.removeprefix("::ffff:") for ip, _ in listening] == ["127.0.0.1"] * 2
    assert set(children_of(os.getpid())) & started == set()
    assert not running.folder.path.exists()
    assert not slot_folder.exists()


@pytest.mark.long
@pytest.mark.acceptance
async def test_a_handler_that_does_not_load_is_told_with_what_it_wrote(tmp_path):
    handler = tmp_path / "broken_handler.py"
    handler.write_text("raise RuntimeError('this handler is broken')\n")
    server = TorchServe(Settings(_env_file=None), FolderOfArtifacts(tmp_path), handler=handler)

    with pytest.raises(ModelServerDown, match="this handler is broken"):
        await server.start()


@pytest.mark.long
@pytest.mark.acceptance
def test_a_killed_worker_leaves_no_process(tmp_path):
    script = f"""
        import asyncio
        from pathlib import Path
        from modicum_server.settings import Settings
        from modicum_server.torchserve.adapter import TorchServe

        async def main():
            server = TorchServe(Settings(run_folder=Path({str(tmp_path)!r})), None, handler=Path({str(HANDLER)!r}))
            await server.start()
            print("up", flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert b"up\n" in iter(owner.stdout.readline, b"")
        started = children_of(owner.pid)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()

    assert len(started) >= 2
    for pid in started:
        wait_ended(pid)
    create_server_folder().delete()
