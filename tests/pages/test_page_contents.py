"""What pages say, and to whom."""

import json
import re

import pytest

from tests.pages.pages_stage import OTHER, POLICY, PROJECT
from tests.reports.report_pages import read

GOOD, QUEUED = f"{PROJECT}/audits/good", f"{PROJECT}/audits/queued"


def whole(seen) -> str:
    """The text of a page without mistakes in its elements."""
    reading = read(seen.text)
    assert reading.unbalanced == []
    assert reading.pictures_without_text == 0
    assert reading.elements.count("h1") == reading.elements.count("main") == 1
    return reading.text


def newest_verdict(browser) -> str:
    return re.search(rf'href="/({PROJECT}/verdicts/[^"]+)"', browser.get(f"/{PROJECT}/verdicts").text)[1]


def test_somebody_with_one_project_is_led_to_it(scene):
    seen = scene.browser().get("/")

    assert (seen.status, seen.headers["Location"]) == (303, f"/{PROJECT}")


def test_the_overview_shows_models_work_and_what_needs_a_person(scene):
    said = whole(scene.browser().get(f"/{PROJECT}"))

    assert "tiny" in said
    assert "FAIL verdict of" in said
    assert "The newest verdict is FAIL" in said
    assert "The audit failed: broken MODEL_DIED: its process ended" in said
    assert re.search(r"going ▸ RUNNING 3 images of 12", said)
    assert re.search(r"queued … QUEUED 1 audit of this project before it", said)


def test_the_part_of_the_overview_that_changes_is_a_page_of_its_own(scene):
    seen = scene.browser().get(f"/{PROJECT}/work", HX_Request="true")

    assert seen.status == 200
    assert "<html" not in seen.text
    assert "going" in seen.text


def test_the_list_of_audits_filters_by_state(scene):
    browser = scene.browser()

    everything, failed = whole(browser.get(f"/{PROJECT}/audits")), whole(browser.get(f"/{PROJECT}/audits?state=FAILED"))

    assert all(name in everything for name in ("good", "broken", "going", "queued"))
    assert "broken" in failed
    assert "going" not in failed


def test_an_audit_that_ended_shows_what_was_found_its_verdicts_and_its_report(scene):
    seen = scene.browser().get(f"/{GOOD}")

    said = whole(seen)
    assert "the search found that 5% of the pixels or fewer suffice on its fill" in said
    assert "FAIL" in said
    assert re.search(rf'<iframe [^>]*src="/{GOOD}/report" sandbox="allow-scripts"', seen.text)
    assert "modicum audits create --model tiny/1 --dataset few --threshold 0.9 --passes 600" in said


def test_a_report_is_framed_without_an_origin(scene):
    seen = scene.browser().get(f"/{GOOD}/report")

    assert seen.status == 200
    assert seen.headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert seen.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<title>" in seen.text


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("html", "text/html; charset=utf-8"), ("json", "application/json"), ("zip", "application/zip")],
)
def test_a_report_can_be_kept(scene, form, media_type):
    seen = scene.browser("vera").get(f"/{GOOD}/report.{form}")

    assert (seen.status, seen.headers["Content-Type"]) == (200, media_type)
    assert seen.headers["Content-Disposition"] == f'attachment; filename="good.{form}"'
    assert seen.body


def test_a_report_of_another_form_is_refused(scene):
    seen = scene.browser().get(f"/{GOOD}/report.exe")

    assert seen.status == 400
    assert "Expected one of json, html, canvas" in whole(seen)


def test_a_running_audit_tells_its_progress_until_there_is_no_news(scene):
    browser = scene.browser()
    page = browser.get(f"/{PROJECT}/audits/going")
    address = re.search(r'hx-get="([^"]+)"', page.text)[1].replace("&amp;", "&")

    same, earlier = browser.get(address), browser.get(re.sub(r"after=\d+", "after=0", address))

    assert "Subsets are searched." in whole(page)
    assert "3 of 12" in whole(page)
    assert same.status == 204
    assert earlier.status == 200
    assert "3 of 12" in earlier.text


def test_a_queued_audit_says_how_many_are_before_it(scene):
    said = whole(scene.browser().get(f"/{QUEUED}"))

    assert "1 audit of this project is before it." in said


def test_the_end_of_an_audit_loads_its_page_anew(scene):
    seen = scene.browser().get(f"/{GOOD}/progress?after=1", HX_Request="true")

    assert seen.headers["HX-Refresh"] == "true"


def test_an_audit_is_cancelled_by_a_form(scene):
    first = f"{PROJECT}/models/tiny/versions/1"
    audit = scene.run(scene.audit("unwanted", first, f"{PROJECT}/datasets/few", seed=77))
    browser = scene.browser("ada")

    seen = browser.send(f"/{audit.name}", f"/{audit.name}/cancel")

    assert (seen.status, seen.headers["Location"]) == (303, f"/{audit.name}")
    assert "CANCELLED" in whole(browser.get(f"/{audit.name}"))


def test_a_viewer_sees_no_buttons_and_may_not_press_them(scene):
    browser = scene.browser("vera")
    page = browser.get(f"/{QUEUED}")

    seen = browser.post(f"/{QUEUED}/cancel", {"form_token": page.form_token})

    assert "Cancel the audit" not in page.text
    assert seen.status == 403
    assert "this needs the role auditor".capitalize() in whole(seen)


def test_an_audit_is_judged_by_the_policy_in_a_form(scene):
    browser = scene.browser("otto")
    form = browser.get(f"/{GOOD}/judge")

    seen = browser.send(f"/{GOOD}/judge", f"/{GOOD}/judge", policy=POLICY.replace("0.01", "0.99"))

    assert seen.status == 303
    said = whole(browser.get(seen.headers["Location"]))
    assert "overinterpretation-rate" in form.text
    assert "PASS" in said
    assert "overinterpretation-rate" in said
    assert "accuracy" in said


def test_a_policy_with_a_mistake_comes_back_with_what_is_wrong(scene):
    browser = scene.browser("otto")

    seen = browser.send(f"/{GOOD}/judge", f"/{GOOD}/judge", policy="version: 1\nrules: {no-such-rule: error}\n")

    assert seen.status == 400
    said = whole(seen)
    assert said.count("no-such-rule") == 2


def test_a_verdict_shows_rules_with_intervals_and_its_policy(scene):
    browser = scene.browser()
    name = newest_verdict(browser)

    said, document = whole(browser.get(f"/{name}")), browser.get(f"/{name}/verdict.json")

    assert "95% interval" in said
    assert "version: 1 require:" in said
    assert json.loads(document.body)["outcome"] in {"PASS", "FAIL"}, said


@pytest.mark.parametrize(
    "path",
    [
        f"/{OTHER}",
        f"/{OTHER}/work",
        f"/{OTHER}/audits",
        f"/{OTHER}/audits/kept",
        f"/{OTHER}/audits/kept/progress",
        f"/{OTHER}/audits/kept/report",
        f"/{OTHER}/audits/kept/report.json",
        f"/{OTHER}/audits/kept/judge",
        f"/{OTHER}/verdicts",
    ],
)
def test_a_project_without_a_role_is_no_project(scene, path):
    mine, theirs = scene.browser("ada").get(path), scene.browser("eve").get(path)

    assert mine.status == 404
    assert "there is no project with this name in which ada has a role" in whole(mine)
    assert "hidden" not in mine.text
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


def test_a_fault_of_the_server_is_told_without_its_text(scene, monkeypatch):
    async def broken(*_: object) -> None:
        raise RuntimeError("password of the database")

    monkeypatch.setattr(type(scene.services.use_cases.overviews), "of", broken)
    seen = scene.browser().get(f"/{PROJECT}")

    assert seen.status == 500
    assert "password" not in seen.text
    assert "The server has a fault" in whole(seen)


def test_a_model_shows_versions_verdicts_and_a_trend(scene):
    seen = scene.browser().get(f"/{PROJECT}/models/tiny")

    said = whole(seen)
    assert "version 1" in said
    assert "Overinterpretation rate" in said
    assert re.search(
        r'<svg class="trend"[^>]* role="img" aria-label="Overinterpretation rate, by audit: tiny version 1', seen.text
    )


def test_a_version_shows_what_it_is(scene):
    said = whole(scene.browser().get(f"/{PROJECT}/models/tiny/versions/1"))

    assert "weights of modicum:small_cnn" in said
    assert "3: cat, dog, owl" in said
