"""The chains of the trail: sealed in order while writers do not wait, and every kind of tampering is named."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from modicum_server.domain.trail import BEGINNING, NewTrailEntry, Seal, chain_hash
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.trail import AskedEntries, Trail
from modicum_server.usecases.trail_sealing import keep_sealing, seal_waiting
from modicum_server.usecases.trail_verifying import Checked, Flaw, FlawKind, verify_trail

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, Place

OTHER = "projects/other"
LATER = datetime.now(UTC) + timedelta(hours=1)
"""When nothing that was written during a test is young."""


async def write(store, *resources: str) -> None:
    for resource in resources:
        async with store.transaction() as transaction:
            project = "/".join(resource.split("/")[:2])
            await transaction.trail.write(NewTrailEntry(project, "otto", "CreateModel", resource))


async def flaws_of(store, *, heads=(), now=LATER, page=1000):
    return [flaw async for flaw in verify_trail(store, Checked(), known_heads=heads, now=now, page=page)]


async def heads_of(store):
    async with store.transaction() as transaction:
        return await transaction.trail.heads()


@pytest.fixture
async def sealed(place: Place) -> Place:
    """Two chains: five entries of the default project, two of another one."""
    names = [f"{PROJECT}/models/{number}" for number in range(5)]
    await write(place.store, *names[:3], f"{OTHER}/models/a", *names[3:], f"{OTHER}/models/b")
    assert await seal_waiting(place.store) == 7
    return place


@pytest.fixture
def tamper(database_url):
    """Changes the database as its superuser could."""

    def run(statement, *values) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(statement, values)

    return run


async def test_each_project_has_a_chain_of_its_own_without_gaps(sealed):
    async with sealed.store.transaction() as transaction:
        links = await transaction.trail.links(PROJECT, after=0, limit=100)

    assert [link.seal.sequence for link in links] == [1, 2, 3, 4, 5]
    assert [link.entry.resource[-1] for link in links] == ["0", "1", "2", "3", "4"]
    assert [(head.project, head.sequence) for head in await heads_of(sealed.store)] == [(PROJECT, 5), (OTHER, 2)]
    assert await flaws_of(sealed.store) == []
    assert await flaws_of(sealed.store, page=2) == []


async def test_a_hash_covers_every_field_the_place_and_the_hash_before(sealed):
    async with sealed.store.transaction() as transaction:
        entry = (await transaction.trail.links(PROJECT, after=0, limit=1))[0].entry
    given = chain_hash(BEGINNING, 1, entry)
    texts = ("project", "principal", "token_id", "verb", "resource", "reason", "detail", "request_id", "client_address")
    others = {
        **dict.fromkeys(texts, "another"),
        "id": 77,
        "attempts": 2,
        "time": entry.time + timedelta(microseconds=1),
    }
    others["outcome"] = "REFUSED"

    hashes = {chain_hash(BEGINNING, 1, replace(entry, **{name: value})) for name, value in others.items()}

    assert entry.hash == given
    assert len(hashes | {given, chain_hash(BEGINNING, 2, entry), chain_hash("1" * 64, 1, entry)}) == len(others) + 3


async def test_a_chain_goes_on_where_it_ended(sealed):
    before = await heads_of(sealed.store)
    await write(sealed.store, f"{PROJECT}/models/5")

    await seal_waiting(sealed.store)

    assert [(head.project, head.sequence) for head in await heads_of(sealed.store)] == [(PROJECT, 6), (OTHER, 2)]
    assert await flaws_of(sealed.store, heads=before) == []


async def test_what_was_written_when_a_process_died_is_sealed_by_the_next(place, database_url):
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())
    await place.store.close()  # before anything was sealed

    another = PostgresStore(database_url)
    assert await seal_waiting(another) == 1
    assert await flaws_of(another) == []
    await another.close()


async def test_a_process_that_dies_while_it_seals_leaves_no_half_of_it(place, database_url):
    await write(place.store, f"{PROJECT}/models/a", f"{PROJECT}/models/b")

    async def seal_one_and_die() -> None:
        async with place.store.transaction() as transaction:
            first = (await transaction.trail.waiting(10))[0]
            await transaction.trail.seal([Seal(PROJECT, 1, first.id, chain_hash(BEGINNING, 1, first))])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await seal_one_and_die()

    assert await seal_waiting(place.store) == 2
    assert await flaws_of(place.store) == []


async def test_entries_that_commit_out_of_order_are_all_sealed(place):
    async with place.store.transaction() as slow:
        await slow.trail.write(NewTrailEntry(PROJECT, "otto", "CreateModel", "first"))
        await write(place.store, f"{PROJECT}/models/second")
        assert await seal_waiting(place.store) == 1
    await seal_waiting(place.store)

    async with place.store.transaction() as transaction:
        links = await transaction.trail.links(PROJECT, after=0, limit=9)
    assert [link.entry.resource.rsplit("/")[-1] for link in links] == ["second", "first"]
    assert await flaws_of(place.store) == []


async def test_a_writer_does_not_wait_for_whoever_seals_and_two_do_not_seal_at_once(place):
    await write(place.store, f"{PROJECT}/models/a")
    async with place.store.transaction() as sealing:
        assert await sealing.trail.take_turn()

        async with asyncio.timeout(20):
            await write(place.store, f"{PROJECT}/models/b")
            assert await seal_waiting(place.store) == 0

    assert await seal_waiting(place.store) == 2


async def test_many_writers_and_sealers_at_once_make_sound_chains(place):
    async def writing(number: int) -> None:
        await write(place.store, *(f"projects/p{number % 2}/models/{number}-{turn}" for turn in range(5)))

    failures: list[Exception] = []
    sealers = [asyncio.create_task(keep_sealing(place.store, failures.append, pause_seconds=0.001)) for _ in range(2)]
    await asyncio.gather(*map(writing, range(6)))
    for sealer in sealers:
        sealer.cancel()
    await asyncio.gather(*sealers, return_exceptions=True)
    async with asyncio.timeout(
        60
    ):  # the database ends the transaction of a cancelled sealer, which has its turn, later
        while sum(head.sequence for head in await heads_of(place.store)) < 30:
            await seal_waiting(place.store)
            await asyncio.sleep(0.01)

    assert failures == []
    assert [head.sequence for head in await heads_of(place.store)] == [15, 15]
    assert await flaws_of(place.store) == []


async def test_a_changed_entry_is_named(sealed, tamper):
    tamper("UPDATE trail_entries SET principal = 'somebody' WHERE resource = %s", f"{PROJECT}/models/2")

    (flaw,) = await flaws_of(sealed.store)

    assert (flaw.kind, flaw.project, flaw.sequence) == (FlawKind.CHANGED, PROJECT, 3)


async def test_a_changed_entry_with_a_new_hash_is_named_at_the_next_one(sealed, tamper):
    async with sealed.store.transaction() as transaction:
        second, third = await transaction.trail.links(PROJECT, after=1, limit=2)
    forged = chain_hash(second.seal.hash, 3, replace(third.entry, principal="somebody"))
    tamper("UPDATE trail_entries SET principal = 'somebody' WHERE id = %s", third.entry.id)
    tamper("UPDATE trail_seals SET hash = %s WHERE entry_id = %s", forged, third.entry.id)

    flaws = await flaws_of(sealed.store)

    assert [(flaw.kind, flaw.sequence) for flaw in flaws] == [(FlawKind.CHANGED, 4)]


async def test_a_deleted_entry_is_named_with_and_without_its_seal(sealed, tamper):
    tamper("DELETE FROM trail_entries WHERE resource = %s", f"{PROJECT}/models/1")
    with_seal = await flaws_of(sealed.store)
    tamper("DELETE FROM trail_seals WHERE project = %s AND sequence = 2", PROJECT)
    without_seal = await flaws_of(sealed.store)

    assert [(flaw.kind, flaw.sequence, flaw.entry_id > 0) for flaw in with_seal] == [(FlawKind.DELETED, 2, True)]
    assert [(flaw.kind, flaw.sequence, flaw.entry_id > 0) for flaw in without_seal] == [(FlawKind.DELETED, 2, False)]


async def test_a_deleted_entry_that_was_not_sealed_yet_is_named(place, tamper):
    await write(place.store, f"{PROJECT}/models/a")
    tamper("DELETE FROM trail_entries")

    assert [flaw.kind for flaw in await flaws_of(place.store)] == [FlawKind.DELETED]
    assert await seal_waiting(place.store) == 0


async def test_an_inserted_entry_is_named_by_its_id(sealed, tamper):
    tamper(
        "INSERT INTO trail_entries (project, principal, token_id, verb, resource, outcome, reason, detail, attempts,"
        " request_id, client_address) VALUES (%s, 'ada', '', 'DeleteAudit', 'x', 'DONE', '', '', 1, '', '')",
        PROJECT,
    )

    (flaw,) = await flaws_of(sealed.store)

    assert (flaw.kind, flaw.project, flaw.entry_id > 0) == (FlawKind.INSERTED, PROJECT, True)


async def test_an_entry_that_nobody_seals_is_named_after_ten_minutes(place):
    await write(place.store, f"{PROJECT}/models/a")

    young = await flaws_of(place.store, now=datetime.now(UTC))
    old = await flaws_of(place.store, now=datetime.now(UTC) + timedelta(minutes=11))

    assert (young, [flaw.kind for flaw in old]) == ([], [FlawKind.UNSEALED])


async def test_an_end_that_was_cut_off_is_named_by_the_exported_heads_alone(sealed, tamper):
    heads = await heads_of(sealed.store)
    tamper("DELETE FROM trail_entries WHERE resource = %s", f"{PROJECT}/models/4")
    tamper("DELETE FROM trail_seals WHERE project = %s AND sequence = 5", PROJECT)

    assert await flaws_of(sealed.store) == []
    assert await flaws_of(sealed.store, heads=heads) == [Flaw(FlawKind.REPLACED, PROJECT, 5, 0)]


async def test_a_chain_that_was_made_anew_is_named_by_the_exported_heads(sealed, tamper):
    heads = await heads_of(sealed.store)
    tamper("DELETE FROM trail_seals")
    tamper("UPDATE trail_entries SET principal = 'somebody'")
    tamper("INSERT INTO trail_pending SELECT id FROM trail_entries")
    await seal_waiting(sealed.store)

    assert await flaws_of(sealed.store) == []
    flaws = await flaws_of(sealed.store, heads=heads)
    assert [(flaw.kind, flaw.project, flaw.sequence) for flaw in flaws] == [
        (FlawKind.REPLACED, PROJECT, 5),
        (FlawKind.REPLACED, OTHER, 2),
    ]


async def test_an_export_has_sealed_entries_in_the_order_of_the_chain_behind_a_sequence(place):
    for name in ("a", "b", "c"):
        await place.models.create(AUDITOR, PROJECT, name, CreateOptions())
    await seal_waiting(place.store)
    await place.models.create(AUDITOR, PROJECT, "unsealed", CreateOptions())
    trail, asked = Trail(place.store), AskedEntries(chained=True, after_sequence=1)

    first = await trail.page(ADMIN, PROJECT, asked, PageRequest(size=1))
    rest = await trail.page(ADMIN, PROJECT, asked, PageRequest(size=1, token=first.next_token))

    assert [(entry.sequence, entry.resource[-1]) for entry in first.rows + rest.rows] == [(2, "b"), (3, "c")]
    assert (rest.next_token, chain_hash(first.rows[0].hash, 3, rest.rows[0])) == ("", rest.rows[0].hash)
