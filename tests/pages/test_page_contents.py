"""What pages say, and to whom."""

import re

import pytest

from tests.measures.example_audit import LABELS
from tests.pages.page_reading import marked, pages_of, to_the_end, whole
from tests.pages.pages_stage import ADA, POLICY, PROJECT

GOOD, QUEUED = f"{PROJECT}/audits/good", f"{PROJECT}/audits/queued"
TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"
TO_JUDGE = f"{PROJECT}/audits/to-judge"


def verdict_on(browser, audit: str) -> str:
    return re.search(rf'href="/({PROJECT}/verdicts/[^"]+)"', browser.get(f"/{audit}").text)[1]


def test_somebody_with_one_project_is_led_to_it(scene):
    seen = scene.browser().get("/")

    assert (seen.status, seen.headers["Location"]) == (303, f"/{PROJECT}")


def test_the_overview_shows_models_work_and_what_needs_a_person(scene):
    said, needed = (to_the_end(scene.browser(), path) for path in (f"/{PROJECT}", f"/{PROJECT}/needs"))

    assert "tiny" in said
    assert "FAIL verdict of" in said
    assert "Needs a person" in said
    assert "tiny: the newest verdict is FAIL" in needed
    assert re.search(r"going RUNNING 3 images of 12", said)
    assert re.search(r"queued QUEUED 1 audit of this project before it", said)


def test_a_state_has_a_shape_beside_its_colour(scene):
    text = " ".join(seen.text for seen in pages_of(scene.browser(), f"/{PROJECT}"))

    for shape, state in (("▸", "RUNNING"), ("○", "QUEUED"), ("✕", "FAIL")):
        assert f'<span aria-hidden="true">{shape}</span> {state}</span>' in text


def test_the_part_of_the_overview_that_changes_is_a_page_of_its_own(scene):
    seen = scene.browser().get(f"/{PROJECT}/work", HX_Request="true")

    assert seen.status == 200
    assert "<html" not in seen.text
    assert "going" in seen.text


def test_the_list_of_audits_filters_by_state(scene):
    browser = scene.browser()

    good, failed = (to_the_end(browser, f"/{PROJECT}/audits?state={state}") for state in ("SUCCEEDED", "FAILED"))

    assert re.search(r"good SUCCEEDED \w[^.:]+ tiny version 1", good)
    assert "broken" not in good
    assert "broken FAILED MODEL_DIED tiny version 1" in failed
    assert "going" not in failed


def test_an_audit_that_ended_shows_what_was_found_its_verdicts_and_its_report(scene):
    seen = scene.browser().get(f"/{GOOD}")

    said = whole(seen)
    assert "the search found that 5% of the pixels or fewer suffice, with the rest filled in" in said
    assert "FAIL" in said
    assert re.search(rf'<iframe [^>]*src="/{GOOD}/report" sandbox="allow-scripts"', seen.text)
    assert "modicum audits create --model tiny/1 --dataset few --threshold 0.9 --passes 600" in said


def test_a_report_is_framed_without_an_origin(scene):
    seen = scene.browser().get(f"/{GOOD}/report")

    assert seen.status == 200
    policy = seen.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; ")
    assert "unsafe" not in policy
    assert "script-src 'sha256-" in seen.text.partition("<style>")[0]
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
    assert re.search(r"At most [\d.]+ \w+ are left", whole(page))
    assert same.status == 204
    assert earlier.status == 200
    assert "3 of 12" in earlier.text


def test_an_audit_of_which_no_worker_holds_a_part_says_that_it_waits(scene):
    audit = scene.run(scene.audit("left", TINY, f"{PROJECT}/datasets/judged", seed=9))
    scene.run(scene.begin(audit, is_held=False))

    said = whole(scene.browser().get(f"/{audit.name}"))
    assert re.search(
        r"all workers are busy with other audits, or none is running\. It continues when one is free\. (At most|It is)",
        said,
    )


async def put_off(scene, audit) -> None:
    """Let a worker hand back a part of the audit, because the artifact store is full."""
    async with scene.store.transaction() as transaction:
        while (shard := await transaction.shards.claim("another", lease_seconds=3600)).audit != audit.name:
            pass
        await transaction.shards.hand_back(
            shard, failed_tries=0, delay_seconds=3600, away_seconds=0.0, away_reason="the artifact store is full"
        )


@pytest.mark.long
def test_an_audit_that_waits_for_the_artifact_store_says_so_and_for_how_long(scene):
    audit = scene.run(scene.audit("full", TINY, f"{PROJECT}/datasets/judged", seed=10))
    scene.run(scene.begin(audit, is_held=False))
    scene.run(put_off(scene, audit))

    said = whole(scene.browser().get(f"/{audit.name}"))

    assert (
        "It waits: the artifact store is full. It is tried again by itself, for 1 h at most; then the audit fails."
        in said
    )
    assert "all workers are busy" not in said


def test_a_queued_audit_says_how_many_are_before_it(scene):
    said = whole(scene.browser().get(f"/{QUEUED}"))

    assert "1 audit of this project is before it." in said


def test_news_of_an_audit_renews_the_mark_beside_its_name(scene):
    browser = scene.browser()
    page, news = browser.get(f"/{QUEUED}"), browser.get(f"/{QUEUED}/progress?after=0", HX_Request="true")

    assert page.text.count('id="state"') == 1
    assert "hx-swap-oob" not in page.text
    assert '<span id="state" hx-swap-oob="true"><span class="mark queued">' in news.text


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


def test_a_viewer_is_not_shown_a_form_that_only_an_auditor_may_send(scene):
    seen = scene.browser("vera").get(f"/{TO_JUDGE}/judge")

    assert seen.status == 403
    assert "this needs the role auditor" in whole(seen).lower()


def test_an_audit_is_judged_by_the_policy_in_a_form(scene, often_judged):
    scene.run(scene.judge(often_judged))  # the form begins with the newest policy, which other tests change
    browser = scene.browser("otto")
    form = browser.get(f"/{TO_JUDGE}/judge")

    seen = browser.send(f"/{TO_JUDGE}/judge", f"/{TO_JUDGE}/judge", policy=POLICY.replace("0.01", "0.99"))

    assert seen.status == 303
    said = whole(browser.get(seen.headers["Location"]))
    assert "preset: report-only" in form.text
    assert "PASS" in said
    assert "overinterpretation-rate" in said
    assert "accuracy" in said


def test_a_policy_with_a_mistake_comes_back_with_what_is_wrong(scene):
    browser = scene.browser("otto")

    seen = browser.send(f"/{GOOD}/judge", f"/{GOOD}/judge", policy="version: 1\nrules: {no-such-rule: error}\n")

    assert seen.status == 400
    said = whole(seen)
    assert said.count("no-such-rule") == 2
    assert marked(seen) == ["policy"]


def test_a_baseline_that_does_not_exist_leaves_the_policy_as_it_was_typed(scene):
    browser, typed = scene.browser("otto"), f"{POLICY}# typed on a phone\n"

    seen = browser.send(f"/{GOOD}/judge", f"/{GOOD}/judge", policy=typed, baseline="none-such")

    assert seen.status == 400
    assert "Baseline: projects/default/audits/none-such: there is no audit with this name." in whole(seen)
    assert "# typed on a phone" in seen.text
    assert marked(seen) == ["baseline"]


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
    assert "12, all with a label" in said
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_two_audits_stand_side_by_side_with_differences_first(scene):
    few = scene.run(scene.dataset("beside"))
    for name, labels, size in (("left", LABELS, 3), ("right", (*LABELS, "fox"), 30)):
        version = scene.run(scene.model("beside", labels=labels))
        scene.run(scene.succeed(scene.run(scene.audit(f"beside-{name}", version, few)), size))
        if name == "left":
            scene.run(scene.judge(scene.run(scene.services.use_cases.audits.get(ADA, f"{PROJECT}/audits/beside-left"))))
    browser = scene.browser("vera")
    audits = [f"{PROJECT}/audits/beside-{name}" for name in ("left", "right")]

    said = whole(browser.get(f"/{PROJECT}/side-by-side?left={audits[0]}&right={audits[1]}"))
    chosen = browser.get(f"/{audits[0]}").text

    assert "beside version 1 beside beside version 2" in said
    found = said.partition("What was found")[2].partition("Figures")[0]
    assert re.search(r"beside version 1 Spot test: none ran \w.+\. Newest verdict: FAIL \d+ \w+ \d{4} beside v", found)
    assert re.search(r"beside version 2 Spot test: none ran \w.+\. Not judged yet\.", found)
    assert "12 pictures are in both audits." in said
    assert "The figures cannot be compared" not in said
    rates = "Overinterpretation rate 33% 14% to 61% n = 12 0% 0% to"
    assert rates in said
    assert (
        "beside version 1: cat, confidence 0.970, subset 4.7% beside version 2: cat, confidence 0.970, subset 47%"
        in said
    )
    assert f'<option value="{audits[1]}">beside-right: beside version 2</option>' in chosen
    assert '<input type="hidden" name="by" value="age">' in chosen
    turned = whole(browser.get(f"/{PROJECT}/side-by-side?by=age&left={audits[1]}&right={audits[0]}"))
    assert "beside version 1 beside beside version 2" in turned


@pytest.mark.long
def test_audits_under_other_conditions_are_said_not_to_compare(scene):
    few = scene.run(scene.dataset("apart"))
    version = scene.run(scene.model("apart"))
    for name, threshold in (("apart-1", 0.9), ("apart-2", 0.95)):
        scene.run(scene.succeed(scene.run(scene.audit(name, version, few, threshold=threshold))))
    sides = f"left={PROJECT}/audits/apart-1&right={PROJECT}/audits/apart-2"

    said = whole(scene.browser().get(f"/{PROJECT}/side-by-side?{sides}"))

    assert "The figures cannot be compared: threshold is 0.9 on the left and 0.95 on the right." in said


def test_an_audit_is_stopped_by_who_asked_for_it_and_by_admins(scene):
    mine, others = (scene.browser(who).get(f"/{PROJECT}/audits/going").text for who in ("ada", "otto"))

    assert "Cancel the audit" in mine
    assert "Cancel the audit" not in others
