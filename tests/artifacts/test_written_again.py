"""Bytes that a store has are written again, so that nobody learns by the time of an upload that another has them."""

from modicum_server.artifacts import folder_store
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.remote_store import RemoteArtifactStore
from modicum_server.artifacts.store import open_artifact_store

DATA = b"bytes"


async def test_bytes_that_are_there_are_written_like_others_so_that_the_time_does_not_tell(
    artifacts_url, tmp_path, monkeypatch
):
    store = open_artifact_store(artifacts_url, spool=tmp_path / "spool")
    folder = isinstance(store, FolderArtifactStore)
    where, name = (folder_store, "write_all_in") if folder else (RemoteArtifactStore, "_store")
    write, written = getattr(where, name), []

    def noted(*given):
        contents = given[0].values() if folder else given
        written.append(DATA in contents)
        write(*given)

    monkeypatch.setattr(where, name, noted)

    for _ in range(2):
        await store.put(DATA)

    assert written == [True, True]
