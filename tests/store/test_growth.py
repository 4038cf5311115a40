"""What the database reads for one shard or one page does not grow with the audit.

Rows are counted, not seconds: those that scans returned and those that were found in an index, in each transaction.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.retention import Kept
from sqlalchemy import Connection, Engine, event

from benchmarks import growth
from tests.store.store_scene import PROJECT

ITEMS, SHARD_IMAGES = 20_000, 10
#: A thousand shards are queued, so a statement that reads all of them, or all items, reads more.
MOST_OF_A_SHARD, MOST_OF_A_PAGE = 20 * SHARD_IMAGES, 5 * growth.PAGE
#: Five thousand other audits are there, and no other of them has the result.
MOST_OF_AN_AUDIT = 200
COPY_AUDITS = """
    INSERT INTO audits OVERRIDING SYSTEM VALUE
    SELECT (jsonb_populate_record(audits, jsonb_build_object('id', 1000 + n, 'name', name || '-' || n))).*
    FROM audits, generate_series(1, 5000) AS n;
    ANALYZE audits
"""
COUNT = """
    SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)), 0) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""


@dataclass
class RowsRead:
    """The rows that transactions read, by the step in which they were committed."""

    by_step: Counter[str] = field(default_factory=Counter)
    step: str = ""

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        self.step = step
        yield

    def add(self, connection: Connection) -> None:
        self.by_step[self.step] += int(connection.exec_driver_sql(COUNT).scalar_one())
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")  # so that the next one begins at 0


@pytest.fixture
def rows_read() -> Iterator[RowsRead]:
    rows = RowsRead()
    event.listen(Engine, "commit", rows.add)
    yield rows
    event.remove(Engine, "commit", rows.add)


@pytest.fixture
async def site(database_url, tmp_path):
    async with growth.filled(database_url, tmp_path, ITEMS, SHARD_IMAGES) as site:
        yield site


@pytest.mark.long
async def test_a_shard_reads_rows_of_its_own_images_alone(site, rows_read):
    await growth.work_on_a_shard(site, rows_read.during)

    assert set(rows_read.by_step) == {"claim", "plan", "renew", "store", "end"}
    assert {step: rows for step, rows in rows_read.by_step.items() if rows > MOST_OF_A_SHARD} == {}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("read", growth.PAGES, ids=lambda read: read.__name__)
async def test_a_page_reads_its_own_rows_alone(site, rows_read, read):
    with rows_read.during("page"):
        await read(site)

    assert 0 < rows_read.by_step["page"] <= MOST_OF_A_PAGE


@pytest.mark.long
async def test_a_result_is_let_go_by_the_audits_that_have_it_alone(scene, store, run_sql, rows_read):
    first = await scene.audit("first", state=AuditState.SUCCEEDED)
    run_sql(COPY_AUDITS)
    version = first.specification.model_versions[0]
    again = await scene.audit("again", version=version, state=AuditState.SUCCEEDED, reused_from=first.name)

    with rows_read.during("let go"):
        async with store.transaction() as transaction:
            await transaction.retention.let_go(PROJECT, Kept.FINDINGS, first.name, days=1)

    assert 0 < rows_read.by_step["let go"] <= MOST_OF_AN_AUDIT
    assert (await scene.get(again.name)).findings_delete_time is not None
