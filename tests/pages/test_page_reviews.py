"""Blind reviews in pages without scripts: links, answers, and what members see."""

import hashlib
import re
import threading

import pytest
from modicum_server.domain.reviews import PictureKind
from modicum_server.transports.call_limits import BOUNDS

from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT, PlainBrowser, Scene
from tests.pages.reviewing import OpenReview, ReviewerBrowser, audited


@pytest.fixture(scope="module")
def audit(scene: Scene) -> str:
    return audited(scene, "reviewed")


def stranger(scene: Scene) -> PlainBrowser:
    return PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")


def answer_all(asked: OpenReview, *kinds: PictureKind) -> None:
    """Somebody looks at a whole session and recognises pictures of these kinds."""
    browser = ReviewerBrowser.of(asked.scene, asked.link())
    for planned in asked.planned():
        browser.answer(browser.picture_id(), asked.key(planned) if planned.kind in kinds else "0")


def test_from_the_audit_to_a_link_and_an_answer(scene: Scene, audit: str):
    browser = scene.browser("otto")
    assert f'href="/{audit}/new-review"' in browser.get(f"/{audit}").text
    made = browser.send(f"/{audit}/new-review", f"/{audit}/new-review", fraction="0.05")
    review = made.headers["Location"]
    assert "What people see not asked yet" in whole(browser.get(review))
    assert "Nobody is invited yet" in browser.get(review).text
    assert "Three or four people usually settle it" in browser.get(review).text

    invited = browser.send(review, f"{review}/invite", display_name="Bo")
    link = re.search(r"http://[^\s<]+(/review#[\w-]{43})", invited.text)[1]

    assert "The link of Bo" in invited.text
    assert "The link opens only on this machine, because this page was opened as 127.0.0.1:" in whole(invited)
    assert "Nobody has answered yet" in browser.get(review).text
    assert link not in browser.get(review).text
    reviewer = ReviewerBrowser.of(scene, link)
    assert "Picture 1 of 24" in reviewer.page().text
    reviewer.answer(reviewer.picture_id(), "1")
    assert "Picture 2 of 24" in reviewer.page().text
    assert "1 of 24" in browser.get(review).text
    assert "Three or four people usually settle it" not in browser.get(review).text
    assert f'href="{review}"' in browser.get(f"/{audit}").text


@pytest.mark.long
def test_a_reviewer_whose_browser_is_lost_goes_on_with_another_link(scene: Scene, audit: str):
    asked = OpenReview.about(scene, audit)
    lost = ReviewerBrowser.of(scene, asked.link())
    lost.answer(lost.picture_id(), "1")
    browser = scene.browser("otto")
    page = browser.get(f"/{asked.name}")

    invited = browser.send(f"/{asked.name}", f"/{asked.name}/invite", reviewer="0")

    assert "Another link for Bo" in whole(page)
    assert "Another link" not in whole(scene.browser("vera").get(f"/{asked.name}"))
    assert "The reviewer continues after 1 answer." in whole(invited)
    link = re.search(r"http://[^\s<]+(/review#[\w-]{43})", invited.text)[1]
    assert "Picture 2 of 24" in ReviewerBrowser.of(scene, link).page().text
    assert "Picture" not in lost.page().text
    assert browser.send(f"/{asked.name}", f"/{asked.name}/invite", reviewer="7").status == 400


def test_a_form_with_a_mistake_says_so(scene: Scene, audit: str):
    for fraction, told in (("many", "a number"), ("2", "above 0 and below 1"), ("0.001", "raise the largest subset")):
        seen = scene.browser("otto").send(f"/{audit}/new-review", f"/{audit}/new-review", fraction=fraction)

        assert (seen.status, told in seen.text) == (400, True), seen.text


@pytest.mark.long
def test_a_form_that_is_sent_twice_draws_one_review(scene: Scene, audit: str):
    browser, path = scene.browser("otto"), f"/{audit}/new-review"
    page = browser.get(path).text
    fields = {name: re.search(f'name="{name}" value="([^"]+)"', page)[1] for name in ("request_id", "seed")}

    first, again = (browser.send(path, path, fraction="0.05", **fields).headers["Location"] for _ in range(2))

    assert first == again
    assert f"<dd>{fields['seed']}</dd>" in browser.get(first).text
    assert browser.send(path, path, fraction="0.05").headers["Location"] != first


def test_viewers_see_reviews_and_ask_nobody(scene: Scene, audit: str):
    asked = OpenReview.about(scene, audit)
    viewer = scene.browser("vera")
    seen = viewer.get(f"/{asked.name}")

    assert seen.status == 200
    assert "Make a link" not in seen.text
    assert "new-review" not in viewer.get(f"/{audit}").text
    assert viewer.get(f"/{audit}/new-review").status == 403
    assert viewer.send("/projects", f"/{asked.name}/invite").status == 403
    assert scene.browser("eve").get(f"/{asked.name}").status == 404


def test_a_link_works_once_and_in_one_browser(scene: Scene, audit: str):
    link = OpenReview.about(scene, audit).link()
    first = ReviewerBrowser.of(scene, link)

    second = stranger(scene).send("/review", "/review/link", link=link.partition("#")[2])

    assert (second.status, "was used or has ended" in second.text) == (401, True)
    assert "Picture 1 of 24" in first.page().text


def test_a_guess_at_a_link_waits_like_one_at_a_token(scene: Scene):
    scene.pauses.clear()

    assert stranger(scene).send("/review", "/review/link", link="invented").status == 401
    assert scene.pauses == [BOUNDS.guess_seconds]


@pytest.mark.long
def test_a_used_link_leads_its_own_browser_on(scene: Scene, audit: str):
    link = OpenReview.about(scene, audit).link()
    browser = ReviewerBrowser.of(scene, link)
    browser.answer(browser.picture_id(), "1")

    again = browser.plain.send("/review", "/review/link", link=link.partition("#")[2])

    assert (again.status, again.headers["Location"]) == (303, "/review")
    assert "Picture 2 of 24" in browser.page().text


def test_the_cookie_of_a_reviewer_is_for_its_pages_alone(scene: Scene, audit: str):
    browser = stranger(scene)
    taken = browser.send("/review", "/review/link", link=OpenReview.about(scene, audit).link().partition("#")[2])

    cookie = taken.headers["Set-Cookie"]

    assert f"modicum_review_{scene.http_port}=" in cookie
    assert {"HttpOnly", "Path=/review", "SameSite=lax"} <= set(cookie.split("; "))


def test_without_a_link_there_is_nothing_to_look_at(scene: Scene):
    browser = stranger(scene)

    assert "Open the link that you were sent" in browser.get("/review").text
    browser.cookies[f"modicum_review_{scene.http_port}"] = "invented"
    seen = browser.get("/review")
    assert (seen.status, "has no review to answer" in seen.text) == (401, True)
    assert browser.send("/review", "/review/answer", picture="0" * 32, option="1").status == 401


def test_another_site_cannot_answer(scene: Scene, audit: str):
    browser = ReviewerBrowser.of(scene, OpenReview.about(scene, audit).link())
    sent = {"picture": browser.picture_id(), "option": "1", "form_token": browser.page().form_token}

    assert browser.plain.post("/review/answer", sent, origin="http://elsewhere.example").status == 403
    assert browser.plain.post("/review/answer", {**sent, "form_token": "x"}).status == 403
    assert "Picture 1 of 24" in browser.page().text


def test_an_answer_counts_once_however_often_and_late_it_comes(scene: Scene, audit: str):
    asked = OpenReview.about(scene, audit)
    browser = ReviewerBrowser.of(scene, asked.link())
    first = browser.picture_id()
    assert browser.answer(first, "2").status == 303
    threads = [threading.Thread(target=browser.answer, args=(first, key)) for key in ("1", "3", "0")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    browser.answer(browser.picture_id(), "0")

    answers = asked.review.reviewers[0].answers
    options = asked.review.plan.images[answers[0].picture.image].options
    assert [one.choice for one in answers] == [options[1], None]
    assert browser.answer(browser.picture_id(), "9").status == 400


def test_the_result_says_what_people_see_with_intervals_and_a_digest(scene: Scene, audit: str):
    asked = OpenReview.about(scene, audit)
    for _ in range(3):
        answer_all(asked, PictureKind.WHOLE)
    page = scene.browser("vera").get(f"/{asked.name}").text

    assert "People do not see the predicted class in the subsets" in page
    assert ">CONFIRMED<" in page.replace("</span> CONFIRMED", "</span>>CONFIRMED<")
    assert page.count('class="reach"') == 3
    assert "24 of 24" in page
    kept = scene.browser("vera").get(f"/{asked.name}/review.json")
    assert hashlib.sha256(kept.body).hexdigest() in page
    assert "attachment" in kept.headers["Content-Disposition"]
    assert "People do not see" in scene.browser("vera").get(f"/{audit}").text


@pytest.mark.long
def test_people_who_see_the_class_in_subsets_are_believed(scene: Scene, audit: str):
    asked = OpenReview.about(scene, audit)
    for _ in range(2):
        answer_all(asked, PictureKind.SUBSET, PictureKind.WHOLE)

    assert "People see the predicted class in the subsets." in scene.browser("ada").get(f"/{asked.name}").text


def test_a_review_that_is_not_there_is_a_page_of_its_own(scene: Scene):
    assert scene.browser("ada").get(f"/{PROJECT}/audits/good/reviews/none").status == 404
