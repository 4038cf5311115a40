"""What a project stores, from Python and from the command, on a real server."""

import asyncio
import hashlib

import pytest
from modicum import AsyncClient, InvalidArgument, ModicumError, NotFound
from modicum.cli.command import app
from modicum.sources.contents import bytes_content
from modicum.transfers import upload
from typer.testing import CliRunner

from tests.rest.rest_stage import TOKENS

FILES = {hashlib.sha256(data).hexdigest(): len(data) for data in (b"a file", b"another file", b"the third")}


def client(served, role: str) -> AsyncClient:
    return AsyncClient(f"127.0.0.1:{served.grpc_port}", token=TOKENS[role])


@pytest.fixture
async def stored(served):
    async with client(served, "auditor") as auditor:
        await upload(
            auditor._connection, [bytes_content(data, "a file") for data in (b"a file", b"another file", b"the third")]
        )


async def test_a_viewer_lists_them_and_narrows_them_by_digest(served, stored):
    async with client(served, "viewer") as viewer:
        listed = {one.digest: one async for one in viewer.artifacts.list()}
        digest = min(FILES)
        narrowed = [one.digest async for one in viewer.artifacts.list(digest[:12])]
        with pytest.raises(InvalidArgument, match="hexadecimal"):
            [one async for one in viewer.artifacts.list("X")]

    assert {name: listed[name].size_bytes for name in FILES} == FILES
    assert listed[digest].name == f"projects/default/artifacts/{digest}"
    assert listed[digest].used_by == ()
    assert narrowed == [digest]


async def test_the_command_says_when_it_does_not_list_all(served, stored, monkeypatch):
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["viewer"])

    def run(*words: str):
        return asyncio.to_thread(CliRunner().invoke, app, ["artifacts", "list", *words])

    whole, some = await run("--json"), await run("--most", "1")

    assert all(f'"digest": "{digest}"' in whole.stdout for digest in FILES)  # logs of the server stand between
    assert "the first 1 are listed; --most N lists more" in some.stderr
    assert "--most" not in whole.stderr


async def test_an_artifact_is_downloaded_to_a_file_or_not_at_all(served, stored, tmp_path):
    digest, absent = min(FILES), "0" * 64
    (tmp_path / "kept").write_bytes(b"kept")
    async with client(served, "viewer") as viewer:
        await viewer.artifacts.download(digest, tmp_path / "bytes")
        with pytest.raises(NotFound):
            await viewer.artifacts.download(absent, tmp_path / "kept")

    assert hashlib.sha256((tmp_path / "bytes").read_bytes()).hexdigest() == digest
    assert (tmp_path / "kept").read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["bytes", "kept"]


async def test_the_command_downloads_an_artifact_and_names_what_it_wrote(served, stored, monkeypatch, tmp_path):
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["viewer"])
    file = tmp_path / "bytes"
    words = ["artifacts", "download", min(FILES), "--output"]

    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, str(file)])
    lost = await asyncio.to_thread(CliRunner().invoke, app, [*words, str(tmp_path / "no" / "folder")])

    assert f"wrote {file}" in done.stdout.replace("\n", "")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == min(FILES)
    assert (lost.exit_code, "its folder does not exist" in lost.stderr.replace("\n", " ")) == (2, True)


async def test_a_file_that_is_uploaded_again_mends_what_was_damaged(served, stored, monkeypatch, tmp_path):
    digest, file = hashlib.sha256(b"a file").hexdigest(), tmp_path / "file"
    place = served.artifact_store._path(digest)
    place.chmod(0o644)
    place.write_bytes(b"another bytes")
    file.write_bytes(b"a file")
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["auditor"])
    async with client(served, "viewer") as viewer:
        with pytest.raises(ModicumError) as broken:
            await viewer.artifacts.download(digest, tmp_path / "copy")

        said = await asyncio.to_thread(CliRunner().invoke, app, ["artifacts", "upload", str(file)])
        await viewer.artifacts.download(digest, tmp_path / "copy")

    assert broken.value.reason == "ARTIFACT_CORRUPT"
    assert f"{digest}  {file}" in said.stdout
    assert (tmp_path / "copy").read_bytes() == b"a file"


async def test_a_file_that_a_project_does_not_hold_is_stored(served, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"not held before")
    async with client(served, "auditor") as auditor:
        digest = await auditor.artifacts.upload(file)
        assert await auditor.artifacts.upload(file) == digest
        await auditor.artifacts.download(digest, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"not held before"
