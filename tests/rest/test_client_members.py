"""Members and tokens from Python and from the command, on a real server."""

import asyncio
import re
from datetime import timedelta

import pytest
from modicum import AlreadyExists, AsyncClient, FailedPrecondition, NotFound, Role, Unauthenticated
from modicum.cli.command import app
from typer.testing import CliRunner

from tests.rest.rest_stage import TOKENS


def client(served, token: str = TOKENS["admin"]) -> AsyncClient:
    return AsyncClient(f"127.0.0.1:{served.grpc_port}", token=token)


async def test_an_admin_adds_changes_and_removes_members(served):
    async with client(served) as admin:
        await admin.members.add("vera", Role.VIEWER)
        with pytest.raises(AlreadyExists, match="viewer"):
            await admin.members.add("vera", "admin")
        changed = await admin.members.set_role("vera", "auditor")
        before = {member.principal: member.role async for member in admin.members.list()}
        await admin.members.remove("vera")
        with pytest.raises(FailedPrecondition, match="only admin"):
            await admin.members.remove("admin")
        after = {member.principal async for member in admin.members.list()}

    assert changed.role is Role.AUDITOR
    assert before == {role: Role(role) for role in TOKENS} | {"vera": Role.AUDITOR}
    assert after == set(TOKENS)


@pytest.mark.long
async def test_a_token_of_a_member_logs_in_until_it_is_rotated_and_the_new_one_until_it_is_revoked(served):
    async with client(served) as admin:
        first = await admin.tokens.create("viewer", display_name="nightly", lifetime=timedelta(days=7))
        async with client(served, first.secret) as viewer:
            assert [audit async for audit in viewer.audits.list()] == []
        second = await admin.tokens.rotate(first.token.name)
        async with client(served, first.secret) as viewer:
            with pytest.raises(Unauthenticated):
                [audit async for audit in viewer.audits.list()]
        async with client(served, second.secret) as viewer:
            assert [audit async for audit in viewer.audits.list()] == []
        listed = {token.name: token async for token in admin.tokens.list()}
        await admin.tokens.revoke(second.token.name)
        async with client(served, second.secret) as viewer:
            with pytest.raises(Unauthenticated):
                [audit async for audit in viewer.audits.list()]
        with pytest.raises(NotFound):
            await admin.tokens.revoke("0" * 16)

    assert first.secret not in repr(first)
    assert (second.token.display_name, second.token.all_projects) == ("nightly", False)
    assert listed[second.token.name].last_used_time is not None


@pytest.fixture
def command(served, monkeypatch):
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["admin"])
    return lambda *words: asyncio.to_thread(CliRunner().invoke, app, words)


async def test_the_command_manages_members_and_tokens(command):
    added = await command("members", "add", "vera", "viewer")
    made = await command("tokens", "create", "vera", "--name", "nightly", "--expires", "7d")
    listed = await command("tokens", "list", "--json")
    removed = await command("members", "remove", "vera")
    gone = await command("tokens", "list", "--json")

    secret = re.search("modicum_[0-9A-Za-z]{46}", made.stdout)[0]
    assert "projects/default/members/vera: viewer\n" in added.stdout
    assert "nightly" in listed.stdout
    assert secret not in listed.stdout
    assert removed.exit_code == 0
    assert "nightly" not in gone.stdout
