"""Admins manage members and tokens of their own project, and reach nothing of another one."""

from datetime import UTC, datetime, timedelta

import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import (
    FieldInvalid,
    LastAdmin,
    MemberNotFound,
    ProjectNotFound,
    RoleInsufficient,
    TokenNotFound,
    TokenShared,
)
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.members import Members, Tokens
from modicum_server.usecases.operator_tokens import OperatorTokens
from modicum_server.usecases.pages import PageRequest

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, STRANGER, Place

OTHER = "projects/other"
EVE = Principal("eve", {OTHER: Role.ADMIN})


@pytest.fixture
async def tokens(place: Place) -> Tokens:
    """Tokens of two projects: ada is an admin of the default one, eve of the other, and ci a member of both."""
    operator = OperatorTokens(place.store)
    async with place.store.transaction() as transaction:
        await transaction.projects.create(OTHER, admin="eve")
    await operator.create("ada", PROJECT, Role.ADMIN)
    for project in (PROJECT, OTHER):
        await operator.create("ci", project, Role.AUDITOR)
    return Tokens(place.store)


@pytest.fixture
def members(place: Place, tokens: Tokens) -> Members:
    return Members(place.store)


async def roles_of(place: Place, secret: str):
    async with place.store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest(secret))
    return None if principal is None else dict(principal.roles)


async def made(tokens: Tokens, who: Principal, project: str, member: str = "ci", **options):
    return await tokens.create(who, project, member, **{"display_name": "", "expire_time": None, **options})


async def test_a_token_that_an_admin_makes_is_good_in_that_project_alone(place, tokens):
    token = await made(tokens, EVE, OTHER)

    assert await roles_of(place, token.secret) == {OTHER: Role.AUDITOR}


async def test_an_admin_sees_the_tokens_that_reach_the_project_and_no_others(tokens):
    own = await made(tokens, EVE, OTHER)
    await made(tokens, ADMIN, PROJECT)

    seen = (await tokens.page(EVE, OTHER, PageRequest())).rows

    assert {token.principal for token in seen} == {"ci"}
    assert [token.id for token in seen if token.project] == [own.token.id]


async def test_an_admin_cannot_end_or_replace_a_token_of_another_project(tokens):
    foreign = f"{OTHER}/tokens/{(await made(tokens, ADMIN, PROJECT)).token.id}"
    shared = next(one for one in (await tokens.page(EVE, OTHER, PageRequest())).rows if not one.project)

    for name, refusal in ((foreign, TokenNotFound), (f"{OTHER}/tokens/{shared.id}", TokenShared)):
        with pytest.raises(refusal):
            await tokens.delete(EVE, name)
        with pytest.raises(refusal):
            await tokens.rotate(EVE, name, 0)


async def test_a_wide_token_of_one_project_becomes_narrow_when_an_admin_replaces_it(place, tokens):
    operator = OperatorTokens(place.store)
    wide = await operator.create("bot", OTHER, Role.VIEWER)
    narrow = await tokens.rotate(EVE, f"{OTHER}/tokens/{wide.token.id}", 0)
    await operator.create("bot", PROJECT, Role.ADMIN)

    assert await roles_of(place, narrow.secret) == {OTHER: Role.VIEWER}
    assert await roles_of(place, wide.secret) is None


async def test_who_leaves_a_project_loses_its_tokens_there_and_nothing_elsewhere(place, members, tokens):
    here, there = await made(tokens, EVE, OTHER), await made(tokens, ADMIN, PROJECT)

    await members.remove(EVE, f"{OTHER}/members/ci")

    assert await roles_of(place, here.secret) is None
    assert await roles_of(place, there.secret) == {PROJECT: Role.AUDITOR}


async def test_a_project_keeps_an_admin(members):
    for change in (
        members.remove(EVE, f"{OTHER}/members/eve"),
        members.set_role(EVE, f"{OTHER}/members/eve", Role.VIEWER),
    ):
        with pytest.raises(LastAdmin):
            await change

    await members.add(EVE, OTHER, "eva", Role.ADMIN)
    await members.remove(EVE, f"{OTHER}/members/eve")


@pytest.mark.parametrize(("who", "refusal"), [(AUDITOR, RoleInsufficient), (STRANGER, ProjectNotFound)])
async def test_only_an_admin_sees_and_changes_members_and_tokens(members, tokens, who, refusal):
    for call in (
        members.page(who, PROJECT, PageRequest()),
        members.add(who, PROJECT, "mallory", Role.ADMIN),
        members.set_role(who, f"{PROJECT}/members/ci", Role.ADMIN),
        members.remove(who, f"{PROJECT}/members/ci"),
        tokens.page(who, PROJECT, PageRequest()),
        made(tokens, who, PROJECT),
        tokens.rotate(who, f"{PROJECT}/tokens/{'0' * 16}", 0),
        tokens.delete(who, f"{PROJECT}/tokens/{'0' * 16}"),
    ):
        with pytest.raises(refusal):
            await call


async def test_a_token_needs_a_member_and_an_end_within_a_year(tokens):
    with pytest.raises(MemberNotFound):
        await made(tokens, ADMIN, PROJECT, "nobody")
    for days in (-1, 367):
        with pytest.raises(FieldInvalid, match="at most 366 days ahead"):
            await made(tokens, ADMIN, PROJECT, expire_time=datetime.now(UTC) + timedelta(days=days))
