"""Projects in the store, and the principals of tokens."""

import pytest
from modicum_server.domain.projects import Role
from modicum_server.errors import ProjectNotFound
from modicum_server.usecases.access import token_digest

from tests.tokens import add_token

DEFAULT = "projects/default"


async def test_a_token_is_known_by_its_digest_with_the_roles_of_its_principal(store):
    async with store.transaction() as transaction:
        await transaction.projects.create("projects/other", admin="ann")
        await add_token(transaction, "secret", principal="ann", project=DEFAULT, role=Role.VIEWER)

    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest("secret"))
        stranger = await transaction.projects.authenticate("e" * 64)

    assert principal.name == "ann"
    assert dict(principal.roles) == {DEFAULT: Role.VIEWER, "projects/other": Role.ADMIN}
    assert stranger is None


async def test_named_projects_are_listed_in_pages(store):
    async with store.transaction() as transaction:
        for name in ("b", "a", "c"):
            await transaction.projects.create(f"projects/{name}", admin="ann")
        await transaction.projects.create("projects/hidden", admin="bob")

        names = [f"projects/{name}" for name in ("c", "a", "b", "absent")]
        first = await transaction.projects.page(names, after="", limit=2)
        second = await transaction.projects.page(names, after=first[-1][0], limit=2)

    assert [key for key, _ in first + second] == ["projects/a", "projects/b", "projects/c"]


async def test_a_project_is_created_once_and_deleted_only_when_it_is_empty(store, scene):
    async with store.transaction() as transaction:
        assert await transaction.projects.create("projects/p", admin="ann") is not None
        assert await transaction.projects.create("projects/p", admin="bob") is None
        await transaction.models.create("projects/p/models/m")

        assert await transaction.projects.delete("projects/p") is False

        await transaction.models.delete("projects/p/models/m")
        assert await transaction.projects.delete("projects/p") is True
        assert await transaction.projects.get("projects/p") is None


async def test_creating_in_a_deleted_project_is_refused(store):
    with pytest.raises(ProjectNotFound):
        async with store.transaction() as transaction:
            await transaction.models.create("projects/gone/models/m")
