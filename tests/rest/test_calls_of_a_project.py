"""Calls a second of a project: all its callers share them, by both doors, and other projects keep theirs."""

import asyncio
import hashlib
from collections import Counter

import pytest
from modicum_server.domain.projects import Role
from modicum_server.settings import Settings

from tests.rest.rest_stage import PROJECT, TOKENS, Rest
from tests.rest.two_doors import Outcome, by_grpc, by_rest
from tests.tokens import add_token

CALLS = 24
ELSEWHERE, STRANGER = "projects/elsewhere", "token-of-a-stranger"


@pytest.fixture
def settings(settings) -> Settings:
    """One call a second, and so five at once."""
    return settings.model_copy(update={"max_calls_per_second_per_project": 1})


async def call(served, door: str, token: str, number: int) -> Outcome:
    """Make a call of some kind in the project."""
    data = str(number).encode()
    header = {"parent": PROJECT, "digest": hashlib.sha256(data).hexdigest(), "sizeBytes": len(data)}
    method, request = [
        ("GetProject", {"name": PROJECT}),
        ("ListModels", {"parent": PROJECT}),
        ("UploadArtifact", {"header": header}),
    ][number % 3]
    if door == "grpc":
        return await by_grpc(served.channel, token, method, request, data)
    return await by_rest(Rest(served.http_port, token), method, request, data)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("door", ["grpc", "rest"])
async def test_callers_of_a_project_share_its_calls_and_another_project_keeps_its_own(served, door):
    await served.rest().ask("POST", f"/v1/projects?projectId={ELSEWHERE.split('/')[1]}", {})
    async with served.store.transaction() as transaction:
        await add_token(transaction, STRANGER, principal="stranger", project=ELSEWHERE, role=Role.VIEWER)
    members = [TOKENS["admin"], TOKENS["auditor"]]

    strangers = [await call(served, door, STRANGER, number) for number in range(CALLS)]
    outcomes = await asyncio.gather(*(call(served, door, members[n % 2], n) for n in range(CALLS)))
    other = await by_rest(Rest(served.http_port, STRANGER), "GetProject", {"name": ELSEWHERE})

    met = Counter(outcome.reason for outcome in outcomes)
    assert {one.reason for one in strangers} == {"PROJECT_NOT_FOUND"}  # who has no role takes no calls of the project
    assert met.keys() == {"", "SHARE_EXCEEDED"}
    assert met[""] >= 5
    refused = next(one for one in outcomes if one.reason)
    assert "projects/default, with all its callers, makes more than 1 calls a second" in refused.text
    assert (other.reason, other.reply["name"]) == ("", ELSEWHERE)
