"""Every page and every form, as somebody else's browser, another site or a member of another project asks for it."""

import http.client
import json
import re

import pytest
from modicum_server.transports.http.pages.mounting import PAGES
from modicum_server.transports.http.pages.page import Page
from sqlalchemy import text

from tests.pages.pages_stage import OTHER, PROJECT, TOKENS, PlainBrowser, Scene
from tests.pages.reviewing import OpenReview, ReviewerBrowser, audited
from tests.reports.report_pages import read

HOSTILE = "<img src=x onerror=alert(1)>&\"'"
ELSEWHERE = "https://evil.example"
FORMS = [page for page in PAGES if page.takes_form]
LOOKS = [page for page in PAGES if not page.takes_form]
OF_PROJECTS = [page for page in PAGES if "{project}" in page.path]


def path_of(page: Page, project: str = PROJECT) -> str:
    """An address of a page, of things that are not there."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: project.split("/")[1] if found[1] == "project" else "1", page.path)


def test_no_form_is_taken_from_another_site_or_session(scene: Scene):
    ada, vera = scene.browser("ada"), scene.browser("vera")
    good, of_another = (browser.get(f"/{PROJECT}").form_token for browser in (ada, vera))
    for page in FORMS:
        path = path_of(page)
        attempts = {
            "from another site": ada.post(path, {"form_token": good}, origin=ELSEWHERE),
            "without an origin, by a link of another site": ada.post(
                path, {"form_token": good}, origin="null", Sec_Fetch_Site="cross-site"
            ),
            "without a seal": ada.post(path, {}),
            "with another session's seal": ada.post(path, {"form_token": of_another}),
        }
        assert {name: seen.status for name, seen in attempts.items()} == dict.fromkeys(attempts, 403), page.name
    assert ada.get(f"/{PROJECT}").status == 200


def test_a_form_is_not_sent_by_opening_its_address(scene: Scene):
    ada = scene.browser("ada")
    looked_at = {page.path for page in LOOKS}
    for page in FORMS:
        seen = ada.get(f"{path_of(page)}?form_token={ada.get(f'/{PROJECT}').form_token}")
        assert seen.status in {404, 405} or page.path in looked_at, page.name
    assert ada.get(f"/{PROJECT}").status == 200


@pytest.mark.long_after(1)
@pytest.mark.parametrize("who", ["ada", ""])
def test_no_page_is_framed_by_another_site_or_kept_by_a_cache(scene: Scene, who: str):
    browser = scene.browser(who) if who else PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    for page in LOOKS:
        heads = browser.get(path_of(page)).headers
        policy = heads["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy or "sandbox" in policy, (
            page.name
        )
        assert "unsafe-inline" not in policy, page.name
        assert heads["X-Content-Type-Options"] == "nosniff", page.name
        kept = heads["Cache-Control"] or ""
        assert "no-store" in kept or "private" in kept or page.public, (page.name, kept)


def test_a_member_of_another_project_sees_of_every_page_what_stands_where_no_project_is(scene: Scene):
    eve = scene.browser("eve")
    seal = eve.get(f"/{OTHER}").form_token
    assert len(OF_PROJECTS) > 40
    for page in OF_PROJECTS:
        seen = []
        for project in (PROJECT, "projects/nowhere"):
            path = path_of(page, project)
            reply = eve.post(path, {"form_token": seal}) if page.takes_form else eve.get(path)
            plain = re.sub(r'value="[0-9a-f]{32}\.[0-9a-f]{64}"', "SEAL", reply.text)
            request = reply.headers["X-Request-ID"]
            seen.append((reply.status, plain.replace(request, "ID").replace(project, "projects/P")))
        assert seen[0] == seen[1], page.name
        assert seen[0][0] == 404 or "expected" in seen[0][1], page.name


@pytest.fixture(scope="module")
def review(scene: Scene) -> OpenReview:
    return OpenReview.about(scene, audited(scene, "outside"))


def aged(review: OpenReview) -> None:
    """End the time of the links and reviewers of a review."""

    async def age() -> None:
        ended = "UPDATE reviewers SET expire_time = now() WHERE review_id = (SELECT id FROM reviews WHERE name = :name)"
        async with review.scene.store._engine.begin() as connection:
            await connection.execute(text(ended), {"name": review.name})

    review.scene.run(age())


def test_a_link_and_a_reviewer_end_with_their_time(scene: Scene, review: OpenReview):
    unused, browser = review.link(), ReviewerBrowser.of(scene, review.link())
    picture = browser.picture_id()
    late = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    seal = browser.page().form_token

    aged(review)
    taken = late.send("/review", "/review/link", link=unused.partition("#")[2])
    answered = browser.plain.post("/review/answer", {"form_token": seal, "picture": picture, "option": "0"})

    assert taken.status >= 400
    assert (browser.picture(picture).status, browser.page().status >= 400, answered.status >= 400) == (404, True, True)
    assert review.review.reviewers[-1].answers == ()


def test_a_reviewer_of_one_review_reaches_no_picture_of_another(scene: Scene, review: OpenReview):
    other = OpenReview.about(scene, audited(scene, "outside-other"))
    mine, theirs = (ReviewerBrowser.of(scene, one.link()) for one in (review, other))

    picture = theirs.picture_id()

    assert mine.picture(picture).status == 404
    assert mine.answer(picture, "1").status == 303
    assert [one.review.reviewers[-1].answers for one in (review, other)] == [(), ()]


def test_a_review_that_was_deleted_leaves_its_reviewers_nothing(scene: Scene):
    gone = OpenReview.about(scene, audited(scene, "outside-gone"))
    unused, browser = gone.link(), ReviewerBrowser.of(scene, gone.link())
    picture = browser.picture_id()

    assert asked(scene, "DELETE", gone.name) == 200
    late = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")

    assert browser.picture(picture).status == 404
    assert browser.page().status >= 400
    assert late.send("/review", "/review/link", link=unused.partition("#")[2]).status >= 400


def asked(scene: Scene, verb: str, name: str, body: object = None) -> int:
    """The status of a call over REST by the admin."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.http_port, timeout=60)
    try:
        sent = {"Authorization": f"Bearer {TOKENS['ada']}", "Content-Type": "application/json"}
        connection.request(verb, f"/v1/{name}", None if body is None else json.dumps(body), sent)
        return connection.getresponse().status
    finally:
        connection.close()


def test_names_that_people_type_are_shown_as_text(scene: Scene):
    """Ids and principals take no such characters; tests/door/test_door_names.py."""
    review = OpenReview.about(scene, audited(scene, "outside-names"))
    made = {
        f"{PROJECT}/tokens": ("tokens", {"principal": "outside-named", "displayName": HOSTILE}),
        f"{PROJECT}/holds?holdId=outside-hold": ("holds", {"held": f"{PROJECT}/datasets/few", "reason": HOSTILE}),
        f"{review.name}:invite": (review.name.removeprefix(f"{PROJECT}/"), {"displayName": HOSTILE}),
    }
    assert asked(scene, "POST", f"{PROJECT}/members?memberId=outside-named", {"role": "ROLE_VIEWER"}) == 200

    for path, (shown, body) in made.items():
        assert asked(scene, "POST", path, body) == 200, path
        seen = scene.browser("ada").get(f"/{PROJECT}/{shown}")
        assert seen.status == 200, shown
        assert "onerror" in read(seen.text).text, shown
        assert "<img src=x" not in seen.text, shown
    assert asked(scene, "DELETE", f"{PROJECT}/holds/outside-hold") == 200
    assert asked(scene, "DELETE", f"{PROJECT}/members/outside-named") == 200
