"""Refused attempts: equal ones become one entry, so many kinds are kept apart, and nothing is lost or written twice."""

import psycopg
import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import SERVER, TrailOutcome
from modicum_server.ports import TrailFilter
from modicum_server.usecases.refused_attempts import VARIOUS, Attempt, RefusedAttempts

from tests.usecases.usecases_stage import PROJECT, Place

MALLORY = Principal("mallory", {"projects/elsewhere": Role.ADMIN}, "feed0123feed0123")


def attempt(resource: str = f"{PROJECT}/audits/first", *, who=MALLORY, address="192.0.2.9", request="r1") -> Attempt:
    return Attempt(who, "DeleteAudit", resource, "PROJECT_NOT_FOUND", request_id=request, client_address=address)


async def entries_of(place: Place, project: str = PROJECT):
    async with place.store.transaction() as transaction:
        return [entry for _, entry in await transaction.trail.page(project, TrailFilter(), after="", limit=1000)]


async def test_equal_attempts_become_one_entry_that_counts_them_and_names_the_first(place):
    refused = RefusedAttempts(place.store)
    for number in range(500):
        refused.note(attempt(f"{PROJECT}/audits/{number}", request=f"r{number}"))

    assert await refused.write() == 1
    assert await refused.write() == 0

    (entry,) = await entries_of(place)
    assert (entry.principal, entry.token_id, entry.verb) == ("mallory", "feed0123feed0123", "DeleteAudit")
    assert (entry.outcome, entry.reason, entry.attempts) == (TrailOutcome.REFUSED, "PROJECT_NOT_FOUND", 500)
    assert (entry.resource, entry.request_id) == (f"{PROJECT}/audits/0", "r0")


async def test_kinds_beyond_the_bound_are_counted_together(place):
    refused = RefusedAttempts(place.store, most_kinds=3)
    for number in range(50):
        refused.note(attempt(address=f"192.0.2.{number}"))

    assert await refused.write() == 4
    (others,) = await entries_of(place, SERVER)
    assert (others.reason, others.attempts) == (VARIOUS, 47)


async def test_an_attempt_in_a_project_that_does_not_exist_is_in_the_trail_of_the_server(place):
    refused = RefusedAttempts(place.store)
    refused.note(attempt("projects/invented/audits/x"))
    refused.note(attempt("x" * 10_000 + "\x00\u202e", who=None))

    await refused.write()

    here, there = await entries_of(place, "projects/invented"), await entries_of(place, SERVER)
    assert here == []
    assert {(entry.principal, entry.resource[:18]) for entry in there} == {
        ("mallory", "projects/invented/"),
        ("", "x" * 18),
    }
    assert max(len(entry.resource) for entry in there) == 300


async def test_a_resource_with_control_characters_is_left_out(place):
    refused = RefusedAttempts(place.store)
    refused.note(attempt(f"{PROJECT}/audits/\x00"))

    await refused.write()

    (entry,) = await entries_of(place, SERVER)
    assert entry.resource == ""


async def test_what_cannot_be_written_stays_counted_and_is_written_once(place, database_url):
    refused = RefusedAttempts(place.store)
    refused.note(attempt())
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE trail_entries ADD CONSTRAINT refuses CHECK (false) NOT VALID")
        with pytest.raises(Exception, match="refuses"):
            await refused.write()
        connection.execute("ALTER TABLE trail_entries DROP CONSTRAINT refuses")
    refused.note(attempt())

    await refused.write()

    (entry,) = await entries_of(place)
    assert entry.attempts == 2
