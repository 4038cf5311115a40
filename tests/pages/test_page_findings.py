"""What pages say of results and verdicts: what was found, what can no longer be read, and what the words mean."""

import re
from urllib.parse import urlencode

import pytest
from modicum_server.domain.audits import AuditOutcome
from modicum_server.usecases.result_facts import MOST_FAILURES, Facts, ResultFacts, VersionFacts

from tests.measures.example_audit import LABELS
from tests.pages.page_reading import to_the_end, whole
from tests.pages.pages_stage import PROJECT
from tests.reports.spot_rows import FINDINGS, rows

GOOD = f"{PROJECT}/audits/good"
TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"
SUCCEEDED = f"/{PROJECT}/audits?state=SUCCEEDED"
SIDES = ("left_version", "right_version")


def test_the_verdict_of_the_check_of_an_ensemble_stands_on_the_page_of_its_audit(scene, monkeypatch):
    async def of(*_: object) -> Facts:
        return {TINY: VersionFacts(("Something was found.",), mitigation="NOT_MITIGATED")}

    monkeypatch.setattr(ResultFacts, "of", of)

    browser = scene.browser()
    seen, overview, listed = browser.get(f"/{GOOD}"), to_the_end(browser, f"/{PROJECT}"), to_the_end(browser, SUCCEEDED)

    assert "Something was found. NOT_MITIGATED The check of the ensemble" in whole(seen)
    assert '<span aria-hidden="true">◆</span> NOT_MITIGATED' in seen.text
    assert "Something was found. NOT_MITIGATED the check of the ensemble" in overview
    assert "NOT_MITIGATED the check of the ensemble against its members Something was found" in listed


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("control", "spots", "said"),
    [
        ("shortcut", "", "INCONCLUSIVE Small spots were not tested. The test of edge and background is open."),
        ("spot", "INCONCLUSIVE", "INCONCLUSIVE Something was found."),
        (
            "spot",
            "NONE_FOUND_WITH_CLASSES_POOLED",
            "NONE_FOUND_WITH_CLASSES_POOLED No small spot was found, but no class was tested by itself.",
        ),
    ],
)
def test_an_open_outcome_says_which_test_is_open(scene, monkeypatch, control, spots, said):
    async def of(*_: object) -> Facts:
        outcomes = {control: spots or "INCONCLUSIVE"}
        return {TINY: VersionFacts(("Something was found.",), outcomes=outcomes, spots=spots)}

    monkeypatch.setattr(ResultFacts, "of", of)
    browser = scene.browser()

    for path in (f"/{GOOD}", SUCCEEDED, f"/{PROJECT}"):
        assert said.rstrip(".") in to_the_end(browser, path)


def test_what_an_audit_found_is_told_apart_from_a_verdict(scene):
    few, version = scene.run(scene.dataset("not-judged")), scene.run(scene.model("not-judged"))
    audit = scene.run(scene.audit("not-judged", version, few))
    scene.run(scene.succeed(audit))
    browser, said = scene.browser("vera"), "no verdict yet"

    before = whole(browser.get(f"/{audit.name}"))
    scene.run(scene.judge(audit))
    after = whole(browser.get(f"/{audit.name}"))

    assert "not-judged SUCCEEDED no verdict yet Finding: " in before.replace("✓ ", "")
    assert "Finding: " in after
    assert said not in after


def test_the_pages_of_a_model_and_of_a_version_say_what_its_newest_audit_found(scene):
    few, version = scene.run(scene.dataset("own-page", count=len(FINDINGS))), scene.run(scene.model("own-page"))
    (spots,) = rows().values()
    scene.run(scene.succeed(scene.run(scene.audit("own-page", version, few)), changes=by_halves, spots=spots))
    browser = scene.browser("vera")

    for path in (version.rsplit("/versions/", 1)[0], version):
        seen = browser.get(f"/{path}")
        assert "own-page SUCCEEDED Finding: DECISIVE The decision for cat" in whole(seen).replace("✓ ", "").replace(
            "▲ ", ""
        )
        assert '<span class="mark decisive"><span aria-hidden="true">▲</span> DECISIVE</span>' in seen.text


def by_halves(place: int) -> dict[str, int]:
    """What the model says of a picture of the spot test: the first half are cats, the second dogs."""
    half = FINDINGS[place].predicted_class
    return {"predicted_class": half, "target_class": half, "label": half}


@pytest.mark.long
def test_a_result_that_can_no_longer_be_read_is_said_to_be_gone(scene, monkeypatch):
    async def of(*_: object) -> Facts:
        return {}

    monkeypatch.setattr(ResultFacts, "of", of)
    browser = scene.browser()

    assert "The result of its newest audit can no longer be read." in to_the_end(browser, f"/{PROJECT}")
    listed = to_the_end(browser, SUCCEEDED)
    assert "good SUCCEEDED its result can no longer be read tiny version 1" in listed
    assert "can no longer be read" not in whole(browser.get(f"/{PROJECT}/audits?state=QUEUED"))


def test_a_list_of_audits_shows_what_is_stored_of_them_and_reads_no_result(scene, monkeypatch):
    audit = scene.run(scene.audit("told", TINY, scene.run(scene.dataset("told"))))
    outcome = AuditOutcome(TINY, "SUFFICIENT", "A spot suffices", "SUFFICIENT", "MITIGATED")

    async def succeed() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.audits.succeed(audit.name, result_digest="5" * 64, artifacts=[], outcome=outcome)

    async def of(*_: object) -> Facts:
        return {}

    scene.run(succeed())
    monkeypatch.setattr(ResultFacts, "of", of)

    listed = whole(scene.browser().get(SUCCEEDED))

    assert "told SUCCEEDED MITIGATED the check of the ensemble against its members SUFFICIENT A spot suffices" in listed


@pytest.mark.parametrize(
    ("skipped", "said"),
    [
        (MOST_FAILURES, f"has no result for {MOST_FAILURES} images:"),
        (MOST_FAILURES + 1, f"more than {MOST_FAILURES} images:"),
    ],
)
def test_the_page_of_a_data_set_says_whether_more_was_skipped_than_it_names(scene, monkeypatch, skipped, said):
    async def of(*_: object) -> Facts:
        return {TINY: VersionFacts(failures={f"{number}.png": "IMAGE_UNREADABLE" for number in range(skipped)})}

    monkeypatch.setattr(ResultFacts, "of", of)

    seen = whole(scene.browser().get(f"/{FEW}"))

    assert said in seen
    assert seen.count("IMAGE_UNREADABLE") == MOST_FAILURES


@pytest.mark.long
def test_two_versions_of_one_audit_are_put_side_by_side_from_its_page(scene):
    few, labels = scene.run(scene.dataset("both-sides")), (*LABELS, "fox")
    versions = [scene.run(scene.model("both-sides", labels=one)) for one in (LABELS, labels)]
    audit = scene.run(scene.audit("both-sides", versions[0], few, beside=versions[1:]))
    scene.run(scene.succeed(audit))
    browser = scene.browser()

    page = browser.get(f"/{audit.name}").text
    sides = {name: re.search(f'name="{name}">.*?value="([^"]+)" selected', page)[1] for name in SIDES}
    both = whole(browser.get(f"/{PROJECT}/side-by-side?left={audit.name}&right={audit.name}&{urlencode(sides)}"))

    assert both.startswith("both-sides version 1 beside both-sides version 2", both.index("both-sides version 1"))


def test_a_failed_audit_says_what_to_do_and_leads_to_the_form(scene):
    seen = scene.browser("otto").get(f"/{PROJECT}/audits/broken")

    assert f'/{PROJECT}/new-audit?like={PROJECT}/audits/broken">ask again</a>' in seen.text
    assert "give the name of this audit to the operator of the server" in whole(seen)


def test_a_line_of_a_verdict_says_what_was_found_and_its_outcome_once(scene, often_judged):
    verdict = scene.run(scene.judge(often_judged))

    for path in (often_judged.name, f"{PROJECT}/verdicts", verdict.name):
        said = whole(scene.browser().get(f"/{path}"))
        assert "FAIL Overinterpretation rate: 33% (14% to 61%), limit at most 1%, n = 12" in said
        assert "FAIL: Overinterpretation rate" not in said


def test_words_lead_to_their_meaning(scene):
    browser = scene.browser("vera")
    seen, words = browser.get(f"/{GOOD}").text, browser.get(f"/{PROJECT}/words")

    named = set(re.findall(f'href="/{PROJECT}/words#([^"]+)"', seen))
    assert {"canvas", "pass", "fill", "control"} <= named
    assert "covering it was not shown to lose the class often enough" in whole(words)
    assert named <= set(re.findall(r'<div id="([^"]+)"><dt>', words.text))
    assert "one evaluation of a model on one picture" in whole(words).lower()
