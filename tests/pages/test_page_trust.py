"""Trust rules in the browser: only for admins, each mistake told in the form, and the rule as the API has it."""

import re

import pytest

from tests.pages.browsing import sign_in
from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import ISSUER, PROJECT

TRUST = f"/{PROJECT}/trust"
FIELDS = {
    "issuer": ISSUER,
    "audience": "https://modicum.example.org:7400",
    "claims": "ref=refs/heads/main\r\n\r\n repository_id=1296269 ",
    "role": "auditor",
    "minutes": "20",
}


def add(browser, rule: str, **changed: str):
    return browser.send(TRUST, TRUST, **{**FIELDS, "rule": rule, **changed})


def rules(scene) -> dict:
    async def read() -> dict:
        async with scene.store.transaction() as transaction:
            found = await transaction.trust.page(PROJECT, after="", limit=100)
        return {rule.name.rsplit("/", 1)[-1]: rule for _, rule in found}

    return scene.run(read())


def test_a_rule_is_added_shown_and_removed(scene):
    browser = scene.browser()

    added = add(browser, "nightly")
    shown = browser.get(added.headers["Location"])
    rule = rules(scene)["nightly"]
    removed = browser.send(TRUST, f"{TRUST}/remove", rule="nightly")

    assert (added.status, removed.status) == (303, 303)
    assert (rule.issuer, rule.audience, rule.role, rule.lifetime_seconds, rule.creator) == (
        ISSUER,
        FIELDS["audience"],
        "auditor",
        1200,
        "ada",
    )
    assert {claim.name: claim.value for claim in rule.claims} == {
        "ref": "refs/heads/main",
        "repository_id": "1296269",
    }
    assert "The project now trusts jobs by the rule nightly." in whole(shown)
    assert "<code>repository_id=1296269</code>" in shown.text
    assert "auditor, for 20 minutes" in whole(shown)
    assert "nightly" not in rules(scene)


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"rule": "Not A Name"}, "rule", "Name: expected 1 to 63 characters"),
        ({"issuer": "https://evil.example"}, "issuer", "Issuer: expected an issuer that this server accepts"),
        ({"audience": "two words"}, "audience", "Audience: expected 1 to 256 visible"),
        ({"claims": "ref"}, "claims", "Claims: expected NAME=VALUE in each line, got 'ref'"),
        ({"claims": "ref=refs/heads/*\nproject_id=1"}, "claims", "Claims: wildcards are not supported"),
        ({"claims": "repository=octo/birds"}, "claims", "Claims: expected the id of an owner or a repository"),
        ({"claims": ""}, "claims", "Claims: expected 1 to 16 claims"),
        ({"role": "admin"}, "role", "Role: a job cannot be an admin; expected ROLE_VIEWER or ROLE_AUDITOR"),
        ({"minutes": "121"}, "minutes", "Minutes: expected 1 to 120, got 121"),
        ({"minutes": "soon"}, "minutes", "Minutes: expected a whole number"),
    ],
)
def test_a_mistake_is_told_in_the_form_which_keeps_what_was_typed(scene, changed, field, said):
    seen = add(scene.browser(), **{"rule": "mistaken", **changed})

    assert seen.status == 400
    assert said in whole(seen)
    assert marked(seen) == [field]
    assert f'value="{FIELDS["audience"]}"' in seen.text or field == "audience"
    assert "mistaken" not in rules(scene)


def test_all_mistakes_in_a_rule_are_told_and_marked_at_once(scene):
    wrong = {"rule": "Not A Name", "audience": "two words", "claims": "ref", "role": "admin", "minutes": "soon"}

    seen = add(scene.browser(), **wrong)

    assert marked(seen) == list(wrong)
    assert "Claims: expected NAME=VALUE in each line, got 'ref'." in whole(seen)
    assert "expected 1 to 16 claims" not in whole(seen)


def test_another_rule_of_the_same_name_is_refused(scene):
    browser = scene.browser()
    add(browser, "taken")

    again, another = add(browser, "taken"), add(browser, "taken", role="viewer")

    assert (again.status, another.status) == (303, 400)
    assert "exists with other values" in whole(another)


@pytest.mark.parametrize("who", ["otto", "vera"])
def test_only_admins_see_and_change_rules(scene, who):
    browser = scene.browser(who)
    sealed = browser.get(f"/{PROJECT}").form_token

    statuses = {browser.get(TRUST).status}
    for path in (TRUST, f"{TRUST}/remove"):
        statuses.add(browser.post(path, {"form_token": sealed, **FIELDS, "rule": "sneaked"}).status)

    assert statuses == {403}
    assert "sneaked" not in rules(scene)


def test_a_rule_of_another_project_is_not_removed_here(scene):
    browser = scene.browser("eve")
    add(scene.browser(), "kept")

    seen = browser.send("/projects/secret/trust", "/projects/secret/trust/remove", rule="kept")

    assert seen.status == 400
    assert "there is no trust rule projects/secret/trustRules/kept" in whole(seen)
    assert "kept" in rules(scene)


def test_names_of_claims_are_text_and_no_markup(scene):
    browser = scene.browser()
    add(browser, "hostile", claims="repository_id=<img/src=x>\nref=\"'&")

    assert "<img/src" not in browser.get(TRUST).text
    assert browser.send(TRUST, f"{TRUST}/remove", rule="hostile").status == 303


@pytest.mark.long
def test_without_an_issuer_the_page_says_who_names_one(provided):
    seen = provided.browser().get(TRUST)

    assert "MODICUM_TRUSTED_ISSUERS" in whole(seen)
    assert re.search('name="claims"', seen.text) is None


@pytest.mark.acceptance
@pytest.mark.long
def test_an_admin_trusts_a_branch_in_a_browser(page):
    sign_in(page)
    page.get_by_role("link", name="Tokens").click()
    page.get_by_role("link", name="trust rules").click()
    page.get_by_label("Name", exact=True).fill("branch")
    page.get_by_label("Audience").fill("https://modicum.example.org:7400")
    page.get_by_label("Claims").fill("repository_id=7\nref=refs/heads/main")
    page.get_by_role("button", name="Trust these jobs").click()
    page.get_by_role("status").filter(has_text="trusts jobs").wait_for()
    row = page.get_by_role("row").filter(has_text="branch")
    row.get_by_text("Remove", exact=False).first.click()
    row.get_by_role("button", name="Remove branch").click()
    page.get_by_role("row").filter(has_text="branch").wait_for(state="detached")
