"""The form of a new audit: its cost first, its mistakes in words."""

import re

import pytest

from tests.pages.page_reading import whole
from tests.pages.pages_stage import OTHER, PROJECT

TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"


def fields(scene, **changed: str) -> dict[str, str]:
    return {"model": TINY, "dataset": FEW, "threshold": "0.9", "fill": "mean", "seed": "5", **changed}


def test_a_new_audit_has_its_cost_before_it_starts(scene):
    browser = scene.browser("otto")
    form = f"/{PROJECT}/new-audit"

    shown = browser.send(form, f"{form}/cost", **fields(scene, passes="600", sample="6"))
    less = browser.send(form, f"{form}/cost", **fields(scene, passes="300", sample="6"))

    said = [re.search(r"At most ([\d,]+) passes", whole(one))[1] for one in (shown, less)]
    cost, smaller = (int(text.replace(",", "")) for text in said)
    assert cost > smaller > 6 * 300
    assert f"{round(cost * 0.001)} s in one slot of a worker" in whole(shown)
    assert "6 images on a canvas of 8" in whole(shown)
    assert "audits/again" not in browser.get(f"/{PROJECT}/audits").text


def test_the_name_of_a_new_audit_is_asked_before_what_is_folded_away(scene):
    page = scene.browser("otto").get(f"/{PROJECT}/new-audit").text

    assert page.count('name="audit_id"') == 1
    assert page.index('name="audit_id"') < page.index("<summary>More</summary>")


def test_a_new_audit_is_created_once_however_often_its_form_is_sent(scene):
    browser = scene.browser("otto")
    page = browser.get(f"/{PROJECT}/new-audit")
    request_id = re.search(r'name="request_id" value="([^"]+)"', page.text)[1]
    sent = {"form_token": page.form_token, "request_id": request_id, **fields(scene, audit_id="by-form", seed="6")}

    first, again = browser.post(f"/{PROJECT}/new-audit", sent), browser.post(f"/{PROJECT}/new-audit", sent)

    assert (first.status, first.headers["Location"]) == (303, f"/{PROJECT}/audits/by-form")
    assert (again.status, again.headers["Location"]) == (303, f"/{PROJECT}/audits/by-form")
    assert "QUEUED" in whole(browser.get(f"/{PROJECT}/audits/by-form"))


def test_a_new_audit_offers_the_newest_version_that_is_ready(scene):
    ready = scene.run(scene.model("spoilt"))
    newest = scene.run(scene.unchecked("spoilt"))

    page = scene.browser("otto").get(f"/{PROJECT}/new-audit")

    assert ready in page.text
    assert newest not in page.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threshold": "much"}, "Threshold: expected a number, got 'much'"),
        ({"threshold": "1.5"}, "Threshold: expected above 0 and below 1"),
        ({"sample": "13"}, "Images: expected at most the 12 items"),
        ({"seed": "-1"}, "Seed: expected"),
        ({"audit_id": "No Name"}, "Name: expected 1 to 63 characters"),
        ({"model": f"{OTHER}/models/hidden/versions/1"}, f"expected a model version of {PROJECT}"),
        ({"dataset": f"{PROJECT}/datasets/none"}, "there is no data set with this name"),
        ({"fill": "pink"}, "expected mean, black"),
    ],
)
def test_a_mistake_in_a_new_audit_is_told_and_what_was_typed_stays(scene, changed, said):
    browser = scene.browser("otto")

    seen = browser.send(f"/{PROJECT}/new-audit", f"/{PROJECT}/new-audit", **fields(scene, **changed))

    assert seen.status == 400
    assert said in whole(seen)
    (typed,) = changed.values()
    assert f'value="{typed}"' in seen.text


def test_a_viewer_cannot_start_an_audit(scene):
    browser = scene.browser("vera")

    assert browser.get(f"/{PROJECT}/new-audit").status == 403
    assert browser.send(f"/{PROJECT}", f"/{PROJECT}/new-audit", **fields(scene)).status == 403
