"""Two roles: one owns the tables, the other serves and may not change the trail. One role goes on to work."""

import psycopg
import pytest
from modicum_server.bootstrap import open_store
from modicum_server.domain.trail import NewTrailEntry
from modicum_server.local.postgres_roles import SERVICE
from modicum_server.store.migrate import migrate
from modicum_server.store.postgres import PostgresStore
from modicum_server.store.service_role import ServiceRoleUnfit
from modicum_server.usecases.trail_sealing import seal_waiting
from sqlalchemy import make_url

FORBIDDEN = [
    "UPDATE trail_entries SET principal = 'somebody'",
    "DELETE FROM trail_entries",
    "TRUNCATE trail_entries",
    "UPDATE trail_seals SET hash = ''",
    "DELETE FROM trail_seals",
    "DROP TABLE trail_entries",
    "ALTER TABLE trail_entries DISABLE TRIGGER ALL",
    "CREATE RULE r AS ON INSERT TO trail_entries DO INSTEAD NOTHING",
    "SET ROLE modicum",
]


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture
def service_url(database_url) -> str:
    """The address of the role that serves, with its rights."""
    url = as_role(database_url, SERVICE)
    migrate(database_url, service_url=url)
    return url


async def test_the_role_that_serves_writes_and_seals_the_trail(service_url):
    async with open_store(service_url) as store:
        await store.require_schema()
        async with store.transaction() as transaction:
            await transaction.trail.write(NewTrailEntry("projects/default", "otto", "CreateModel", "x"))
        sealed = await seal_waiting(store)
        may_change = await store.may_change_trail()

    assert (sealed, may_change) == (1, False)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_that_serves_cannot_change_the_trail(service_url, statement):
    with (
        psycopg.connect(service_url, autocommit=True) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)),
    ):
        connection.execute(statement)


def test_the_role_that_serves_owns_nothing(service_url):
    with psycopg.connect(service_url) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE rolname = current_user"
        ).fetchone()

    assert owned == (0,)


def test_rights_that_the_role_had_before_are_taken_back(database_url, service_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON trail_entries TO {SERVICE}")

    migrate(database_url, service_url=service_url)

    with psycopg.connect(service_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM trail_entries")


async def test_one_role_goes_on_to_work_and_is_told_apart(database_url):
    migrate(database_url, service_url=database_url)

    async with open_store(database_url) as store:
        await store.require_schema()
        assert await store.may_change_trail()


async def test_a_role_without_rights_yet_is_told_that_the_schema_must_be_migrated(database_url):
    store = PostgresStore(as_role(database_url, SERVICE))
    try:
        with pytest.raises(Exception, match="that its role may read; this release needs schema"):
            await store.require_schema()
    finally:
        await store.close()


def test_a_role_that_does_not_exist_or_could_change_the_trail_is_refused(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE test_mighty SUPERUSER")
        try:
            with pytest.raises(ServiceRoleUnfit, match="superuser"):
                migrate(database_url, service_url=as_role(database_url, "test_mighty"))
        finally:
            connection.execute("DROP ROLE test_mighty")

    with pytest.raises(ServiceRoleUnfit, match="CREATE ROLE nobody_yet LOGIN"):
        migrate(database_url, service_url=as_role(database_url, "nobody_yet"))
