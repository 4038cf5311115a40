"""A job exchanges its identity token for a token of the project: by REST, from Python, and by the command."""

import asyncio
import json
import os
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from modicum import AsyncClient, NotFound, Role, Unauthenticated
from modicum.cli.command import app
from modicum.connection import opened
from modicum.endpoints import parsed_endpoint
from modicum.errors import InsecureAddress
from modicum.job_identity import log_in
from modicum.v1.model_service_pb2 import ListModelsRequest
from typer.testing import CliRunner

from tests.issuer import AUDIENCE, rsa_key
from tests.rest.rest_stage import PROJECT, TOKENS, Rest
from tests.waiting import until

CLAIMS = {"repository_id": "1296269", "ref": "refs/heads/main"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def _no_job(monkeypatch):
    """This process is not in a job, whatever runs the tests, unless a test says so."""
    for name in [*os.environ]:
        if name.startswith(("ACTIONS_ID_TOKEN", "MODICUM_")):
            monkeypatch.delenv(name)


def client(served, token: str | None = None) -> AsyncClient:
    return AsyncClient(f"127.0.0.1:{served.grpc_port}", token=token)


@pytest.fixture
async def admin(served):
    async with client(served, TOKENS["admin"]) as opened:
        yield opened


@pytest.fixture
async def rule(admin, issuer):
    return await admin.trust.add("main", issuer=issuer.address, audience=AUDIENCE, claims=CLAIMS, role="auditor")


def form_of(token: str) -> bytes:
    asked = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    return urlencode(asked).encode()


async def exchange(served, token: str):
    rest = Rest(served.http_port, None)
    return await rest.ask("POST", f"/v1/{PROJECT}:exchangeToken", raw=form_of(token), headers=FORM)


async def test_a_job_gets_a_token_with_one_role_in_one_project_by_the_form_of_rfc_8693(served, issuer, rule):
    reply = await exchange(served, issuer.token())
    job = Rest(served.http_port, reply.json["access_token"])

    assert {name: reply.json[name] for name in ("issued_token_type", "token_type", "expires_in", "scope")} == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 1800,
        "scope": "auditor",
    }
    assert reply.headers["Cache-Control"] == "no-store"
    assert (await job.ask("POST", f"/v1/{PROJECT}/models?modelId=net", {})).status == 200
    assert (await job.ask("GET", f"/v1/{PROJECT}/members")).reason == "ROLE_INSUFFICIENT"
    assert (await job.ask("GET", "/v1/projects/other/models")).reason == "PROJECT_NOT_FOUND"


@pytest.mark.long
async def test_a_list_says_which_job_has_a_token_and_deleting_the_rule_ends_it(served, admin, issuer, rule):
    secret = (await exchange(served, issuer.token())).json["access_token"]
    (listed,) = [token async for token in admin.tokens.list() if token.principal == "job:main"]
    await admin.trust.remove(rule.name)

    assert listed.display_name == "repo:octo/birds:ref:refs/heads/main"
    assert listed.expire_time - listed.create_time == pytest.approx(timedelta(minutes=30), abs=timedelta(minutes=1))
    assert (await Rest(served.http_port, secret).ask("GET", f"/v1/{PROJECT}/models")).reason == "TOKEN_INVALID"
    with pytest.raises(NotFound):
        await admin.trust.remove("main")


async def test_a_member_named_like_a_rule_gives_its_jobs_nothing(served, admin, issuer, rule):
    async with served.store.transaction() as transaction:
        await transaction.access.grant("job:main", PROJECT, Role.ADMIN)

    job = Rest(served.http_port, (await exchange(served, issuer.token())).json["access_token"])

    assert (await job.ask("GET", f"/v1/{PROJECT}/members")).reason == "ROLE_INSUFFICIENT"


async def test_the_highest_role_of_the_rules_that_trust_a_job_counts(served, admin, issuer):
    for name, role, claims in (
        ("any-branch", "viewer", {"repository_id": "1296269"}),
        ("main", "auditor", CLAIMS),
        ("zoo", "viewer", {"repository_owner_id": "583231"}),
    ):
        await admin.trust.add(name, issuer=issuer.address, audience=AUDIENCE, claims=claims, role=role)

    main, branch = [
        (await exchange(served, issuer.token(ref=ref))).json["scope"] for ref in ("refs/heads/main", "refs/heads/other")
    ]

    assert (main, branch) == ("auditor", "viewer")


async def test_a_refusal_tells_a_stranger_nothing_of_projects_and_rules(served, admin, issuer, rule):
    stranger = issuer.token(repository_id="1", repository_owner_id="2")
    rest = Rest(served.http_port, None)

    replies = [
        await rest.ask("POST", f"/v1/{project}:exchangeToken", raw=form_of(stranger), headers=FORM)
        for project in (PROJECT, "projects/that-is-none")
    ]

    assert [reply.reason for reply in replies] == ["IDENTITY_NOT_TRUSTED"] * 2
    assert replies[0].json["detail"] == replies[1].json["detail"]


@pytest.mark.long
async def test_an_exchange_is_counted_and_logged_and_no_token_is_in_the_log(served, issuer, rule, capfd):
    identity = issuer.token()
    secret = (await exchange(served, identity)).json["access_token"]
    for refused in (identity, issuer.token(rsa_key("other")), issuer.token(ref="refs/heads/other")):
        assert (await exchange(served, refused)).status == 401

    counted = {
        sample.labels["outcome"]: sample.value
        for metric in served.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "modicum_token_exchanges_total"
    }
    logged = "".join(capfd.readouterr())
    assert counted == {"exchanged": 1, "used": 1, "invalid": 1, "not_trusted": 1, "keys_unavailable": 0}
    assert "token_exchanged" in logged
    assert secret not in logged
    assert identity.rsplit(".", 1)[1] not in logged


async def test_an_issuer_that_is_away_is_no_verdict_on_the_job(served, issuer, rule):
    issuer.replies["/keys"] = (500, b"", {})

    assert (await exchange(served, issuer.token())).reason == "ISSUER_UNAVAILABLE"


async def test_a_large_body_is_refused_without_a_token(served):
    reply = await exchange(served, "x" * 70_000)

    assert reply.reason == "REQUEST_TOO_LARGE"


async def test_python_logs_in_by_the_identity_token_of_a_job(served, issuer, rule, monkeypatch):
    monkeypatch.setenv("MODICUM_ID_TOKEN", issuer.token())

    async with client(served) as job:
        assert [model async for model in job.models.list()] == []
        with pytest.raises(Unauthenticated, match="exchanged before"):
            async with client(served):
                pass


@pytest.mark.long
async def test_python_asks_github_for_an_identity_token_and_for_another_when_it_renews(served, admin, issuer):
    address = f"http://127.0.0.1:{served.grpc_port}"
    asked = f"/token?api=1&audience={quote(address, safe='')}"
    await admin.trust.add("main", issuer=issuer.address, claims=CLAIMS, role="viewer")
    job = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.address}/token?api=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
    }
    connection = opened(parsed_endpoint(address), project=PROJECT, timeout_seconds=60)
    try:
        issuer.replies[asked] = (200, json.dumps({"value": issuer.token(aud=address)}).encode(), {})
        await log_in(connection, job, renew_at=0.0)
        first = connection.endpoint.token
        issuer.replies[asked] = (200, json.dumps({"value": issuer.token(aud=address)}).encode(), {})
        await until(lambda: connection.endpoint.token != first)
        await connection.call(connection.models.ListModels, ListModelsRequest(parent=PROJECT))
    finally:
        await connection.close()

    assert set(issuer.bearers) == {"Bearer of-the-job"}


async def test_github_without_the_permission_is_told_in_words_without_a_token(served, issuer, monkeypatch):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{issuer.address}/nowhere")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")

    with pytest.raises(Unauthenticated, match="id-token: write") as refused:
        async with client(served):
            pass

    assert "of-the-job" not in str(refused.value)


async def test_no_identity_token_is_sent_unencrypted_over_a_network(monkeypatch):
    monkeypatch.setenv("MODICUM_ID_TOKEN", "e30")

    with pytest.raises(InsecureAddress):
        async with AsyncClient("modicum.example.org:7400"):
            pass


async def test_the_command_manages_rules_and_logs_in_as_a_job(served, issuer, monkeypatch):
    monkeypatch.setenv("MODICUM_ADDRESS", f"127.0.0.1:{served.grpc_port}")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["admin"])

    async def command(*words: str):
        return await asyncio.to_thread(CliRunner().invoke, app, words)

    claims = ("--claim", "repository_id=1296269", "--claim", "ref=refs/heads/main")
    made = await command("trust", "add", "main", "--issuer", issuer.address, "--audience", AUDIENCE, *claims)
    listed = await command("trust", "list", "--json")
    monkeypatch.delenv("MODICUM_TOKEN")
    monkeypatch.setenv("MODICUM_ID_TOKEN", issuer.token())
    job = await command("models", "list", "--json")
    monkeypatch.setenv("MODICUM_TOKEN", TOKENS["admin"])
    removed = await command("trust", "remove", "main")

    assert f"{PROJECT}/trustRules/main: auditor for {AUDIENCE}" in made.stdout
    assert '"ref": "refs/heads/main"' in listed.stdout  # the server writes its log there, too
    assert job.exit_code == 0, job.output
    assert "[]" in job.stdout
    assert removed.exit_code == 0
