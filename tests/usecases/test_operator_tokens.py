"""Tokens that an operator makes: form, expiry, rotation, and the local server's own."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from modicum_server.domain.projects import Role
from modicum_server.errors import FieldInvalid, MemberExists, ProjectNotFound, TokenNotFound
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import is_damaged, new_token
from modicum_server.usecases.operator_tokens import OperatorTokens, admit_local

from tests.usecases.usecases_stage import PROJECT, Place

OTHER = "projects/other"


@pytest.fixture
async def tokens(place: Place) -> OperatorTokens:
    async with place.store.transaction() as transaction:
        await transaction.projects.create(OTHER, admin="ann")
    return OperatorTokens(place.store)


async def roles_of(place: Place, secret: str):
    async with place.store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest(secret))
    return None if principal is None else dict(principal.roles)


async def test_a_token_carries_all_grants_of_its_principal_or_those_of_one_project(place, tokens):
    wide = await tokens.create("ci", PROJECT, Role.ADMIN)
    narrow = await tokens.create("ci", OTHER, Role.VIEWER, project_only=True)

    assert await roles_of(place, wide.secret) == {PROJECT: Role.ADMIN, OTHER: Role.VIEWER}
    assert await roles_of(place, narrow.secret) == {OTHER: Role.VIEWER}


async def test_a_refused_role_leaves_no_token(place, tokens):
    await tokens.create("ci", PROJECT, Role.VIEWER)

    with pytest.raises(MemberExists, match="ci has the role viewer in projects/default"):
        await tokens.create("ci", PROJECT, Role.ADMIN)

    assert len(await tokens.list("ci")) == 1


async def test_revoking_a_principal_removes_and_returns_all_that_it_had(place, tokens):
    secrets = [(await tokens.create("ci", project, Role.AUDITOR)).secret for project in (PROJECT, OTHER)]

    revoked = await tokens.revoke_principal("ci")

    assert [(grant.project, grant.role) for grant in revoked.grants] == [(PROJECT, "auditor"), (OTHER, "auditor")]
    assert [token.principal for token in revoked.tokens] == ["ci", "ci"]
    assert [await roles_of(place, secret) for secret in secrets] == [None, None]
    assert await tokens.list("ci") == []


async def test_a_token_lasts_90_days_unless_another_time_is_given(tokens):
    usual = await tokens.create("ci", PROJECT, Role.VIEWER)
    lasting = await tokens.create("ci", PROJECT, Role.VIEWER, lifetime=None)

    assert timedelta(days=89) < usual.token.expire_time - datetime.now(UTC) <= timedelta(days=90)
    assert lasting.token.expire_time is None


async def test_an_expired_token_is_good_for_nothing(place, tokens):
    made = await tokens.create("ci", PROJECT, Role.VIEWER, lifetime=timedelta(seconds=-1))

    assert await roles_of(place, made.secret) is None


async def test_rotation_ends_the_old_token_at_once_or_after_the_overlap(place, tokens):
    first = await tokens.create("ci", PROJECT, Role.VIEWER, display_name="nightly", project_only=True)

    second = await tokens.rotate(first.token.id, overlap_seconds=3600)
    both = [await roles_of(place, one.secret) for one in (first, second)]
    third = await tokens.rotate(second.token.id)

    assert both == [{PROJECT: Role.VIEWER}] * 2
    assert await roles_of(place, second.secret) is None
    assert await roles_of(place, third.secret) == {PROJECT: Role.VIEWER}
    kept = (third.token.display_name, third.token.project, third.token.expire_time - third.token.create_time)
    assert kept[:2] == ("nightly", PROJECT)
    assert abs(kept[2] - timedelta(days=90)) < timedelta(minutes=1)


async def test_one_token_is_revoked_by_its_id_and_the_grant_stays(place, tokens):
    first, second = [await tokens.create("ci", PROJECT, Role.VIEWER) for _ in range(2)]

    await tokens.revoke(first.token.id)

    assert await roles_of(place, first.secret) is None
    assert await roles_of(place, second.secret) == {PROJECT: Role.VIEWER}
    with pytest.raises(TokenNotFound):
        await tokens.revoke(first.token.id)


@pytest.mark.parametrize("principal", ["", "a b", "Ada", "x\n", "\u202eevil", "../x", "x" * 128])
async def test_the_name_of_a_principal_is_checked(tokens, principal):
    with pytest.raises(FieldInvalid, match="principal"):
        await tokens.create(principal, PROJECT, Role.VIEWER)


async def test_a_project_that_does_not_exist_is_refused(tokens):
    with pytest.raises(ProjectNotFound):
        await tokens.create("ci", "projects/nowhere", Role.VIEWER)


async def test_the_use_of_a_token_is_stored_to_the_minute(place, tokens):
    made = await tokens.create("ci", PROJECT, Role.VIEWER)

    async with place.store.transaction() as transaction:
        before = await transaction.projects.authenticate(token_digest(made.secret))
        await transaction.access.note_use(made.token.id)
    async with place.store.transaction() as transaction:
        after = await transaction.projects.authenticate(token_digest(made.secret))

    (used,) = await tokens.list("ci")
    assert (before.use_is_stale, after.use_is_stale) == (True, False)
    assert used.last_used_time is not None


async def test_a_local_server_has_one_token_without_an_end_and_its_owner_stays_admin(place, tokens):
    await admit_local(place.store, "first")
    with pytest.raises(MemberExists):
        await tokens.create("local", PROJECT, Role.VIEWER)
    await admit_local(place.store, "first")
    await admit_local(place.store, "second")

    assert await roles_of(place, "first") is None
    assert await roles_of(place, "second") == {PROJECT: Role.ADMIN}
    assert [token.expire_time for token in await tokens.list("local")] == [None]


def test_a_token_has_a_prefix_and_a_checksum_that_a_changed_character_breaks():
    token = new_token()
    changed = token[:20] + ("a" if token[20] != "a" else "b") + token[21:]

    assert re.fullmatch("modicum_[0-9A-Za-z]{46}", token)
    assert not is_damaged(token)
    assert [is_damaged(text) for text in (changed, token[:-1], token + "0")] == [True] * 3
    assert not is_damaged("a-token-of-an-earlier-release")


async def test_a_token_for_metrics_carries_no_role_and_stays_one_when_it_is_replaced(place, tokens):
    await tokens.create("ci", PROJECT, Role.VIEWER)
    made = await tokens.create_for_metrics("ci", lifetime=None)

    replaced = await tokens.rotate(made.token.id)

    async with place.store.transaction() as transaction:
        readers = [await transaction.access.metrics_reader(token_digest(one.secret)) for one in (made, replaced)]
    assert [await roles_of(place, one.secret) for one in (made, replaced)] == [None, None]
    assert readers[0] is None
    assert (readers[1].name, dict(readers[1].roles), readers[1].reads_metrics) == ("ci", {}, True)
    assert made.token.expire_time is None
