"""The form of retention: every member reads what is kept for how long, and admins say it."""

import pytest

from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import PROJECT

RETENTION = f"/{PROJECT}/retention"
FOR_EVER = {"findings_days": "0", "reports_days": "0", "images_days": "0"}


@pytest.fixture
def browser(scene):
    browser = scene.browser()
    yield browser
    assert browser.send(RETENTION, RETENTION, **FOR_EVER).status == 303


def test_what_an_admin_says_is_shown_to_all_with_the_command_that_says_the_same(scene, browser):
    before = browser.get(RETENTION)
    sent = browser.send(RETENTION, RETENTION, findings_days="180", reports_days="", images_days="30")
    shown, read = browser.get(sent.headers["Location"]), scene.browser("vera").get(RETENTION)

    assert "Everything is kept for ever." in whole(before)
    assert sent.status == 303
    assert "Saved." in whole(shown)
    assert "modicum retention set --findings 180d --reports keep --images 30d" in whole(shown)
    for page in (shown, read):
        assert "Findings 180 days" in whole(page)
        assert "Results for ever" in whole(page)
        assert "Images 30 days" in whole(page)
    assert f'action="{RETENTION}"' not in read.text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("findings_days", "soon", "Findings: expected a whole number, got 'soon'"),
        ("images_days", "-1", "Images: expected 0 (for ever), or 1 to"),
        ("reports_days", "1000000", "Results: expected 0 (for ever), or 1 to"),
    ],
)
def test_a_mistake_is_told_and_what_was_typed_stays(browser, field, typed, said):
    answer = browser.send(RETENTION, RETENTION, **(FOR_EVER | {field: typed}))

    assert answer.status == 400
    assert said in whole(answer)
    assert marked(answer) == [field]
    assert f'value="{typed}"' in answer.text
    assert "Everything is kept for ever." in whole(browser.get(RETENTION))


def test_only_an_admin_says_it(scene):
    assert scene.browser("vera").send(RETENTION, RETENTION, **FOR_EVER).status == 403


def test_the_page_of_data_sets_leads_to_it(scene):
    assert f'href="{RETENTION}"' in scene.browser("vera").get(f"/{PROJECT}/datasets").text
