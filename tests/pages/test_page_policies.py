"""Policies that verdicts used: the list, one in words, and its verdicts."""

import hashlib
import re
from urllib.parse import quote

import pytest
from modicum.gate.explanation import explained
from modicum.gate.policy_file import policy_of
from modicum_server.domain.projects import Principal, Role
from modicum_server.transports.http.pages.views.policies import VERDICTS_SHOWN
from modicum_server.usecases.judging import starting_policy

from tests.pages.browsing import sign_in
from tests.pages.page_reading import whole
from tests.pages.pages_stage import OTHER, POLICY, PROJECT, PlainBrowser
from tests.tokens import add_token

POLICIES = f"/{PROJECT}/policies"
FRESH = "projects/fresh"
STRICT = POLICY.replace("0.01", "0.02")


def digest_of(policy: str) -> str:
    return hashlib.sha256(policy.encode()).hexdigest()


@pytest.fixture
def judged(scene, often_judged):
    """Judge an audit by a policy."""
    return lambda policy: scene.run(scene.judge(often_judged, policy))


def test_policies_are_listed_with_the_last_used_first(scene, judged):
    judged(STRICT)
    newest = judged(POLICY)

    seen = scene.browser("vera").get(POLICIES)

    first, second = (seen.text.index(f"policies/{digest_of(policy)}") for policy in (POLICY, STRICT))
    assert first < second
    assert "overinterpretation-rate" in whole(seen)
    assert f'href="/{newest.name}"' in seen.text


def test_a_policy_is_told_in_the_words_of_the_command_with_its_verdicts_alone(scene, judged):
    others, own = judged(POLICY), judged(STRICT)

    seen = scene.browser("vera").get(f"{POLICIES}/{digest_of(STRICT)}")

    said = whole(seen)
    for line in explained(policy_of(STRICT, "This policy", today=own.create_time.date())):
        assert " ".join(line.split()) in said
    assert "version: 1 require:" in said
    assert own.name in seen.text
    assert others.name not in seen.text


def test_a_policy_that_this_release_cannot_read_is_shown_as_text(scene, judged):
    verdict = judged(POLICY)
    old = scene.run(scene.hold(b"version: 0\n"))
    scene.run(scene.under_policy(verdict, old))

    said = whole(scene.browser().get(f"{POLICIES}/{old}"))

    assert "It cannot be put into words" in said
    assert "version: 0" in said
    assert "FAIL often-judged version 1 Overinterpretation rate: 33%" in said


def test_verdicts_under_a_policy_have_pages(scene, judged):
    oldest = judged(STRICT + "# paged\n")
    scene.run(scene.store_again(oldest, VERDICTS_SHOWN))
    browser, path = scene.browser(), f"{POLICIES}/{digest_of(STRICT + '# paged' + chr(10))}"

    first = browser.get(path)
    following = first.text.partition('rel="next" href="')[2].partition('"')[0]
    second = browser.get(following)

    assert [page.text.count(f'href="/{oldest.name}-again-') for page in (first, second)] == [VERDICTS_SHOWN, 0]
    assert [f'href="/{oldest.name}"' in page.text for page in (first, second)] == [False, True]


def test_a_policy_of_another_project_or_of_nobody_is_not_shown(scene):
    scene.run(
        scene.judge(
            scene.run(scene.services.use_cases.audits.get(scene.principals[OTHER], f"{OTHER}/audits/kept")),
            STRICT + "# theirs\n",
        )
    )
    theirs = digest_of(STRICT + "# theirs\n")

    assert scene.browser("eve").get(f"/{OTHER}/policies/{theirs}").status == 200
    for path in (
        f"{POLICIES}/{theirs}",
        f"/{OTHER}/policies/{theirs}",
        f"{POLICIES}/{'0' * 64}",
        f"{POLICIES}/no%22digest",
    ):
        seen = scene.browser("ada").get(path)
        assert seen.status in {400, 404}
        assert "theirs" not in seen.text.replace(theirs, "")


def founded(scene, project: str) -> PlainBrowser:
    """A browser of the admin of a new project in which there is nothing."""
    token = f"token-of-ida-in-{project}"

    async def found() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.projects.create(project, admin="ida")
            await add_token(transaction, token, principal="ida", project=project, role=Role.ADMIN)

    scene.run(found())
    browser = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    browser.sign_in(token)
    return browser


@pytest.mark.parametrize(
    ("path", "first", "command"),
    [
        ("policies", "No policy was used yet.", "modicum policy explain"),
        ("verdicts", "No audit was judged yet.", "modicum judge AUDIT"),
    ],
)
def test_a_project_without_verdicts_leads_to_its_audits_before_commands(scene, path, first, command):
    project = f"projects/without-{path}"

    seen = founded(scene, project).get(f"/{project}/{path}")

    said = whole(seen)
    assert said.index(first) < said.index("Judge it by a policy") < said.index(command)
    assert f'href="/{project}/audits?state=SUCCEEDED"' in seen.text


@pytest.mark.parametrize("path", ["", "audits", "datasets", "new-audit", "policies", "verdicts"])
def test_every_command_of_a_page_acts_in_the_project_of_the_page(scene, path):
    project = f"projects/acting-{path}".rstrip("-")

    seen = founded(scene, project).get(f"/{project}/{path}".rstrip("/"))

    commands = [line for block in re.findall(r"data-copy>([^<]*)<", seen.text) for line in block.splitlines()]
    assert commands
    for line in commands:
        assert line.startswith(f"MODICUM_PROJECT={project.removeprefix('projects/')} modicum ")


def test_the_form_says_first_that_the_policy_to_begin_with_can_stay(scene):
    browser = founded(scene, FRESH)
    scene.principals[FRESH] = Principal("ida", {FRESH: Role.ADMIN})
    version, few = scene.run(scene.model(project=FRESH)), scene.run(scene.dataset(project=FRESH))
    audit = scene.run(scene.audit("first", version, few))
    scene.run(scene.succeed(audit))

    begun = whole(browser.get(f"/{audit.name}/judge"))
    verdict = scene.run(scene.judge(audit))
    later = browser.get(f"/{audit.name}/judge")

    assert begun.index("Below is the recommended policy. It can stay as it is") < begun.index("version: 1")
    assert "can stay as it is" not in whole(later)
    assert f'<a href="/{FRESH}/policies/{verdict.policy_digest}">Read it in words</a>' in later.text


def test_the_form_offers_the_recommended_policy_beside_that_of_the_newest_verdict(scene, judged):
    verdict = judged(POLICY)
    browser, form = scene.browser("otto"), f"/{verdict.audit}/judge"

    last, recommended = browser.get(form), browser.get(f"{form}?policy=recommended")

    assert "of the newest verdict in this project. It is not the recommended one." in whole(last)
    assert f'<a href="{form}?policy=recommended">The recommended policy</a>' in last.text
    assert f'<a href="{form}" aria-current="true">That of the newest verdict</a>' in last.text
    assert "preset: report-only" in last.text
    assert "Below is the recommended policy. It can stay as it is" in whole(recommended)
    assert f'<a href="{form}?policy=recommended" aria-current="true">' in recommended.text
    assert "report-only" not in textarea(recommended).replace("or report-only, which fails nothing", "")


def test_the_form_offers_no_choice_where_the_newest_verdict_used_the_recommended_policy(scene, judged):
    sent = starting_policy().strip().replace("\n", "\r\n")  # as a browser sends it
    verdict = judged(sent)

    seen = scene.browser("otto").get(f"/{verdict.audit}/judge")

    assert "Below is the recommended policy. It can stay as it is" in whole(seen)
    assert "?policy=recommended" not in seen.text


def textarea(seen) -> str:
    return re.search("<textarea[^>]*>(.*?)</textarea>", seen.text, re.DOTALL)[1]


class TestInABrowser:
    """From a verdict to its policy and back."""

    pytestmark = pytest.mark.acceptance

    @pytest.mark.long
    def test_a_verdict_leads_to_its_policy_in_words(self, page, scene):
        sign_in(page, "vera")
        page.goto(f"/{scene.pictured}")
        page.get_by_role("link", name=digest_of(POLICY)).click()

        page.get_by_role("heading", name="overinterpretation-rate (error, line 5)").wait_for()
        page.get_by_role("link", name="Policies").first.click()
        page.get_by_role("heading", name="Policies").wait_for()


def test_a_policy_has_no_name_but_a_digest(scene, judged):
    judged(POLICY)

    for invented in ("0" * 64, '" AND outcome = "PASS', '"'):
        assert scene.browser().get(f"{POLICIES}/{quote(invented)}").status == 404
