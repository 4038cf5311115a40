"""The pages in a real browser: each path is walked as a person walks it, and what the browser forbids is an error."""

import re

import pytest
from modicum_server.usecases import overviews
from modicum_server.usecases.drawn_pictures import THUMBNAIL_SIDE

from tests.pages.browsing import OPEN_ALL, every_page, faults_of_look, objections, sign_in, widths_of, window_on
from tests.pages.pages_stage import PROJECT, TOKENS, Scene, picture
from tests.waiting import eventually

TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"

pytestmark = pytest.mark.acceptance
READABLE_PIXELS = 11
"""The least height of a line of words."""


def test_a_token_signs_in_and_a_button_signs_out(page):
    sign_in(page)

    assert page.get_by_role("heading", level=1).inner_text() == "Project default"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


@pytest.mark.long
def test_a_link_signs_in_once_and_leaves_the_address_bar(page, scene: Scene):
    secret = scene.link()

    page.goto(f"/sign-in#{secret}")
    page.wait_for_url(f"**/{PROJECT}")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("about:blank")
    page.goto(f"/sign-in#{secret}")

    page.get_by_role("alert").wait_for()
    assert "was used or is older than five minutes" in page.get_by_role("alert").inner_text()
    assert secret not in page.url


def test_from_the_overview_to_a_verdict_and_its_evidence_by_links(page, monkeypatch):
    monkeypatch.setattr(overviews, "MODELS_SHOWN", 100)  # other tests add newer models
    sign_in(page)

    tiny = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="tiny"))
    tiny.get_by_role("link", name=re.compile("^verdict of")).click()
    page.get_by_role("heading", name="Rules").wait_for()
    page.get_by_role("link", name="good").click()

    page.get_by_role("heading", name="Report").scroll_into_view_if_needed()
    report = page.frame_locator("iframe")
    report.get_by_role("heading", level=1).wait_for()
    assert "tiny" in report.get_by_role("heading", level=1).inner_text()


def test_an_audit_that_runs_shows_news_and_its_end_by_itself(page, scene: Scene):
    audit = scene.run(scene.audit("watched", TINY, f"{PROJECT}/datasets/judged", seed=40))
    sign_in(page)
    page.goto(f"/{audit.name}")
    page.get_by_text("The audit waits for a worker.").wait_for()

    scene.run(scene.begin(audit, images=5))
    page.get_by_text("5 of 12").wait_for()
    scene.run(scene.succeed(audit))

    page.get_by_role("heading", name="Report").wait_for()


def test_an_audit_is_started_from_a_form_that_says_what_it_costs(page, scene: Scene):
    scene.run(scene.dataset("priced", 11))
    sign_in(page, "otto")
    page.get_by_role("link", name="New audit").click()
    page.get_by_label("Model", exact=True).select_option(label="tiny version 1")
    page.get_by_label("Data set", exact=True).select_option(label="priced")
    page.locator("#cost").get_by_text("11 images").wait_for()
    before = page.locator("#cost .lead").inner_text()

    page.get_by_label("Threshold").fill("0.95")
    page.get_by_label("Images", exact=True).fill("7")
    page.keyboard.press("Tab")  # a field has changed once it is left
    page.locator("#cost").get_by_text("7 images").wait_for()
    assert page.locator("#cost .lead").inner_text() != before
    page.get_by_role("button", name="Start the audit").click()

    page.get_by_text("The audit waits for a worker.").wait_for()
    page.get_by_role("button", name="Cancel the audit").click()
    page.get_by_text("The audit was cancelled").wait_for()


@pytest.mark.long
@pytest.mark.parametrize(("height", "stays"), [(800, True), (300, False)])
def test_the_cost_and_its_button_stay_in_view_where_the_window_is_high_enough(page, height, stays):
    page.set_viewport_size({"width": 1280, "height": height})
    sign_in(page, "otto")
    page.goto(f"/{PROJECT}/new-audit")
    page.locator("#cost .lead").wait_for()
    page.evaluate(OPEN_ALL)

    page.get_by_label("Seed").scroll_into_view_if_needed()
    page.get_by_label("Seed").fill("7")

    places = [page.locator(one).bounding_box() for one in ("#cost", "button.first")]
    assert all(box["y"] >= 0 and box["y"] + box["height"] <= height for box in places) is stays


@pytest.mark.long
def test_a_refused_audit_says_why_once_until_the_form_is_mended(page):
    sign_in(page, "otto")
    page.goto(f"/{PROJECT}/new-audit?dataset={PROJECT}/datasets/few")
    page.get_by_label("Name").fill("good")
    page.locator("#cost").get_by_text("has an audit good already").wait_for()
    page.get_by_role("button", name="Start the audit").click()
    page.get_by_role("alert").wait_for()

    assert page.get_by_text("has an audit good already").count() == 1
    page.get_by_label("Name").fill("good-again")
    page.locator("#cost").get_by_text("At most").wait_for()
    assert page.get_by_role("alert").count() == 0


def test_a_policy_is_judged_in_the_browser(page):
    sign_in(page, "otto")
    page.goto(f"/{PROJECT}/audits/to-judge/judge")

    page.get_by_label("Policy").fill("version: 1\nrules: {nothing: error}")
    page.get_by_role("button", name="Judge").click()
    page.get_by_role("alert").wait_for()
    shadow = "one => getComputedStyle(one).boxShadow"
    assert page.get_by_label("Policy").evaluate(shadow) != page.get_by_label("Baseline").evaluate(shadow) == "none"
    page.get_by_label("Policy").fill("version: 1\npreset: report-only\n")
    page.get_by_role("button", name="Judge").click()

    page.get_by_role("heading", name="Rules").wait_for()


@pytest.mark.long
def test_the_words_of_charts_can_be_read_on_a_phone(page, scene: Scene):
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, "vera")

    for address in (f"/{PROJECT}/models/tiny", f"/{scene.reviewed}"):
        page.goto(address)
        boxes = page.locator(".trend text").evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
        assert boxes
        assert min(box["height"] for box in boxes) >= READABLE_PIXELS
        assert min(box["left"] for box in boxes) >= 0


@pytest.mark.long
def test_pictures_are_drawn_as_large_as_the_canvas_of_an_audit(page, scene: Scene):
    pictures = scene.run(scene.dataset("drawn", 5))
    audit = scene.run(scene.audit("drawing", TINY, pictures))
    scene.run(scene.succeed(audit))
    sign_in(page, "vera")
    page.goto(f"/{pictures}")
    page.get_by_role("link", name="as in drawing").click()
    page.get_by_text("As the models of").wait_for()

    width = audit.specification.canvas.width
    assert widths_of(page.locator(".pictures img")) == [THUMBNAIL_SIDE // width * width] * 5


@pytest.mark.long
def test_a_picture_that_cannot_be_drawn_is_a_drawing_that_says_so(page, scene: Scene):
    digest = scene.run(scene.hold(b"no picture"))
    sign_in(page)

    width = page.evaluate(
        "address => { const one = new Image(); one.src = address; return one.decode().then(() => one.naturalWidth); }",
        f"/{PROJECT}/audits/good/pictures/{digest}",
    )

    assert width > 0


@pytest.mark.long
def test_two_audits_are_put_side_by_side_from_the_page_of_one(page, scene: Scene):
    few = scene.run(scene.dataset("walked"))
    for name in ("walked-1", "walked-2"):
        scene.run(scene.succeed(scene.run(scene.audit(name, TINY, few))))
    sign_in(page, "vera")
    page.goto(f"/{PROJECT}/audits/walked-1")

    page.get_by_text("Beside another audit").click()
    page.get_by_label("Audit on the same data set").select_option(label="walked-2: tiny version 1")
    page.get_by_role("button", name="Compare").click()

    page.get_by_role("heading", name="tiny version 1 beside tiny version 1").wait_for()
    page.get_by_text("On 0 pictures of them the versions see another class").wait_for()


@pytest.mark.long
def test_pictures_of_a_data_set_are_shown(page):
    sign_in(page, "vera")
    page.goto(f"/{FEW}")

    pictures = page.locator(".pictures img")
    assert pictures.count() == 12
    assert widths_of(pictures) == [288] * 12  # 48 pixels, each repeated six times


@pytest.mark.parametrize("size", [(390, 600), (1180, 820), (1180, 2400)])
@pytest.mark.long
def test_a_report_is_as_high_as_its_content_whatever_the_window(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    sign_in(page, "vera")
    page.goto(f"/{PROJECT}/audits/good")
    page.locator("iframe.report").scroll_into_view_if_needed()

    report = page.frame_locator("iframe.report").locator("html")
    page.locator("iframe.report[style*=height]").wait_for()

    def fits() -> bool:
        height, needed = (
            page.locator("iframe.report").bounding_box()["height"],
            report.evaluate("one => one.offsetHeight"),
        )
        return needed <= height <= needed + 4

    eventually(fits, "the frame to be as high as its content")


@pytest.mark.long
def test_a_link_within_a_report_leads_to_its_place(page):
    sign_in(page, "vera")
    page.goto(f"/{PROJECT}/audits/good")
    page.locator("iframe.report").scroll_into_view_if_needed()
    page.locator("iframe.report[style*=height]").wait_for()
    report = page.frame_locator("iframe.report")
    report.locator("footer").evaluate("one => one.id = 'end'")
    report.locator(".skip").evaluate("one => one.setAttribute('href', '#end')")

    before = page.evaluate("scrollY")
    report.locator(".skip").evaluate("one => one.click()")

    eventually(lambda: page.evaluate("scrollY") > before + 500, "the report's end")


@pytest.mark.long
def test_a_stranger_comes_back_to_where_the_sign_in_began(page):
    page.goto(f"/{PROJECT}/audits/good")
    page.get_by_label("Token").fill(TOKENS["vera"])
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/{PROJECT}/audits/good")


def test_the_keyboard_reaches_the_content_first_and_then_all_else(page):
    sign_in(page)
    page.goto(f"/{PROJECT}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")

    page.wait_for_function("document.activeElement.id === 'main'")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.long
def test_no_page_is_wider_than_the_window_and_text_stands_out(chromium, scene: Scene, width, scheme):
    scene.run(scene.dataset(f"{'w' * 50}-{scheme}-{width}"))
    window = window_on(chromium, scene, viewport={"width": width, "height": 800}, color_scheme=scheme)
    sign_in(window)
    for path in every_page(scene):
        window.goto(path)

        assert faults_of_look(window) == [], path
    window.context.close()


def test_a_spot_is_tried_from_two_audits_side_by_side(page, scene: Scene):
    pictures = scene.run(scene.dataset("paired", 4))
    digests = [scene.run(scene.hold(picture(place))) for place in range(4)]
    for name in ("paired-1", "paired-2"):
        audit = scene.run(scene.audit(name, TINY, pictures))
        scene.run(scene.succeed(audit, changes=lambda place: {"image_digest": digests[place]}))
    sign_in(page, "otto")
    page.goto(f"/{PROJECT}/side-by-side?left={PROJECT}/audits/paired-1&right={PROJECT}/audits/paired-2")
    page.get_by_role("link", name="Try a spot of it").first.click()
    page.get_by_role("heading", name="Try a spot of").wait_for()
    found = objections(page)
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("heading", name="tried on").wait_for()
    found += objections(page)
    page.get_by_role("button", name="Cancel the swap").click()
    page.get_by_text("It was cancelled.").wait_for()

    assert found == []
