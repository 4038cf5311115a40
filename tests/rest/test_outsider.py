"""An outsider with two tokens, of a viewer and an auditor of one project, at every operation that names another one.

The operations are those of `benchmarks.attack.probe`. tests/rest/test_isolation.py sends whole requests of an admin.
"""

import asyncio
import json
import re
from urllib.parse import quote

import pytest
from modicum_server.domain.projects import Role

from benchmarks.attack.probe import BODIES, NOWHERE, WITHOUT_A_TOKEN, operations, path_in, plain, sent_with
from tests.rest.both_doors_walk import RESULT
from tests.rest.rest_stage import PROJECT, TOKENS, Reply, Rest, Served
from tests.tokens import add_token

OURS = "projects/strangers"
ROLES = {"viewer": Role.VIEWER, "auditor": Role.AUDITOR}


def token(role: str) -> str:
    return f"token-of-the-outside-{role}"


@pytest.fixture
async def theirs(served: Served) -> dict[str, str]:
    """What there is in the victim's project: ids by the variables of paths. The outsider's project is empty."""
    await served.rest().ask("POST", f"/v1/projects?projectId={OURS.split('/')[1]}", {})
    async with served.store.transaction() as transaction:
        for role, given in ROLES.items():
            await add_token(transaction, token(role), principal=f"outside.{role}", project=OURS, role=given)
    audit = await served.audit()
    await served.succeed(audit, result=RESULT)
    rest = served.rest()
    judged = await rest.ask("POST", f"/v1/{audit}:judge", BODIES[":judge"])
    held = await rest.ask("POST", f"/v1/{PROJECT}/holds?holdId=kept", {"held": audit, "reason": "evidence"})
    assert (judged.status, held.status) == (200, 200), (judged, held)
    digest = (await rest.ask("GET", f"/v1/{PROJECT}/artifacts")).json["artifacts"][0]["name"].rpartition("/")[2]
    made = (await rest.ask("GET", f"/v1/{PROJECT}/tokens")).json["tokens"][0]["name"].rpartition("/")[2]
    ids = {"audit": "first", "model": "net", "version": "1", "dataset": "photos", "artifact": digest, "token": made}
    verdict = judged.json["verdict"]["name"].rpartition("/")[2]
    others = {"finding": "0-0-0", "verdict": verdict, "hold": "kept", "member": "viewer"}
    return {**ids, **others, "erasure": "1", "review": "1", "trustRule": "main"}


async def asked(served: Served, role: str, verb: str, path: str) -> Reply:
    rest, sent = Rest(served.http_port, token(role), as_described=False), sent_with(verb, path)
    raw = sent if isinstance(sent, bytes) else None
    return await rest.ask(verb, path, None if raw else sent, raw=raw)


@pytest.mark.parametrize("role", ROLES)
async def test_every_operation_on_another_project_answers_as_for_one_that_does_not_exist(served, theirs, role):
    seen = 0
    for verb, template in operations():
        if template in WITHOUT_A_TOKEN:
            continue
        here, nowhere = [
            await asked(served, role, verb, path_in(template, project, theirs)) for project in (PROJECT, NOWHERE)
        ]
        assert plain(here.body, PROJECT) == plain(nowhere.body, NOWHERE), (verb, template)
        assert here.status in {400, 404}, (verb, template, here)
        assert here.status == 404 or "field" in json.dumps(here.json), (verb, template, here.json)
        seen += here.status == 404
    assert seen > 50


async def test_what_another_project_has_is_not_found_in_ones_own(served, theirs):
    kinds = {"artifact": "0" * 64, "token": "0" * 16, "version": "9", "finding": "9-9-9"}
    absent = {name: kinds.get(name, "absent") for name in theirs}
    seen = 0
    for verb, template in operations():
        if "{" not in template.replace("{project}", "") or verb == "PUT":
            continue
        paths = [path_in(template, OURS, ids) for ids in (theirs, absent)]
        here, nowhere = [await asked(served, "auditor", verb, path) for path in paths]
        assert in_words(here, theirs) == in_words(nowhere, absent), (verb, template)
        assert here.status >= 400 or not here.json or not any(here.json.values()), (verb, template, here.json)
        seen += here.status in {403, 404}
    assert seen > 25


def in_words(reply: Reply, ids: dict[str, str]) -> str:
    """What a reply says, with ids named alike."""
    longest_first = sorted(map(re.escape, ids.values()), key=len, reverse=True)
    return re.sub(rf"\b({'|'.join(longest_first)})\b", "ID", str(plain(reply.body, OURS)))


@pytest.mark.parametrize("role", ROLES)
async def test_a_page_token_of_another_project_shows_nothing_of_it(served, theirs, role):
    for template in sorted({path for verb, path in operations() if verb == "GET"}):
        listed = await Rest(served.http_port, TOKENS["admin"], as_described=False).ask(
            "GET", path_in(template, PROJECT, theirs) + "?pageSize=1"
        )
        page = listed.json.get("nextPageToken") if listed.status == 200 and listed.body[:1] == b"{" else None
        if not page:
            continue
        reply = await Rest(served.http_port, token(role), as_described=False).ask(
            "GET", path_in(template, OURS, theirs) + f"?pageToken={quote(page)}"
        )
        assert reply.status in {400, 403, 404} or not any(reply.json.values()), (template, reply.json)
        assert PROJECT not in reply.body.decode(), (template, reply.json)


async def test_a_request_id_of_another_project_makes_something_new(served, theirs):
    request_id = "11111111-2222-4333-8444-555555555555"
    made = [
        await Rest(served.http_port, one).ask("POST", f"/v1/{project}/models?modelId=m&requestId={request_id}", {})
        for one, project in ((TOKENS["admin"], PROJECT), (token("auditor"), OURS))
    ]

    assert [one.json["name"] for one in made] == [f"{PROJECT}/models/m", f"{OURS}/models/m"]


async def test_two_writers_of_one_artifact_store_the_bytes_that_its_digest_says(served, theirs):
    """One of each project, at once, with equal and with wrong bytes of one length."""
    right, wrong = b"r" * 200_000, b"w" * 200_000
    digest = await served.upload(right)
    sent = [
        Rest(served.http_port, one, as_described=False).ask("PUT", f"/v1/{project}/artifacts/{digest}", raw=data)
        for one, project, data in (
            (token("auditor"), OURS, wrong),
            (TOKENS["auditor"], PROJECT, right),
            (token("auditor"), OURS, right),
            (token("auditor"), OURS, wrong),
        )
    ]

    replies = await asyncio.gather(*sent)

    for reply in replies:
        assert reply.status == 200 or reply.reason in {"DIGEST_MISMATCH", "UPLOAD_BUSY", "OFFSET_INVALID"}, reply.json
    kept = await Rest(served.http_port, TOKENS["viewer"]).ask("GET", f"/v1/{PROJECT}/artifacts/{digest}:download")
    assert kept.body == right


async def test_a_token_that_an_admin_makes_for_a_principal_of_others_lists_ones_own_project_alone(served, theirs):
    """The principal is a member of the victim's project, too. Its tokens made elsewhere say nothing of that."""
    rest = served.rest()
    await rest.ask("POST", f"/v1/{OURS}/members?memberId=vera", {"role": "ROLE_VIEWER"})
    await rest.ask("POST", f"/v1/{PROJECT}/members?memberId=vera", {"role": "ROLE_VIEWER"})
    made = await rest.ask("POST", f"/v1/{OURS}/tokens", {"principal": "vera", "displayName": "nightly"})

    listed = await Rest(served.http_port, made.json["secret"]).ask("GET", "/v1/projects")

    assert [(one["name"], one["role"]) for one in listed.json["projects"]] == [(OURS, "ROLE_VIEWER")]
