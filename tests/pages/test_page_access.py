"""What pages do not show: other projects, programs in names and files, and faults in words of the code."""

import re

import pytest
from modicum_server.domain.access import NewToken
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id

from tests.measures.example_audit import LABELS
from tests.pages.page_reading import whole
from tests.pages.pages_stage import OTHER, PROJECT, PlainBrowser, picture, served
from tests.reports.report_pages import read

HOSTILE = "<img src=x onerror=alert(1)>&\"'"


@pytest.mark.parametrize(
    "path",
    [
        f"/{OTHER}",
        f"/{OTHER}/work",
        f"/{OTHER}/needs",
        f"/{OTHER}/audits",
        f"/{OTHER}/audits/kept",
        f"/{OTHER}/audits/kept/progress",
        f"/{OTHER}/audits/kept/report",
        f"/{OTHER}/audits/kept/report.json",
        f"/{OTHER}/audits/kept/judge",
        f"/{OTHER}/verdicts",
        f"/{OTHER}/models/hidden",
        f"/{OTHER}/models/hidden/versions/1",
        f"/{OTHER}/datasets",
        f"/{OTHER}/datasets/theirs",
        f"/{OTHER}/artifacts",
        f"/{OTHER}/new-audit",
        f"/{OTHER}/trends",
        f"/{OTHER}/policies",
        f"/{OTHER}/members",
        f"/{OTHER}/tokens",
        f"/{OTHER}/trust",
        f"/{OTHER}/holds",
        f"/{OTHER}/retention",
        f"/{OTHER}/erase?dataset={OTHER}/datasets/theirs&item=hidden",
        f"/{OTHER}/trail",
        f"/{OTHER}/side-by-side?left={OTHER}/audits/kept&right={OTHER}/audits/kept",
    ],
)
def test_a_project_without_a_role_is_no_project(scene, path):
    mine, theirs = scene.browser("ada").get(path), scene.browser("eve").get(path)

    assert mine.status == 404
    assert "this project does not exist, or ada has no role in it" in whole(mine)
    assert "models/hidden" not in mine.text
    assert "hidden" not in whole(mine)
    assert theirs.status == 200


def test_a_verdict_of_another_project_is_not_read_through_ones_own(scene):
    theirs = re.search(rf'href="/({OTHER}/verdicts/[^"]+)"', scene.browser("eve").get(f"/{OTHER}/verdicts").text)[1]
    browser = scene.browser("ada")

    for path in (theirs, theirs.replace(OTHER, PROJECT)):
        assert browser.get(f"/{path}").status == 404
        assert browser.get(f"/{path}/verdict.json").status == 404


def test_an_unknown_page_and_an_unknown_audit_are_told_as_pages(scene):
    browser = scene.browser()

    nowhere, unknown = browser.get(f"/{PROJECT}/nowhere"), browser.get(f"/{PROJECT}/audits/nothing")

    assert (nowhere.status, unknown.status) == (404, 404)
    assert f"There is no page /{PROJECT}/nowhere" in whole(nowhere)
    assert "there is no audit with this name" in whole(unknown)
    assert unknown.headers["X-Request-ID"] in unknown.text


def test_the_page_of_an_error_keeps_the_navigation_of_those_signed_in(scene):
    browser = scene.browser("vera")

    own, foreign = (browser.get(f"/{project}/audits/nothing") for project in (PROJECT, OTHER))

    assert f'<a href="/{PROJECT}/audits">Audits</a>' in own.text
    assert f'href="/{OTHER}/audits"' not in foreign.text
    assert all("Sign out" in seen.text for seen in (own, foreign))
    assert browser.post("/sign-out", {"form_token": own.form_token}).status == 303


def test_an_unknown_page_of_a_project_keeps_the_navigation_and_asks_strangers_to_sign_in(scene):
    browser = scene.browser("vera")

    own, foreign = (browser.get(f"/{project}/nowhere/at/all") for project in (PROJECT, OTHER))
    stranger = PlainBrowser(browser.port, browser.host).get(f"/{PROJECT}/nowhere/at/all")

    assert (own.status, foreign.status, stranger.status) == (404, 404, 303)
    assert f'<a href="/{PROJECT}/audits">Audits</a>' in own.text
    assert f'href="/{OTHER}/audits"' not in foreign.text
    assert stranger.headers["Location"].startswith("/sign-in?next=")


def test_a_mistake_in_an_address_is_told_once(scene):
    seen = scene.browser().get(f"/{PROJECT}/audits?state=GOING")

    assert seen.status == 400
    assert whole(seen).count("GOING") == 1


def test_a_fault_of_the_server_is_told_without_its_text(scene, monkeypatch):
    async def broken(*_: object) -> None:
        raise RuntimeError("password of the database")

    monkeypatch.setattr(type(scene.services.use_cases.overviews), "of", broken)
    seen = scene.browser().get(f"/{PROJECT}")

    assert seen.status == 500
    assert "password" not in seen.text
    assert "The server has a fault" in whole(seen)


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>1</script>", b""])
def test_bytes_that_are_no_picture_are_not_shown(scene, data):
    digest = scene.run(scene.hold(data))

    assert scene.browser().get(f"/{PROJECT}/pictures/{digest}").status == 404


def test_a_picture_of_another_project_is_not_shown(scene):
    digest = scene.run(scene.hold(picture(77), OTHER))

    assert scene.browser("eve").get(f"/{OTHER}/pictures/{digest}").status == 200
    assert scene.browser("ada").get(f"/{OTHER}/pictures/{digest}").status == 404
    assert scene.browser("ada").get(f"/{PROJECT}/pictures/{digest}").status == 404


def test_names_are_shown_as_text_wherever_they_come_from(scene):
    scene.run(scene.dataset("hostile", 3, item0=f"{HOSTILE}.png"))
    version = scene.run(scene.model("hostile", labels=(*LABELS, HOSTILE)))
    broken = scene.run(scene.audit("hostile", version, f"{PROJECT}/datasets/few"))
    scene.run(scene.fail(broken, HOSTILE, HOSTILE))

    browser = scene.browser()
    for path in ("datasets/hostile", "models/hostile/versions/1", "audits/hostile", "", f"audits?state={HOSTILE}"):
        seen = browser.get(f"/{PROJECT}/{path}".rstrip("/").replace(" ", "%20").replace('"', "%22").replace("<", "%3C"))
        reading = read(seen.text)
        assert "onerror" in reading.text, path
        assert all(address.startswith(("/", "#", "data:")) for address in reading.addresses), path
        assert "<img src=x" not in seen.text


def test_a_path_of_nobody_is_a_page_for_browsers_and_a_problem_for_programs(scene):
    browser = scene.browser()

    page = browser.get("/nowhere", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    problem = browser.get("/nowhere", Accept="*/*")

    assert (page.status, problem.status) == (404, 404)
    assert "Modicum Overview Projects Not Found There is no page /nowhere" in whole(page)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_a_session_holds_in_every_api_process_and_ends_in_all(scene, tmp_path):
    browser = scene.browser()

    with served(scene.database_url, tmp_path) as another:
        elsewhere = PlainBrowser(another.http_port, browser.host, dict(browser.cookies))
        there = elsewhere.get(f"/{PROJECT}").status
        browser.send(f"/{PROJECT}", "/sign-out")

        assert (there, elsewhere.get(f"/{PROJECT}").status) == (200, 303)


@pytest.mark.parametrize("right", [f"{OTHER}/audits/kept", f"{PROJECT}/audits/none", "", f"{PROJECT}/audits/broken"])
def test_only_ones_own_audits_with_a_result_stand_side_by_side(scene, right):
    seen = scene.browser().get(f"/{PROJECT}/side-by-side?left={PROJECT}/audits/good&right={right}")

    assert seen.status in {400, 404}
    assert "hidden" not in whole(seen)


def test_a_token_of_one_project_lists_that_project_alone(scene):
    async def made() -> None:
        async with scene.store.transaction() as transaction:
            for name in ("projects/one", "projects/two"):
                await transaction.projects.create(name, admin="nora")
            token = NewToken(new_token_id(), "nora", project="projects/one")
            await transaction.access.add_token(token_digest("of-one-project"), token)

    scene.run(made())
    browser = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    assert browser.sign_in("of-one-project").status == 303

    page = browser.get("/projects")

    assert page.status == 200
    assert 'href="/projects/one"' in page.text
    assert "projects/two" not in page.text
