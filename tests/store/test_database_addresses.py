"""The address of the database in each spelling that libpq takes: several hosts, sockets, options."""

import asyncio
import sys

import pytest
from modicum_server.cli import main
from modicum_server.postgres.addresses import AddressUnreadable, libpq_parameters, shown_address
from modicum_server.postgres.connections import open_engine
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.migrate import migrate
from modicum_server.store.wakeups import PostgresWakeups
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

PATIENCE_SECONDS = 60.0
SPELLINGS = {
    "hosts in the query": "postgresql://{user}@/{database}?host=/nowhere,{folder}&port=1,{port}",
    "hosts with ports": "postgresql://{user}@%2Fnowhere:1,{encoded}:{port}/{database}?target_session_attrs=read-write",
    "an option": "postgresql://{user}@{encoded}/{database}?options=-c%20statement_timeout%3D7s",
}


@pytest.fixture(params=SPELLINGS.values(), ids=SPELLINGS)
def address(request, database_url) -> str:
    known = conninfo_to_dict(database_url)
    return request.param.format(
        user=known.get("user", ""),
        database=known["dbname"],
        folder=known["host"],
        encoded=str(known["host"]).replace("/", "%2F"),
        port=known.get("port", 5432),
    )


async def test_store_migration_queue_and_watches_all_reach_the_database(address, database_url):
    database = conninfo_to_dict(database_url)["dbname"]
    await asyncio.to_thread(migrate, address)
    engine, changes = open_engine(address), PostgresChanges(address)
    async with asyncio.timeout(PATIENCE_SECONDS), engine.begin() as connection, PostgresWakeups(address) as wakeups:
        assert await connection.scalar(text("SELECT current_database()")) == database
        if "statement_timeout" in address:
            assert await connection.scalar(text("SHOW statement_timeout")) == "7s"
        await wakeups.wait(PATIENCE_SECONDS)
        async with changes.watch("an audit") as watch:
            await watch.changed(PATIENCE_SECONDS)
    await changes.close()
    await engine.dispose()


def test_a_later_host_keeps_its_own_port():
    assert libpq_parameters("postgresql://me@first,second:2/base") == {
        "user": "me",
        "host": "first,second",
        "port": ",2",
        "dbname": "base",
    }


def test_an_address_is_shown_without_what_is_secret():
    shown = shown_address("postgresql://me:hunter2@first:1,second:2/base?sslmode=require&sslpassword=hunter3")

    assert shown == "user=me password=*** dbname=base host=first,second port=1,2 sslmode=require sslpassword=***"


@pytest.mark.parametrize(
    "wrong",
    ["postgresql://me:hunter2@host/base?hosts=other", "postgresql://me:hunter2@/base?host", "postgresql://%zz@a"],
)
def test_an_address_that_libpq_cannot_read_is_refused_and_its_password_is_not_shown(wrong):
    with pytest.raises(AddressUnreadable) as refused:
        libpq_parameters(wrong)

    assert "expected postgresql://user:password@host/database" in str(refused.value).lower()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("command", [["migrate"], ["serve"], ["worker"], ["token", "list"]], ids=" ".join)
def test_a_command_with_such_an_address_ends_with_a_usage_error(monkeypatch, capsys, tmp_path, command):
    monkeypatch.setenv("MODICUM_DATABASE_URL", "postgresql://me:hunter2@host/base?hosts=other")
    monkeypatch.setenv("MODICUM_ARTIFACTS_URL", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["modicum-server", *command])
    monkeypatch.setattr(
        "modicum_server.commands.long_running.log_as_json", lambda: None
    )  # it would hold for later tests, too

    with pytest.raises(SystemExit) as ended:
        main()

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "the address of the database is not valid" in told
    assert "hunter2" not in told
