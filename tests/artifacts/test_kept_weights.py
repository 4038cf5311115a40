"""Weights of a remote store are fetched once, and what is kept of them stays within its bound."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from modicum_server.artifacts.kept_weights import KeptWeights
from modicum_server.artifacts.store import open_artifact_store, weights_source
from modicum_server.errors import ArtifactNotFound

FIRST, SECOND, THIRD = (bytes([place]) * 1_000 for place in range(3))


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Remote:
    """Counts what is fetched from it."""

    def __init__(self, *held: bytes) -> None:
        self.held = {digest_of(data): data for data in held}
        self.fetched: list[str] = []

    async def fetch(self, digest: str, destination: Path) -> None:
        await asyncio.sleep(0)
        if digest not in self.held:
            raise ArtifactNotFound("gone", digest=digest)
        self.fetched.append(digest)
        destination.write_bytes(self.held[digest])


@pytest.fixture
def remote() -> Remote:
    return Remote(FIRST, SECOND, THIRD)


@pytest.fixture
def kept(remote, tmp_path) -> KeptWeights:
    return KeptWeights(remote, tmp_path / "kept", 2_500)


async def staged(kept: KeptWeights, data: bytes, slot: Path) -> bytes:
    slot.mkdir(exist_ok=True)
    place = slot / digest_of(data)
    await kept.fetch(digest_of(data), place)
    found = place.read_bytes()
    place.unlink()
    return found


async def test_weights_are_fetched_once_for_any_number_of_tasks(kept, remote, tmp_path):
    assert [await staged(kept, FIRST, tmp_path / "slot") for _ in range(3)] == [FIRST] * 3

    assert remote.fetched == [digest_of(FIRST)]


async def test_two_slots_that_need_the_same_weights_at_once_fetch_them_once(kept, remote, tmp_path):
    found = await asyncio.gather(*(staged(kept, FIRST, tmp_path / f"slot{number}") for number in range(2)))

    assert found == [FIRST, FIRST]
    assert remote.fetched == [digest_of(FIRST)]


async def test_those_that_were_not_used_for_the_longest_time_make_room(kept, remote, tmp_path):
    for place, data in enumerate((FIRST, SECOND)):
        await staged(kept, data, tmp_path / "slot")
        os.utime(tmp_path / "kept" / digest_of(data), (place, place))
    await staged(kept, FIRST, tmp_path / "slot")
    await staged(kept, THIRD, tmp_path / "slot")

    assert {path.name for path in (tmp_path / "kept").iterdir()} == {digest_of(FIRST), digest_of(THIRD)}
    assert await staged(kept, SECOND, tmp_path / "slot") == SECOND
    assert remote.fetched.count(digest_of(SECOND)) == 2


async def test_weights_larger_than_the_bound_are_fetched_each_time(remote, tmp_path):
    kept = KeptWeights(remote, tmp_path / "kept", 999)

    assert [await staged(kept, FIRST, tmp_path / "slot") for _ in range(2)] == [FIRST, FIRST]

    assert len(remote.fetched) == 2


async def test_kept_weights_that_were_damaged_are_fetched_again(kept, remote, tmp_path):
    await staged(kept, FIRST, tmp_path / "slot")
    damaged = tmp_path / "kept" / digest_of(FIRST)
    damaged.chmod(0o600)
    damaged.write_bytes(b"damaged")

    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert remote.fetched == [digest_of(FIRST)] * 2


async def test_weights_that_the_store_lacks_are_not_kept(kept, tmp_path):
    with pytest.raises(ArtifactNotFound):
        await kept.fetch("0" * 64, tmp_path / "place")

    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("url", "most_bytes", "keeps"), [("memory://w", 10, True), ("memory://w", 0, False), ("", 10, False)]
)
def test_only_a_remote_store_has_weights_kept_in_a_folder_that_goes(tmp_path, url, most_bytes, keeps):
    store = open_artifact_store(url or str(tmp_path / "artifacts"), spool=tmp_path / "spool")

    with weights_source(store, tmp_path / "run", most_bytes) as source:
        assert isinstance(source, KeptWeights) == keeps
        assert (source is store) != keeps

    assert not list((tmp_path / "run").glob("*"))
