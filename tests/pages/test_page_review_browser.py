"""A blind review in a real browser: by link and by keyboard, on a phone, and nothing in the DOM that tells."""

import re

import pytest
from modicum_server.domain.reviews import PictureKind
from modicum_server.transports.http.pages.views.reviewing import keys_of

from tests.pages.browsing import objections, sign_in, window_on
from tests.pages.pages_stage import Scene
from tests.pages.reviewing import OpenReview, audited

pytestmark = pytest.mark.acceptance
PICTURES = "**/review/pictures/*"


@pytest.fixture(scope="module")
def asked(scene: Scene) -> OpenReview:
    return OpenReview.about(scene, audited(scene, "looked-at"))


def wait_for(page, number: int) -> None:
    """Wait until the picture with this number is there. It cannot be answered before."""
    page.get_by_text(f"Picture {number} of 24").wait_for()
    page.wait_for_load_state()  # the scripts, which answer keys, are there as well
    page.locator(".looked-at").evaluate("one => one.decode()")


@pytest.mark.long
def test_a_session_is_answered_by_keys_alone(page, asked: OpenReview):
    page.goto(asked.link())
    for number, planned in enumerate(asked.planned(), 1):
        wait_for(page, number)
        page.keyboard.press(asked.key(planned) if planned.kind is PictureKind.WHOLE else "0")

    page.get_by_role("heading", name="Thank you").wait_for()
    answers = asked.review.reviewers[-1].answers
    assert [one.choice is None for one in answers] == [True] * 20 + [False] * 4


@pytest.mark.long
def test_a_letter_is_a_key_where_classes_are_called_by_digits(page, asked: OpenReview):
    page.goto(asked.link())
    wait_for(page, 1)
    for number, key in ((2, "b"), (3, "c")):
        page.evaluate(f"document.querySelector('#answer button[value=\"{number}\"]').dataset.key = '{key}'")
    page.keyboard.press("3")
    page.keyboard.press("Shift+B")

    wait_for(page, 2)
    told = asked.review.reviewers[-1].answers
    assert [one.choice for one in told] == [asked.review.plan.images[told[0].picture.image].options[1]]
    assert (keys_of(["cat", "12"]), keys_of(["cat", "dog"])) == ("xabcdefghi", "0123456789")


def test_a_link_leaves_the_address_bar_and_a_reload_goes_on(page, asked: OpenReview):
    link = asked.link()
    page.goto(link)
    wait_for(page, 1)
    page.keyboard.press("1")
    wait_for(page, 2)
    page.reload()
    wait_for(page, 2)

    assert link.partition("#")[2] not in page.url
    page.go_back()
    wait_for(page, 2)
    page.keyboard.press("3")
    wait_for(page, 3)
    told = asked.review.reviewers[-1].answers
    assert told[0].choice == asked.review.plan.images[told[0].picture.image].options[0]


@pytest.mark.long
def test_a_used_link_says_so_in_another_browser(page, chromium, asked: OpenReview, scene: Scene):
    link = asked.link()
    page.goto(link)
    wait_for(page, 1)

    other = window_on(chromium, scene)
    other.goto(link)
    other.get_by_role("alert").wait_for()

    assert "was used or has ended" in other.get_by_role("alert").inner_text()
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.long
def test_the_page_of_a_picture_fits_a_phone_and_axe_core_finds_nothing(
    chromium, scene: Scene, asked: OpenReview, scheme
):
    window = window_on(chromium, scene, viewport={"width": 360, "height": 800}, color_scheme=scheme)
    window.goto(asked.link())
    wait_for(window, 1)

    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert objections(window) == []
    window.context.close()


@pytest.mark.long
def test_buttons_and_keys_beyond_the_options(page, asked: OpenReview):
    page.goto(asked.link())
    wait_for(page, 1)
    for key in ("9", "a", "Control+1"):
        page.keyboard.press(key)
    assert page.get_by_text("Picture 1 of 24").is_visible()

    page.get_by_role("button", name="nothing there").click()

    wait_for(page, 2)
    assert asked.review.reviewers[-1].answers[0].choice is None


@pytest.mark.long
def test_nothing_in_the_document_or_in_what_it_loads_differs_by_kind(page, asked: OpenReview):
    replies, shown, loaded = [], [], []
    page.on("response", lambda reply: replies.append(reply) if "/pictures/" in reply.url else None)
    page.goto(asked.link())
    for number, _ in enumerate(asked.planned(), 1):
        wait_for(page, number)
        form = page.locator("main").evaluate("one => one.outerHTML")
        even = re.sub(r"[0-9a-f]{32}(\.[0-9a-f]{64})?", "ID", form)
        even = re.sub(r'value="\d+" max|Picture \d+ of', "PLACE", even)
        size = page.locator(".looked-at").evaluate("one => [one.naturalWidth, one.naturalHeight, one.width, one.alt]")
        shown.append((even, *size))
        loaded.append((replies[-1].header_value("cache-control"), len(replies[-1].body())))
        page.keyboard.press("0")
    page.get_by_role("heading", name="Thank you").wait_for()

    assert len(set(shown)) == 1
    assert len(replies) == len({reply.url for reply in replies}) == 24
    assert len(set(loaded)) == 1
    kept = page.evaluate("[{...localStorage}, {...sessionStorage}]")
    assert kept == [{}, {"htmx-current-path-for-history": "/review"}]


def test_a_member_asks_people_and_hands_out_a_link(page, asked: OpenReview):
    sign_in(page, "otto")
    page.goto(f"/{asked.review.audit}")
    page.get_by_role("link", name="Ask people").click()
    page.get_by_role("button", name="Draw the pictures").click()
    page.get_by_label("Name of a reviewer").fill("Bo")
    page.get_by_role("button", name="Make a link").click()

    page.get_by_role("heading", name="The link of Bo").wait_for()
    assert re.search(r"/review#[\w-]{43}", page.locator("code[data-copy]").inner_text())
    page.get_by_text("0 of 24").wait_for()


@pytest.mark.long
def test_a_picture_that_could_not_be_loaded_is_not_answered(page, asked: OpenReview):
    page.route(PICTURES, lambda route: route.abort())
    page.goto(asked.link())
    page.get_by_role("alert").wait_for()
    page.keyboard.press("0")
    page.get_by_role("button", name="nothing there").click()
    page.unroute(PICTURES)
    page.reload()

    wait_for(page, 1)
    assert not page.get_by_role("alert").is_visible()
    assert asked.review.reviewers[-1].answers == ()


@pytest.mark.long
def test_a_key_that_is_pressed_before_the_picture_is_there_says_nothing_of_it(page, asked: OpenReview):
    held = []

    def hold(route) -> None:
        held.append(route)

    page.route(PICTURES, hold)
    with page.expect_request(PICTURES):
        page.goto(asked.link(), wait_until="commit")
    page.wait_for_load_state("domcontentloaded")
    page.get_by_text("Picture 1 of 24").wait_for()
    page.keyboard.press("1")
    held.pop().continue_()
    page.unroute(PICTURES)

    wait_for(page, 1)
    page.keyboard.press("0")
    wait_for(page, 2)
    assert [one.choice for one in asked.review.reviewers[-1].answers] == [None]
