"""Admins say which jobs their project trusts. No rule fits by accident, and none makes an admin."""

import pytest
from modicum_server.domain.projects import Role
from modicum_server.domain.trust import Claim
from modicum_server.errors import FieldInvalid, ProjectNotFound, RoleInsufficient
from modicum_server.ports import TrustRuleExists, TrustRuleNotFound, TrustRulesFull
from modicum_server.settings import Settings
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.trust_rules import MOST_RULES, AskedRule, TrustRules

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, STRANGER, Place

ISSUER = "https://issuer.example.org"
REPOSITORY, BRANCH = Claim("repository_id", "1296269"), Claim("ref", "refs/heads/main")
RULE = {
    "issuer": ISSUER,
    "audience": "https://modicum.example.org",
    "claims": (REPOSITORY, BRANCH),
    "role": Role.AUDITOR,
    "lifetime_seconds": 0,
}


@pytest.fixture
def rules(place: Place) -> TrustRules:
    return TrustRules(place.store, Settings(trusted_issuers=(ISSUER,)))


async def test_a_rule_is_listed_until_it_is_deleted(rules):
    made = await rules.create(ADMIN, PROJECT, AskedRule("main", **RULE))
    again = await rules.create(ADMIN, PROJECT, AskedRule("main", **{**RULE, "claims": (BRANCH, REPOSITORY)}))
    listed = (await rules.page(ADMIN, PROJECT, PageRequest())).rows
    await rules.delete(ADMIN, made.name)

    assert again == made
    assert listed == (made,)
    assert (made.role, made.lifetime_seconds, made.creator, made.principal) == (
        Role.AUDITOR,
        1800,
        ADMIN.name,
        "job:main",
    )
    with pytest.raises(TrustRuleNotFound):
        await rules.delete(ADMIN, made.name)


async def test_another_rule_of_the_same_id_is_refused(rules):
    await rules.create(ADMIN, PROJECT, AskedRule("main", **RULE))

    with pytest.raises(TrustRuleExists):
        await rules.create(ADMIN, PROJECT, AskedRule("main", **{**RULE, "role": Role.VIEWER}))


REFUSED = {
    "an issuer that is not allowed": ({"issuer": "https://elsewhere.example.org"}, "issuer"),
    "an issuer that is almost the same": ({"issuer": f"{ISSUER}/"}, "issuer"),
    "no audience": ({"audience": ""}, "audience"),
    "the role of an admin": ({"role": Role.ADMIN}, "a job cannot be an admin"),
    "no role": ({"role": None}, "role"),
    "no claim": ({"claims": ()}, "1 to 16"),
    "names that can change hands": ({"claims": (Claim("repository", "octo/birds"), BRANCH)}, "change hands"),
    "a subject instead of an id": ({"claims": (Claim("sub", "repo:octo/birds:ref:refs/heads/main"),)}, "change hands"),
    "a wildcard": ({"claims": (REPOSITORY, Claim("ref", "refs/heads/*"))}, "wildcards"),
    "the audience as a claim": ({"claims": (REPOSITORY, Claim("aud", "any"))}, "always compared"),
    "an empty value": ({"claims": (REPOSITORY, Claim("ref", ""))}, "1 to 256"),
    "a claim twice": ({"claims": (REPOSITORY, Claim("repository_id", "7"))}, "each name once"),
    "half a minute": ({"lifetime_seconds": 30}, "60"),
    "a day": ({"lifetime_seconds": 86_400}, "7,200"),
}


@pytest.mark.long_after(6)
@pytest.mark.parametrize(("changed", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_rule_that_could_fit_somebody_else_or_give_too_much_is_refused(rules, changed, words):
    with pytest.raises(FieldInvalid, match=words):
        await rules.create(ADMIN, PROJECT, AskedRule("main", **{**RULE, **changed}))


@pytest.mark.parametrize(("who", "refusal"), [(AUDITOR, RoleInsufficient), (STRANGER, ProjectNotFound)])
async def test_only_an_admin_sees_and_changes_rules(rules, who, refusal):
    for call in (
        rules.page(who, PROJECT, PageRequest()),
        rules.create(who, PROJECT, AskedRule("main", **RULE)),
        rules.delete(who, f"{PROJECT}/trustRules/main"),
    ):
        with pytest.raises(refusal):
            await call


@pytest.mark.long
async def test_a_project_has_at_most_a_hundred_rules(rules):
    for number in range(MOST_RULES):
        await rules.create(ADMIN, PROJECT, AskedRule(f"rule-{number}", **RULE))

    with pytest.raises(TrustRulesFull):
        await rules.create(ADMIN, PROJECT, AskedRule("one-more", **RULE))
    assert len((await rules.page(ADMIN, PROJECT, PageRequest(size=1000))).rows) == MOST_RULES
