"""The Python client's verdicts, over the served API: judge, get, list, document, delete, and what is refused."""

import asyncio
import inspect
import json
from functools import partial

import modicum
import pytest
from modicum import AsyncClient, Client
from modicum.gate.verdict import Outcome
from modicum.resource_names import short_version
from modicum.v1 import verdict_pb2
from modicum.verdicts import AsyncJudging, verdict_value

from tests.gate.documents import image, with_rows
from tests.rest.rest_stage import TOKENS
from tests.waiting import until

RESULT = with_rows([image(at, predicted=at % 2) for at in range(200)])
POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.9}}\n"


@pytest.fixture
def policy(tmp_path):
    """A policy that the result fails: half of its images are predicted right."""
    file = tmp_path / "gate.yaml"
    file.write_text(POLICY, encoding="utf-8")
    return file


@pytest.fixture
async def audit(served):
    name = await served.audit()
    await served.succeed(name, findings=0, result={name: part for name, part in RESULT.items() if name != "rows"})
    return name


def client_of(served, who="admin"):
    return AsyncClient(f"127.0.0.1:{served.grpc_port}", token=TOKENS[who])


async def test_a_verdict_is_stored_read_and_deleted(served, audit, policy):
    async with client_of(served) as client:
        judged = await client.judge(audit, policy)
        again = await client.judge(await client.audits.get("first"), str(policy))
        document = await client.verdicts.document(judged)

        assert await client.verdicts.get(judged.name) == judged
        assert [one.name async for one in client.verdicts.list()] == [again.name, judged.name]
        assert [one async for one in client.verdicts.list("outcome = PASS")] == []
        for filter_ in ("audit = first", f"model_version = {short_version(judged.model_versions[0])}"):
            assert len([one async for one in client.verdicts.list(filter_)]) == 2
        assert await client.verdicts.document(judged.name) == document
        await client.verdicts.delete(judged.name)
        with pytest.raises(modicum.NotFound):
            await client.verdicts.get(judged.name)

    (rule,) = judged.rules
    assert (judged.outcome, judged.audit, judged.principal) == (Outcome.FAIL, audit, "admin")
    assert (rule.id, rule.outcome, rule.limits, rule.worst.value) == ("accuracy", Outcome.FAIL, {"min": 0.9}, 0.5)
    assert document["outcome"] == "FAIL"
    assert document["policy"]["file"] == str(policy)


@pytest.mark.long
async def test_the_synchronous_client_does_the_same(served, audit, policy):
    def judge():
        with Client(f"127.0.0.1:{served.grpc_port}", token=TOKENS["admin"]) as client:
            judged = client.judge(client.audits.get(audit), policy)
            return judged, list(client.verdicts.list()), client.verdicts.document(judged)

    judged, listed, document = await asyncio.to_thread(judge)

    assert listed == [judged]
    assert document["summary"] == judged.summary


@pytest.mark.long
async def test_a_verdict_that_is_only_asked_for_is_not_stored(served, audit, policy):
    async with client_of(served) as client:
        told = await client.judge(audit, policy, validate_only=True)

        assert (told.outcome, told.name) == (Outcome.FAIL, "")
        assert [one async for one in client.verdicts.list()] == []
        with pytest.raises(modicum.InvalidArgument, match="only validated"):
            await client.verdicts.document(told)


async def test_a_wrong_policy_is_a_policy_error_with_its_place(served, audit, policy):
    policy.write_text("version: 1\nrules: {spott: error}\n", encoding="utf-8")

    async with client_of(served) as client:
        with pytest.raises(modicum.PolicyError, match=r"gate\.yaml:2:9: unknown rule 'spott'") as refused:
            await client.judge(audit, policy)

    assert refused.value.reason == "POLICY_INVALID"


@pytest.mark.long
async def test_what_cannot_be_judged_is_refused_by_its_reason(served, policy):
    queued = await served.audit()

    async with client_of(served) as client:
        with pytest.raises(modicum.FailedPrecondition, match="QUEUED") as refused:
            await client.judge(queued, policy)
        with pytest.raises(modicum.NotFound, match="audits/gone"):
            await client.judge("gone", policy)
        with pytest.raises(modicum.InvalidArgument, match="audit: expected an audit or its name, got 7"):
            await client.judge(7, policy)
        with pytest.raises(modicum.PolicyError, match="cannot be read"):
            await client.judge(queued, policy.with_name("gone.yaml"))

    assert refused.value.reason == "AUDIT_NOT_SUCCEEDED"


async def two_queued(client):
    """The queued audits once there are two."""
    audits = [one async for one in client.audits.list("state = QUEUED")]
    return audits if len(audits) > 1 else []


@pytest.mark.long
async def test_the_gate_audits_as_the_policy_asks_and_judges(served, policy):
    await served.audit()
    policy.write_text(POLICY + "audit: {threshold: 0.8, passes: 40, seed: 3, controls: []}\n", encoding="utf-8")

    async with client_of(served) as client:
        gate = asyncio.create_task(client.gate("net", "photos", policy))
        audits = await until(partial(two_queued, client), "the audit of the gate")
        asked = audits[0].snapshot.specification
        await served.succeed(audits[0].name, findings=0, result={**RESULT, "audit": audits[0].name})
        judged = await gate

    assert (asked.searches[0].threshold, asked.searches[0].passes, asked.seed) == (0.8, 40, 3)
    assert (judged.audit, judged.outcome) == (audits[0].name, Outcome.INCONCLUSIVE)
    assert "no search of the result was measured as the policy asks" in judged.rules[0].worst.reason


def test_both_clients_take_the_same_arguments():
    for name in ("judge", "gate"):
        forms = [getattr(kind, name) for kind in (Client, AsyncClient, AsyncJudging)]
        assert len({str(inspect.signature(form)) for form in forms}) == 1, name


def test_an_outcome_of_a_later_release_never_reads_as_a_pass():
    message = verdict_pb2.Verdict(outcome=9)

    assert verdict_value(message).outcome is Outcome.INCONCLUSIVE
    assert json.dumps(verdict_value(verdict_pb2.Verdict()).outcome) == '"INCONCLUSIVE"'
