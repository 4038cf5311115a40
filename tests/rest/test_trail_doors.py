"""The trail through the doors: refused attempts of gRPC, REST and pages, the client, and the command."""

import asyncio
import json

import pytest
from modicum import AsyncClient, PermissionDenied, TrailOutcome
from modicum.cli.command import app
from modicum_server.usecases.trail_sealing import seal_waiting
from typer.testing import CliRunner

from tests.rest.rest_stage import PROJECT, TOKENS, Rest
from tests.rest.two_doors import by_grpc, by_rest


def client(served, token: str = TOKENS["admin"]) -> AsyncClient:
    return AsyncClient(f"127.0.0.1:{served.grpc_port}", token=token)


def entries_in(printed: str):
    """The entries among the lines; the log of the server, which runs in this process, is printed beside them."""
    told = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return [entry for entry in told if "sequence" in entry]


async def refusals_of(served):
    await served.refused.write()
    async with client(served) as admin:
        return [entry async for entry in admin.trail.list("outcome = REFUSED")]


async def test_refused_attempts_of_both_doors_name_caller_method_resource_and_reason(served):
    name = f"{PROJECT}/members/otto"
    for _ in range(3):
        await by_grpc(served.channel, TOKENS["viewer"], "DeleteMember", {"name": name})
    await by_rest(Rest(served.http_port, TOKENS["viewer"]), "ListTokens", {"parent": PROJECT})

    newest, before = await refusals_of(served)

    assert (before.principal, before.verb, before.resource, before.attempts) == ("viewer", "DeleteMember", name, 3)
    assert (before.outcome, before.reason) == (TrailOutcome.REFUSED, "ROLE_INSUFFICIENT")
    assert (newest.verb, newest.resource, newest.client_address) == ("ListTokens", PROJECT, "127.0.0.1")
    assert newest.request_id


async def test_a_caller_without_a_good_token_is_counted_in_the_trail_of_the_server_alone(served):
    await by_grpc(served.channel, "guessed", "ListMembers", {"parent": PROJECT})

    assert await refusals_of(served) == []
    async with served.store.transaction() as transaction:
        (entry,) = await transaction.trail.waiting(10)
    assert (entry.project, entry.principal, entry.reason, entry.verb) == ("", "", "TOKEN_INVALID", "ListMembers")


@pytest.mark.long
async def test_an_error_that_is_not_about_who_calls_is_no_refused_attempt(served):
    await by_grpc(served.channel, TOKENS["admin"], "GetAudit", {"name": f"{PROJECT}/audits/absent"})
    await by_grpc(served.channel, TOKENS["admin"], "CreateMember", {"parent": PROJECT, "memberId": "No one!"})

    assert await refusals_of(served) == []


async def test_only_an_admin_reads_the_trail_in_the_client(served):
    async with client(served, TOKENS["auditor"]) as auditor:
        with pytest.raises(PermissionDenied):
            [entry async for entry in auditor.trail.list()]


async def test_the_command_lists_entries_and_exports_them_as_json_lines_with_hashes(served, monkeypatch):
    async with client(served) as admin:
        await admin.members.add("vera", "viewer")
        await admin.members.remove("vera")
    await seal_waiting(served.store)
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["admin"])

    listed = await asyncio.to_thread(CliRunner().invoke, app, ("trail", "list", "--filter", "verb = CreateMember"))
    exported = await asyncio.to_thread(CliRunner().invoke, app, ("trail", "export"))
    rest = await asyncio.to_thread(CliRunner().invoke, app, ("trail", "export", "--after", "1"))

    assert "members/vera (viewer)" in listed.stdout
    assert "DeleteMember" not in listed.stdout
    lines = entries_in(exported.stdout)
    assert [(line["sequence"], line["verb"]) for line in lines] == [(1, "CreateMember"), (2, "DeleteMember")]
    assert [len(line["hash"]) for line in lines] == [64, 64]
    assert entries_in(rest.stdout) == lines[1:]
