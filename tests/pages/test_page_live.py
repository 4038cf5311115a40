"""A part of a page that cannot be updated says so in one line. A screen reader hears of the steps of the work."""

import re

import pytest

from tests.pages.browsing import sign_in
from tests.pages.pages_stage import PROJECT

ASK = "htmx.trigger(document.querySelector('[data-events]'), 'news')"


def test_the_work_is_told_in_one_line_that_changes_with_its_counts(scene):
    seen = scene.browser("vera").get(f"/{PROJECT}/work")

    assert re.search(r'<h2 id="work" data-heard="\d+ audits? runs?, \d+ waits?">', seen.text)


def test_the_progress_of_an_audit_is_told_in_steps(scene):
    browser = scene.browser("vera")

    going = browser.get(f"/{PROJECT}/audits/going").text
    assert re.search('data-heard="Subsets are searched; (0|25|50|75)% of the passes"', going)
    assert 'data-heard="The audit waits"' in browser.get(f"/{PROJECT}/audits/queued").text
    assert '<p id="heard" class="only-heard" role="status"></p>' in going


class TestInABrowser:
    """What the scripts do."""

    pytestmark = pytest.mark.acceptance

    @pytest.mark.parametrize(
        ("part", "answer"),
        [
            ("work", {"status": 500}),
            ("progress", {"status": 429, "headers": {"Retry-After": "1"}}),
            ("progress", None),
            ("trends", {"status": 503}),
        ],
    )
    @pytest.mark.long
    def test_a_part_that_fails_says_since_when_until_it_works_again(self, page, part, answer):
        page.route(f"**/{part}*", lambda route: route.abort() if answer is None else route.fulfill(**answer))
        sign_in(page, "vera")
        page.goto(f"/{PROJECT}/audits/going" if part == "progress" else f"/{PROJECT}")
        if part == "progress":
            page.evaluate(ASK)
        line = page.locator("#not-updated")

        line.filter(has_text="Not updated since").wait_for()
        said = line.text_content()
        page.unroute(f"**/{part}*")
        line.filter(has_not_text="since").wait_for(state="attached")

        assert re.fullmatch(r"Not updated since \d\d:\d\d UTC; trying again", said)
        assert line.text_content() == ""

    @pytest.mark.long
    def test_what_cannot_come_back_is_not_tried_again(self, page):
        page.route("**/progress*", lambda route: route.fulfill(status=404))
        sign_in(page, "vera")
        page.goto(f"/{PROJECT}/audits/going")
        page.evaluate(ASK)

        page.locator("#not-updated", has_text=": load the page again").wait_for()

    @pytest.mark.long
    def test_a_step_is_heard_once_it_is_reached_and_not_before(self, page):
        sign_in(page, "vera")
        page.goto(f"/{PROJECT}")
        heard = page.locator("#heard")
        assert heard.text_content() == ""

        page.route(
            "**/work", lambda route: route.fulfill(body='<h2 id="work" data-heard="3 audits run, 1 waits"></h2>')
        )

        heard.filter(has_text="3 audits run, 1 waits").wait_for(state="attached")
