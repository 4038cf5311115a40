"""The part of the walk through every method that makes trust rules and exchanges identity tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.issuer import AUDIENCE

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker


async def of_trust(walker: Walker) -> None:
    """Make a trust rule, and exchange identity tokens of its jobs and of others."""
    call, project, issuer = walker.call, walker.project, walker.issuer
    claims = [{"name": "repository_id", "value": "1296269"}, {"name": "ref", "value": "refs/heads/main"}]
    rule = {"issuer": issuer.address, "audience": AUDIENCE, "claims": claims, "role": "ROLE_AUDITOR"}
    wanted = {"parent": project, "trustRuleId": "main", "trustRule": rule}
    await call("CreateTrustRule", wanted, caller="auditor")
    for _ in range(2):
        await call("CreateTrustRule", wanted)
    for other in (
        {"audience": "https://elsewhere.example.org"},
        {"issuer": "https://elsewhere.example.org"},
        {"role": "ROLE_ADMIN"},
        {"claims": claims[1:]},
        {"claims": [claims[0], {"name": "ref", "value": "refs/heads/*"}]},
        {"lifetimeSeconds": 59},
    ):
        await call("CreateTrustRule", {**wanted, "trustRule": {**rule, **other}})
    await call("ListTrustRules", {"parent": project})
    await call("ListTrustRules", {"parent": project}, caller="auditor")
    await call("ListTrustRules", {"parent": project, "pageToken": "invented"})
    asked = {
        "parent": project,
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": issuer.token(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }
    for _ in range(2):
        await call("ExchangeToken", asked, caller=None)
    await call("ExchangeToken", {**asked, "subject_token": issuer.token(ref="refs/heads/other")}, caller=None)
    await call("ExchangeToken", {**asked, "subject_token": "e30"}, caller=None)
    await call("ExchangeToken", {**asked, "grant_type": "password"}, caller=None)
    await call("DeleteTrustRule", {"name": f"{project}/trustRules/main"}, caller="viewer")
    for _ in range(2):
        await call("DeleteTrustRule", {"name": f"{project}/trustRules/main"})
