"""A call of many things does them a few at a time, so that calls of others go on meanwhile."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from modicum_server.store.audits import ITEMS_AT_ONCE
from modicum_server.store.postgres import PostgresStore
from modicum_server.store.shards import SHARDS_AT_ONCE
from modicum_server.usecases import missing_artifacts
from modicum_server.usecases.counterfactuals import PAIRS_AT_ONCE
from modicum_server.usecases.missing_artifacts import DIGESTS_AT_ONCE
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.rules import MOST_DIGESTS, check
from sqlalchemy import event

from tests.usecases.usecases_stage import AUDITOR, CHECK, PROJECT, digest_of, draft

ITEMS = 2 * ITEMS_AT_ONCE
"""Items of a data set that an audit is created of."""
DIGESTS = [digest_of(str(number).encode()) for number in range(MOST_DIGESTS)]


@contextmanager
def longest_lists(store: PostgresStore) -> Iterator[Counter[str]]:
    """How many values, or rows, each statement took at most, by its text."""
    longest: Counter[str] = Counter()

    def note(_connection, _cursor, statement: str, parameters, _context, executemany) -> None:
        values = () if executemany else parameters.values()
        lists = [parameters] if executemany else [value for value in values if isinstance(value, (list, tuple))]
        longest[statement] = max([longest[statement], *map(len, lists)])

    event.listen(store._engine.sync_engine, "before_cursor_execute", note)
    try:
        yield longest
    finally:
        event.remove(store._engine.sync_engine, "before_cursor_execute", note)


async def dataset_of_many(place, name: str, picture: str) -> str:
    """A data set in which all items have the same picture."""
    image = await place.upload(picture.encode())
    manifest = "\n".join(json.dumps({"item": f"{index}.png", "image": image}) for index in range(ITEMS))
    return (
        await place.datasets.create(AUDITOR, PROJECT, name, await place.upload(manifest.encode()), CreateOptions())
    ).name


@pytest.fixture
async def many(place):
    """An audit of many items with a slow model, and so with many shards."""
    version = await place.register(check=replace(CHECK, pass_milliseconds=1000.0))
    return draft(versions=(version.name,), dataset=await dataset_of_many(place, "photos", "original"))


async def test_digests_are_checked_and_looked_up_some_in_each_round(place, monkeypatch):
    rounds, checked = 0, Counter()

    async def count_rounds() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    def counted_check(field: str, value: object, rule: str = "") -> None:
        checked[rounds] += 1
        check(field, value, rule)

    monkeypatch.setattr(missing_artifacts, "check", counted_check)
    counting = asyncio.create_task(count_rounds())

    with longest_lists(place.store) as longest:
        missing = await place.artifacts.find_missing(AUDITOR, PROJECT, DIGESTS)

    counting.cancel()
    assert [one.digest for one in missing] == DIGESTS
    assert max(checked.values()) <= DIGESTS_AT_ONCE + 1
    assert max(longest.values()) == DIGESTS_AT_ONCE


async def test_items_and_shards_of_an_audit_are_stored_some_at_a_time(place, many):
    with longest_lists(place.store) as longest:
        audit = await place.audit(many)

    assert audit.item_count == ITEMS
    assert longest.most_common(1)[0][1] == ITEMS_AT_ONCE
    assert max(count for statement, count in longest.items() if "INTO shards" in statement) == SHARDS_AT_ONCE


async def test_a_counterfactual_data_set_is_compared_some_pairs_at_a_time(place, many):
    changed = await dataset_of_many(place, "changed", "changed")
    both = replace(many, specification=replace(many.specification, counterfactual_dataset=changed))

    with longest_lists(place.store) as longest:
        await place.audit(both, validate_only=True)

    assert max(longest.values()) == PAIRS_AT_ONCE


async def test_the_objects_of_many_items_are_counted_in_the_database(place, many):
    async with place.store.transaction() as transaction:
        with longest_lists(place.store) as longest:
            count = await transaction.datasets.object_count(many.specification.dataset, range(ITEMS))

    assert count == 0
    assert len(longest) == 1
    assert max(longest.values()) == ITEMS_AT_ONCE
