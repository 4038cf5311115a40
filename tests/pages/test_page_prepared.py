"""Pages that are there only once something was done look right, too, and axe-core finds nothing on them."""

import pytest

from tests.pages.browsing import faults_of_look, objections, sign_in, window_on
from tests.pages.pages_stage import PROJECT
from tests.pages.prepared_pages import answered_review, prepared_pages

pytestmark = [pytest.mark.acceptance, pytest.mark.long]
WIDTHS = (360, 1280)


def faults(window) -> list:
    """What is wrong with the page that is shown, at each width."""
    found: list = []
    for width in WIDTHS:
        window.set_viewport_size({"width": width, "height": 800})
        found += [(window.url, width, fault) for fault in faults_of_look(window)]
    return found + objections(window)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_that_need_something_done_before_look_right(chromium, scene, scheme):
    paths = prepared_pages(scene, f"prepared-{scheme}")
    window = window_on(chromium, scene, color_scheme=scheme)
    found = []
    for path in ("/sign-in", "/docs"):
        window.goto(path)
        found += faults(window)
    sign_in(window)
    for path in paths:
        window.goto(path)
        found += faults(window)
    window.goto(f"/{PROJECT}/tokens")
    window.get_by_label("Member").fill("vera")
    window.get_by_role("button", name="Make the token").click()
    window.get_by_role("heading", name="The new token of vera").wait_for()
    found += faults(window)
    window.context.close()

    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_end_of_a_review_looks_right(chromium, scene, scheme):
    cookies = answered_review(scene, f"answered-{scheme}")
    window = window_on(chromium, scene, color_scheme=scheme)
    address = f"http://127.0.0.1:{scene.http_port}"
    window.context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies.items()])
    window.goto("/review")
    window.get_by_role("heading", name="Thank you").wait_for()
    found = faults(window)
    window.context.close()

    assert found == []
