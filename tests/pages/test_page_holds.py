"""Holds in the browser: only for admins, who see on an audit and a data set who holds it and why."""

import pytest

from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import PROJECT

HOLDS = f"/{PROJECT}/holds"
FREE = "A hold prevents anybody from deleting it or its pictures"
REASON = "evidence of <b>incident</b> 12"


def hold(browser, name: str, held: str, reason: str = REASON):
    return browser.send(HOLDS, HOLDS, hold=name, held=held, reason=reason)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("held", ["audits/good", "datasets/few"])
def test_what_is_held_says_by_whom_and_why_until_it_is_released(scene, held):
    browser, name = scene.browser(), held.rpartition("/")[2]

    free = browser.get(f"/{PROJECT}/{held}")
    added = hold(browser, name, f"{PROJECT}/{held}")
    listed, seen = browser.get(added.headers["Location"]), browser.get(f"/{PROJECT}/{held}")
    released = browser.send(HOLDS, f"{HOLDS}/release", hold=name)
    after = browser.get(f"/{PROJECT}/{held}")

    assert (added.status, released.status) == (303, 303)
    assert FREE in whole(free)
    assert f'href="{HOLDS}?held={PROJECT}/{held}#new"' in free.text
    assert "by ada" in whole(listed)
    assert f'<a href="/{PROJECT}/{held}">{held}</a>' in listed.text
    assert whole(seen).split("Held by ada since ")[1].split(" Hold it")[0].endswith(REASON)
    assert "<b>incident</b>" not in seen.text
    assert FREE in whole(after)


@pytest.mark.long
def test_the_link_on_a_page_fills_in_what_to_hold(scene):
    page = scene.browser().get(f"{HOLDS}?held={PROJECT}/audits/good")

    assert f'name="held" value="{PROJECT}/audits/good"' in page.text


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": "Not A Name"}, "hold", "Name: expected 1 to 63 characters"),
        ({"held": "audits/good"}, "held", "What to hold: expected the name of an audit"),
        ({"held": f"{PROJECT}/audits/none"}, "", "there is no audit with this name"),
        ({"reason": ""}, "reason", "Reason: expected"),
    ],
)
def test_a_mistake_is_told_and_what_was_typed_stays(scene, changed, field, said):
    typed = {"name": "one", "held": f"{PROJECT}/audits/good", "reason": REASON} | changed

    answer = hold(scene.browser(), **typed)

    assert answer.status == 400
    assert said in whole(answer)
    assert marked(answer) == ([field] if field else [])
    assert f'value="{typed["held"]}"' in answer.text


def test_who_is_no_admin_sees_no_holds(scene):
    browser = scene.browser("vera")

    assert browser.get(HOLDS).status == 403
    assert "Evidence" not in whole(browser.get(f"/{PROJECT}/audits/good"))
