"""Tokens that an earlier release stored stay as good as before, and no migration makes one better, also backwards."""

from alembic import command
from modicum_server.domain.projects import Role
from modicum_server.postgres.connections import open_blocking_engine
from modicum_server.store.migrate import _config, migrate
from modicum_server.store.postgres import PostgresStore
from sqlalchemy import text

DEFAULT, TEAM = "projects/default", "projects/team"
BEFORE, BEFORE_METRICS = "0008", "0015"
STORED = (
    "INSERT INTO projects (name) VALUES ('projects/team')",
    "INSERT INTO roles (principal, project, role) VALUES ('Old Name', 'projects/default', 'viewer')",
    "INSERT INTO roles (principal, project, role) VALUES ('Old Name', 'projects/team', 'admin')",
    "INSERT INTO tokens (digest, principal) VALUES ('first', 'Old Name'), ('second', 'Old Name')",
)


async def test_a_token_of_before_keeps_its_roles_gets_an_id_and_does_not_expire(empty_database_url):
    with open_blocking_engine(empty_database_url).begin() as connection:
        command.upgrade(_config(connection), BEFORE)
        for statement in STORED:
            connection.execute(text(statement))

    migrate(empty_database_url)

    store = PostgresStore(empty_database_url)
    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate("first")
        tokens = await transaction.access.all_tokens("Old Name")
    await store.close()
    assert dict(principal.roles) == {DEFAULT: Role.VIEWER, TEAM: Role.ADMIN}
    assert len({token.id for token in tokens}) == 2
    assert [(token.project, token.expire_time) for token in tokens] == [("", None)] * 2


async def test_the_release_before_can_still_store_a_token(database_url):
    with open_blocking_engine(database_url).begin() as connection:
        connection.execute(text("INSERT INTO tokens (digest, principal) VALUES ('third', 'ann')"))

    store = PostgresStore(database_url)
    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate("third")
    await store.close()

    assert (principal.name, len(principal.token_id)) == ("ann", 16)


def test_without_its_column_a_token_for_metrics_is_gone_and_carries_no_role(database_url):
    stored = "INSERT INTO tokens (digest, principal, reads_metrics) VALUES ('all', 'ann', true), ('own', 'ann', false)"
    with open_blocking_engine(database_url).begin() as connection:
        connection.execute(text(stored))

        command.downgrade(_config(connection), BEFORE_METRICS)

        assert connection.scalars(text("SELECT digest FROM tokens")).all() == ["own"]
