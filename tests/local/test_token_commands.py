"""`modicum-server token`: a role belongs to a grant, and no token gives more than its principal's grants."""

import asyncio

import pytest
from modicum_server.domain.projects import Role
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.store.migrate import migrate
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.access import token_digest

from tests.local.test_local_commands import USAGE, run

TEAM_A, TEAM_B = "projects/team-a", "projects/team-b"


@pytest.fixture
async def store(database_url):
    store = PostgresStore(database_url)
    async with store.transaction() as transaction:
        for project in (TEAM_A, TEAM_B):
            await transaction.projects.create(project, admin="ann")
    yield store
    await store.close()


@pytest.fixture
def token(database_url, store):
    """Runs a command of `modicum-server token`."""
    return lambda *arguments: run("token", *arguments, MODICUM_DATABASE_URL=database_url)


async def roles_of(store, secret: str):
    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest(secret.strip()))
    return None if principal is None else dict(principal.roles)


@pytest.mark.long
async def test_a_revoked_admin_of_one_project_who_becomes_viewer_of_another_is_no_admin(store, token):
    token("create", "--principal", "mallory", "--role", "admin", "--project", "team-a")
    revoked = token("revoke", "--principal", "mallory")
    viewer = token("create", "--principal", "mallory", "--role", "viewer", "--project", "team-b")

    assert await roles_of(store, viewer.stdout) == {TEAM_B: Role.VIEWER}
    assert "admin in projects/team-a" in revoked.stdout


@pytest.mark.long
async def test_a_second_token_with_another_role_is_refused_and_the_first_keeps_its_role(store, token):
    first = token("create", "--principal", "ci", "--role", "admin", "--project", "team-a")
    second = token("create", "--principal", "ci", "--role", "viewer", "--project", "team-a")

    assert await roles_of(store, first.stdout) == {TEAM_A: Role.ADMIN}
    assert (second.returncode, second.stdout) == (3, "")
    assert "ci has the role admin in projects/team-a" in second.stderr


@pytest.mark.long
async def test_a_token_for_metrics_is_listed_as_one_and_is_for_all_projects(store, token):
    made = token("create", "--principal", "prometheus", "--metrics", "--expires", "never")
    narrowed = token("create", "--principal", "prometheus", "--metrics", "--project-only")

    assert await roles_of(store, made.stdout) is None
    assert [line.split()[3] for line in token("list", "--principal", "prometheus").stdout.splitlines()[1:]] == [
        "metrics"
    ]
    assert (narrowed.returncode, narrowed.stdout) == (USAGE, "")


@pytest.mark.long
async def test_data_names_a_running_server_of_which_the_tokens_are_made_and_listed(short_folder):
    postgres = EmbeddedPostgres(short_folder / "data" / "postgres")
    before = run("token", "list", "--data", short_folder / "data")
    await postgres.start()
    try:
        await asyncio.to_thread(migrate, postgres.url)
        made = await asyncio.to_thread(
            run, "token", "create", "--principal", "ci", "--name", "nightly", "--data", short_folder / "data"
        )
        listed = await asyncio.to_thread(run, "token", "list", "--data", short_folder / "data")
    finally:
        await postgres.stop()

    assert before.returncode == USAGE
    assert "modicum-server up" in before.stderr
    assert made.stdout.startswith("modicum_")
    assert "nightly" in listed.stdout
    assert made.stdout.strip() not in listed.stdout


def test_an_option_that_cannot_be_read_is_refused_with_what_was_expected():
    for words in (("create", "--principal", "ci", "--expires", "soon"), ("rotate", "abc", "--overlap", "2w")):
        done = run("token", *words)

        assert (done.returncode, done.stdout) == (USAGE, "")
        assert "12h or 90d" in done.stderr
