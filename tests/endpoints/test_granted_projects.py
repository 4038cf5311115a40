"""`modicum-server endpoint add --project`: only projects that exist are granted an endpoint."""

import asyncio

import pytest
from modicum_server.commands.endpoints import app
from modicum_server.errors import FieldInvalid
from modicum_server.store.postgres import PostgresStore
from typer.testing import CliRunner

from tests.endpoints.oip_server import served


@pytest.fixture
def url(behaviour):
    with served(behaviour) as addresses:
        yield addresses["http"]


@pytest.fixture
def add(tmp_path, monkeypatch, url):
    monkeypatch.setenv("MODICUM_ENDPOINTS_FILE", str(tmp_path / "endpoints.json"))
    monkeypatch.setenv("MODICUM_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("MODICUM_DATABASE_URL", raising=False)
    return lambda *words: CliRunner().invoke(app, ["add", "cats", url, *words])


@pytest.fixture
def add_with_database(add, monkeypatch, database_url):
    async def create():
        store = PostgresStore(database_url)
        async with store.transaction() as transaction:
            await transaction.projects.create("projects/vision", admin="ann")
        await store.close()

    asyncio.run(create())
    monkeypatch.setenv("MODICUM_DATABASE_URL", database_url)
    return add


def test_a_project_that_does_not_exist_is_refused_and_nothing_is_written(add_with_database, tmp_path):
    done = add_with_database("--project", "vision", "--project", "nosuch")

    assert done.exit_code == 2
    assert done.stderr.startswith("--project nosuch: there is no such project; give the id of one that exists, or ")
    assert "POST /v1/projects?projectId=nosuch" in done.stderr
    assert not (tmp_path / "endpoints.json").exists()


@pytest.mark.parametrize("projects", [["vision"], ["default", "vision"], ["default"]])
def test_projects_that_exist_are_granted(add_with_database, projects):
    done = add_with_database(*(word for one in projects for word in ("--project", one)))

    assert (done.exit_code, done.stderr) == (0, "")
    assert f"for {', '.join(projects)}\n" in done.stdout


def test_a_project_that_cannot_have_this_id_is_refused(add_with_database):
    assert isinstance(add_with_database("--project", "No Such").exception, FieldInvalid)


def test_without_a_database_projects_are_granted_with_a_note(add):
    done = add("--project", "vision")

    assert done.exit_code == 0
    assert "for vision\n" in done.stdout
    assert done.stderr == "projects not checked, because no database was found: vision\n"
    assert not add("--project", "default").stderr
