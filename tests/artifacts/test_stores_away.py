"""A store that is away is told from bytes that are not there: the first is waited for."""

import shutil

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.errors import DependencyUnavailable

DIGEST = "a" * 64


class Unreachable:
    """A driver of a remote store raises errors of its own, which are no OSError."""

    def __getattr__(self, name):
        def call(*args, **kwargs):
            raise RuntimeError("could not connect to the endpoint URL")

        return call


class Silent(Unreachable):
    """A driver whose `exists` says False of whatever it cannot ask for, as fsspec's own does."""

    def exists(self, path):
        return False


@pytest.fixture(params=["unmounted", "emptied", "unreachable", "silent"])
def away(request, tmp_path):
    """A store that was there as it was opened."""
    if request.param in {"unreachable", "silent"}:
        store = open_artifact_store("memory://away/artifacts", spool=tmp_path / "spool")
        store._files = Unreachable() if request.param == "unreachable" else Silent()
        return store
    store = open_artifact_store(str(tmp_path / "artifacts"))
    shutil.rmtree(tmp_path / "artifacts")
    if request.param == "emptied":
        (tmp_path / "artifacts").mkdir()
    return store


async def read(store):
    return [piece async for piece in store.read(DIGEST)]


async def stored(store):
    return [digest async for digest in store.stored("")]


@pytest.mark.parametrize("look", [read, stored, lambda store: store.store_id(), lambda store: store.put(b"data")])
async def test_it_is_away_and_not_empty(away, look):
    with pytest.raises(DependencyUnavailable):
        await look(away)


async def test_nothing_is_fetched_from_it(away, tmp_path):
    with pytest.raises(DependencyUnavailable):
        await away.fetch(DIGEST, tmp_path / "slot" / DIGEST)


def test_a_remote_store_keeps_no_listing_because_other_processes_store_files_too(tmp_path):
    store = open_artifact_store("memory://shared/artifacts", spool=tmp_path / "spool")

    assert store._files.dircache.use_listings_cache is False
