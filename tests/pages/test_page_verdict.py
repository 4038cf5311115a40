"""The page of a verdict says what the outputs of the command say, in the same words."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from modicum.gate.rendering import words
from modicum.gate.rendering.forms import FORMS

from tests.pages.browsing import sign_in, widths_of
from tests.pages.page_reading import whole
from tests.pages.pages_stage import POLICY, PROJECT

JUDGED = f"{PROJECT}/audits/often-judged"
SOON = (datetime.now(UTC) + timedelta(days=2)).date()
IDLE = f"""waivers:
  - {{rule: accuracy, class: wolf, reason: ticket 12, owner: us, expires: {SOON}}}
"""


def document_of(browser, name: str):
    return json.loads(browser.get(f"/{name}/verdict.json").body)


def test_each_rule_and_check_is_told_in_the_words_of_the_command(scene):
    browser = scene.browser("vera")

    said, document = whole(browser.get(f"/{scene.pictured}")), document_of(browser, scene.pictured)

    assert "%), limit at most 1%, n = 12" in said
    for rule in document["rules"]:
        assert words.rule_line(rule) in said
        assert words.tested(rule) in said
        assert all(words.figure(check) in said for check in rule["checks"])


def test_what_stands_beside_the_rules_is_told(scene, often_judged):
    verdict = scene.run(scene.judge(often_judged, POLICY.replace("report-only", "recommended") + IDLE))
    browser = scene.browser("vera")

    said, told = whole(browser.get(f"/{verdict.name}")), list(words.remarks(document_of(browser, verdict.name)))

    assert any("excuses nothing" in one for one in told)
    assert any(one.startswith("left out: ") for one in told)
    assert all(" ".join(one.split()) in said for one in told)


def test_the_worst_spot_is_shown_in_pictures_of_this_server(scene):
    browser = scene.browser("vera")

    seen = browser.get(f"/{scene.pictured}")
    pictures = [browser.get(f"/{scene.pictured}/spot/{place}") for place in range(5)]

    assert "The worst spot, for class cat (FAIL)" in whole(seen)
    assert "The spot pasted onto dog/<2>.png The model now says cat." in whole(seen)
    assert "data:" not in seen.text
    assert [one.status for one in pictures] == [200, 200, 200, 200, 404]
    assert pictures[0].headers["Content-Type"] == "image/png"


FAILING = {"id": "spot", "level": "error", "outcome": "FAIL"}


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("rule", "is_by_spot"), [(FAILING, True), ({**FAILING, "level": "warn"}, False)])
def test_a_fail_says_what_to_do_and_leads_to_a_spot_only_where_it_decides(scene, often_judged, rule, is_by_spot):
    verdict = scene.run(scene.judge_with_spot(often_judged))
    document = document_of(scene.browser(), verdict.name)
    others = [one for one in document["rules"] if one["id"] != "spot"]
    (like,) = (one for one in document["rules"] if one["id"] == "overinterpretation-rate")
    changed = scene.run(scene.with_document(verdict, {**document, "rules": [*others, {**like, **rule}]}))

    seen = scene.browser("otto").get(f"/{changed.name}")

    assert ("Look at the spot below" in whole(seen)) is is_by_spot
    assert ("The rules and notes below say what fails" in whole(seen)) is not is_by_spot
    assert f'<a href="/{JUDGED}/judge">judge again</a>' in seen.text
    assert f"{JUDGED}/judge" not in scene.browser("vera").get(f"/{changed.name}").text


@pytest.mark.parametrize(
    ("policy", "outcome", "advice"),
    [
        (POLICY.replace("0.01", "0.99"), "PASS", "Keep an output below with the version."),
        (POLICY.replace("images: 10", "images: 1000"), "INCONCLUSIVE", "The evidence does not suffice to decide."),
    ],
)
def test_other_outcomes_say_what_to_do(scene, often_judged, policy, outcome, advice):
    verdict = scene.run(scene.judge(often_judged, policy))

    said = whole(scene.browser("vera").get(f"/{verdict.name}"))

    assert verdict.outcome.value == outcome
    assert advice in said


LENIENT = """version: 1
preset: recommended
rules:
  spot: "off"
  accuracy: {level: error, min: 0.01}
"""


def test_a_pass_says_which_rules_of_the_preset_were_not_judged(scene, often_judged):
    verdict = scene.run(scene.judge(often_judged, LENIENT))

    said = whole(scene.browser("vera").get(f"/{verdict.name}"))

    assert verdict.outcome.value == "PASS"
    assert "Not judged: spot (Spot test: whether a small spot decides), of the preset recommended." in said


def test_a_pass_by_all_rules_of_the_preset_names_none_that_was_not_judged(scene, often_judged):
    verdict = scene.run(scene.judge(often_judged, POLICY.replace("0.01", "0.99")))

    said = whole(scene.browser("vera").get(f"/{verdict.name}"))

    assert verdict.outcome.value == "PASS"
    assert "Not judged" not in said


@pytest.mark.long_after(3)
@pytest.mark.parametrize("form", FORMS)
def test_every_output_of_the_command_can_be_kept(scene, form):
    browser = scene.browser("vera")

    seen = browser.get(f"/{scene.pictured}/verdict{form}")

    assert seen.body == FORMS[form](document_of(browser, scene.pictured))
    assert seen.headers["Content-Disposition"].endswith(f'{form}"')
    assert f'href="/{scene.pictured}/verdict{form}"' in browser.get(f"/{scene.pictured}").text


def test_an_output_that_does_not_exist_is_refused_with_those_that_do(scene):
    seen = scene.browser().get(f"/{scene.pictured}/verdict.exe")

    assert seen.status == 404
    assert ".sarif" in whole(seen)


def test_a_verdict_without_its_document_says_so_and_keeps_its_outcome(scene, often_judged):
    lost = scene.run(scene.with_document(scene.run(scene.judge(often_judged)), None))
    browser = scene.browser()

    said = whole(browser.get(f"/{lost.name}"))

    assert "FAIL Overinterpretation rate: 33%" in said
    assert "is no longer stored" in said
    assert browser.get(f"/{lost.name}/verdict.md").status == 404


class TestInABrowser:
    """The pictures are drawn, with the outline of the spot over each."""

    pytestmark = pytest.mark.acceptance

    @pytest.mark.long
    def test_pictures_of_the_spot_are_loaded(self, page, scene):
        sign_in(page, "vera")
        page.goto(f"/{scene.pictured}")

        assert widths_of(page.locator(".spot img")) == [48] * 4
        assert page.locator(".spot svg").first.bounding_box()["width"] > 100

    @pytest.mark.long
    def test_a_caption_is_as_wide_as_a_phone(self, page, scene):
        page.set_viewport_size({"width": 390, "height": 844})
        sign_in(page, "vera")
        page.goto(f"/{scene.pictured}")

        assert page.locator("table.stacks caption").first.bounding_box()["width"] > 300
