"""What pages say, and to whom."""

import json
import re

import pytest

from tests.measures.example_audit import LABELS
from tests.pages.pages_stage import OTHER, POLICY, PROJECT, PlainBrowser, picture, served
from tests.reports.report_pages import read

GOOD, QUEUED = f"{PROJECT}/audits/good", f"{PROJECT}/audits/queued"
TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"
TO_JUDGE = f"{PROJECT}/audits/to-judge"


def whole(seen) -> str:
    """The text of a page without mistakes in its elements."""
    reading = read(seen.text)
    assert reading.unbalanced == []
    assert reading.pictures_without_text == 0
    assert reading.elements.count("h1") == reading.elements.count("main") == 1
    return reading.text


def verdict_on(browser, audit: str) -> str:
    return re.search(rf'href="/({PROJECT}/verdicts/[^"]+)"', browser.get(f"/{audit}").text)[1]


def test_somebody_with_one_project_is_led_to_it(scene):
    seen = scene.browser().get("/")

    assert (seen.status, seen.headers["Location"]) == (303, f"/{PROJECT}")


def test_the_overview_shows_models_work_and_what_needs_a_person(scene):
    said = whole(scene.browser().get(f"/{PROJECT}"))

    assert "tiny" in said
    assert "FAIL verdict of" in said
    assert "tiny: the newest verdict is FAIL" in said
    assert "broken: the audit failed MODEL_DIED: its process ended" in said
    assert re.search(r"going RUNNING 3 images of 12", said)
    assert re.search(r"queued QUEUED 1 audit of this project before it", said)


def test_a_state_has_a_shape_beside_its_colour(scene):
    seen = scene.browser().get(f"/{PROJECT}")

    for shape, state in (("▸", "RUNNING"), ("○", "QUEUED"), ("✕", "FAIL")):
        assert f'<span aria-hidden="true">{shape}</span> {state}</span>' in seen.text


def test_the_part_of_the_overview_that_changes_is_a_page_of_its_own(scene):
    seen = scene.browser().get(f"/{PROJECT}/work", HX_Request="true")

    assert seen.status == 200
    assert "<html" not in seen.text
    assert "going" in seen.text


def test_the_list_of_audits_filters_by_state(scene):
    browser = scene.browser()

    good, failed = (whole(browser.get(f"/{PROJECT}/audits?state={state}")) for state in ("SUCCEEDED", "FAILED"))

    assert "good SUCCEEDED tiny version 1" in good
    assert "broken" not in good
    assert "broken FAILED tiny version 1" in failed
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


def test_an_audit_of_which_no_worker_holds_a_part_says_that_it_waits(scene):
    audit = scene.run(scene.audit("left", TINY, f"{PROJECT}/datasets/judged", seed=9))
    scene.run(scene.begin(audit, is_held=False))

    assert "No worker works on it now; it goes on when one is free." in whole(scene.browser().get(f"/{audit.name}"))


def test_a_queued_audit_says_how_many_are_before_it(scene):
    said = whole(scene.browser().get(f"/{QUEUED}"))

    assert "1 audit of this project is before it." in said


def test_the_end_of_an_audit_loads_its_page_anew(scene):
    seen = scene.browser().get(f"/{GOOD}/progress?after=1", HX_Request="true")

    assert seen.headers["HX-Refresh"] == "true"


def test_an_audit_is_cancelled_by_a_form(scene):
    audit = scene.run(scene.audit("unwanted", TINY, FEW, seed=77))
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
    form = browser.get(f"/{TO_JUDGE}/judge")

    seen = browser.send(f"/{TO_JUDGE}/judge", f"/{TO_JUDGE}/judge", policy=POLICY.replace("0.01", "0.99"))

    assert seen.status == 303
    said = whole(browser.get(seen.headers["Location"]))
    assert "preset:" in form.text
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
    name = verdict_on(browser, GOOD)

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
        f"/{OTHER}/models/hidden",
        f"/{OTHER}/models/hidden/versions/1",
        f"/{OTHER}/datasets",
        f"/{OTHER}/datasets/theirs",
        f"/{OTHER}/new-audit",
        f"/{OTHER}/side-by-side?left={OTHER}/audits/kept&right={OTHER}/audits/kept",
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


def test_a_data_set_shows_its_pictures_and_what_was_skipped(scene):
    browser = scene.browser("vera")
    seen = browser.get(f"/{PROJECT}/datasets/few")

    said = whole(seen)
    (first, *_) = re.findall(r'<img src="([^"]+)" alt="cat/0.png"', seen.text)
    shown = browser.get(first)
    assert "12, 12 of them with a label" in said
    assert "What was skipped Nothing: the newest audit that succeeded, good ," in said
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/png")
    assert shown.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert shown.body.startswith(b"\x89PNG")


def test_what_an_audit_could_not_use_is_named_with_its_reason(scene):
    first, few = scene.run(scene.model("skipping")), scene.run(scene.dataset("partly", 4))
    audit = scene.run(scene.audit("partly", first, few))
    scene.run(scene.succeed(audit, failed_places=(2,)))

    said = whole(scene.browser().get(f"/{few}"))

    assert "partly , has no result for 1 image: Image Reason image-2.png IMAGE_UNREADABLE" in said


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>1</script>", b""])
def test_bytes_that_are_no_picture_are_not_shown(scene, data):
    digest = scene.run(scene.hold(data))

    assert scene.browser().get(f"/{PROJECT}/pictures/{digest}").status == 404


def test_a_picture_of_another_project_is_not_shown(scene):
    digest = scene.run(scene.hold(picture(77), OTHER))

    assert scene.browser("eve").get(f"/{OTHER}/pictures/{digest}").status == 200
    assert scene.browser("ada").get(f"/{OTHER}/pictures/{digest}").status == 404
    assert scene.browser("ada").get(f"/{PROJECT}/pictures/{digest}").status == 404


HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def test_names_are_shown_as_text_wherever_they_come_from(scene):
    scene.run(scene.dataset("hostile", 3, item0=f"{HOSTILE}.png"))
    version = scene.run(scene.model("hostile", labels=(*LABELS, HOSTILE)))
    broken = scene.run(scene.audit("hostile", version, f"{PROJECT}/datasets/few"))
    scene.run(scene.fail(broken, HOSTILE, HOSTILE))

    browser = scene.browser()
    for path in ("datasets/hostile", "models/hostile/versions/1", "audits/hostile", "", f"audits?state={HOSTILE}"):
        seen = browser.get(f"/{PROJECT}/{path}".rstrip("/").replace(" ", "%20").replace('"', "%22").replace("<", "%3C"))
        reading = read(seen.text)
        assert "onerror" in reading.text, path
        assert all(address.startswith(("/", "#", "data:")) for address in reading.addresses), path
        assert "<img src=x" not in seen.text


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
        ({"threshold": "much"}, "threshold: expected a number, got 'much'"),
        ({"threshold": "1.5"}, "above 0 and below 1"),
        ({"sample": "13"}, "expected at most the 12 items"),
        ({"model": f"{OTHER}/models/hidden/versions/1"}, f"expected a model version of {PROJECT}"),
        ({"dataset": f"{PROJECT}/datasets/none"}, "there is no data set with this name"),
        ({"fill": "pink"}, "expected mean, black"),
    ],
)
def test_a_mistake_in_a_new_audit_is_told_and_what_was_typed_stays(scene, changed, said):
    browser = scene.browser("otto")

    seen = browser.send(f"/{PROJECT}/new-audit", f"/{PROJECT}/new-audit", **fields(scene, **changed))

    assert seen.status == 400
    assert said.lower() in whole(seen).lower()
    (typed,) = changed.values()
    assert f'value="{typed}"' in seen.text


def test_a_viewer_cannot_start_an_audit(scene):
    browser = scene.browser("vera")

    assert browser.get(f"/{PROJECT}/new-audit").status == 403
    assert browser.send(f"/{PROJECT}", f"/{PROJECT}/new-audit", **fields(scene)).status == 403


def test_lists_have_pages(scene):
    for seed in range(100, 155):
        scene.run(scene.audit(f"many-{seed}", TINY, f"{PROJECT}/datasets/judged", seed=seed))
    browser = scene.browser()

    first = browser.get(f"/{PROJECT}/audits?state=QUEUED")
    following = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    second = browser.get(following)

    names = [set(re.findall(r"/audits/(many-\d+)", seen.text)) for seen in (first, second)]
    assert len(names[0]) == 50
    assert names[0].isdisjoint(names[1])
    assert "First page" in whole(second)
    assert browser.get(f"/{PROJECT}/audits?page=nonsense").status == 400


def test_a_path_of_nobody_is_a_page_for_browsers_and_a_problem_for_programs(scene):
    browser = scene.browser()

    page = browser.get("/nowhere", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    problem = browser.get("/nowhere", Accept="*/*")

    assert (page.status, problem.status) == (404, 404)
    assert "There is no page /nowhere" in whole(page)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_a_line_joins_only_audits_that_compare_and_a_break_is_explained(scene):
    few = scene.run(scene.dataset("trending"))
    for name, labels, threshold in (
        ("trend-1", LABELS, 0.9),
        ("trend-2", (*LABELS, "fox"), 0.9),
        ("trend-3", (*LABELS, "fox", "elk"), 0.95),
    ):
        version = scene.run(scene.model("trending", labels=labels))
        scene.run(scene.succeed(scene.run(scene.audit(name, version, few, threshold=threshold))))

    seen = scene.browser().get(f"/{PROJECT}/models/trending")

    said = whole(seen)
    rate = seen.text.split('aria-label="Overinterpretation rate, by audit')[1].split("</svg>")[0]
    assert rate.count('class="line"') == 1
    assert rate.count('class="break"') == 1
    assert rate.count("<circle") == 3
    assert said.count("Break before") == 1
    assert "Break before the audit trend-3 of trending version 3: threshold 0.9 became 0.95." in said


def test_a_session_holds_in_every_api_process_and_ends_in_all(scene, tmp_path):
    url = scene.store._engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    browser = scene.browser()

    with served(url, tmp_path) as another:
        elsewhere = PlainBrowser(another.http_port, browser.host, dict(browser.cookies))
        there = elsewhere.get(f"/{PROJECT}").status
        browser.send(f"/{PROJECT}", "/sign-out")

        assert (there, elsewhere.get(f"/{PROJECT}").status) == (200, 303)


def test_two_audits_stand_side_by_side_with_differences_first(scene):
    few = scene.run(scene.dataset("beside"))
    for name, labels, size in (("left", LABELS, 3), ("right", (*LABELS, "fox"), 30)):
        version = scene.run(scene.model("beside", labels=labels))
        scene.run(scene.succeed(scene.run(scene.audit(f"beside-{name}", version, few)), size))
    browser = scene.browser("vera")
    audits = [f"{PROJECT}/audits/beside-{name}" for name in ("left", "right")]

    said = whole(browser.get(f"/{PROJECT}/side-by-side?left={audits[0]}&right={audits[1]}"))
    chosen = browser.get(f"/{audits[0]}").text

    assert "beside version 1 beside beside version 2" in said
    assert "12 pictures of the first 500 of each audit are the same." in said
    assert "The figures do not compare" not in said
    rates = "Overinterpretation rate 0.333 share 0.138 to 0.609 n = 12 0 share"
    assert rates in said
    assert "cat at 0.97, subset 4.69% cat at 0.97, subset 46.9%" in said
    assert f'<option value="{audits[1]}">beside-right: beside version 2</option>' in chosen


def test_audits_under_other_conditions_are_said_not_to_compare(scene):
    few = scene.run(scene.dataset("apart"))
    version = scene.run(scene.model("apart"))
    for name, threshold in (("apart-1", 0.9), ("apart-2", 0.95)):
        scene.run(scene.succeed(scene.run(scene.audit(name, version, few, threshold=threshold))))
    sides = f"left={PROJECT}/audits/apart-1&right={PROJECT}/audits/apart-2"

    said = whole(scene.browser().get(f"/{PROJECT}/side-by-side?{sides}"))

    assert "The figures do not compare: threshold is 0.9 on the left and 0.95 on the right." in said


@pytest.mark.parametrize("right", [f"{OTHER}/audits/kept", f"{PROJECT}/audits/none", "", f"{PROJECT}/audits/broken"])
def test_only_ones_own_audits_with_a_result_stand_side_by_side(scene, right):
    seen = scene.browser().get(f"/{PROJECT}/side-by-side?left={PROJECT}/audits/good&right={right}")

    assert seen.status in {400, 404}
    assert "hidden" not in whole(seen)
