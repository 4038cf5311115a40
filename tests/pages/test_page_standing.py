"""What stands on the pages: a FAIL until a PASS of the same version, and what an audit found until another decides."""

from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditOutcome
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.transports.http.pages.words import element_id
from modicum_server.usecases.result_facts import Facts, ResultFacts, VersionFacts

from tests.measures.example_audit import LABELS
from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT
from tests.pages.test_page_findings import by_halves
from tests.reports.spot_rows import FINDINGS, rows

MODEL = f"{PROJECT}/models/a-standing"
"""Lists show 20 models a page, by name: this one stays on the first, however many other tests of this run make."""


@pytest.fixture(scope="module")
def audit(scene):
    """An audit of version 1 of a model of its own."""
    version, few = scene.run(scene.model("a-standing")), scene.run(scene.dataset("standing"))
    audit = scene.run(scene.audit("standing-first", version, few))
    scene.run(scene.succeed(audit, 3))
    return audit


@pytest.fixture
def failed(scene, audit):
    """A verdict FAIL on it, the newest one."""
    verdict = scene.run(scene.judge(audit))
    assert verdict.outcome is VerdictOutcome.FAIL
    return verdict


def again(scene, verdict: Verdict, outcome: VerdictOutcome, **changes: object) -> Verdict:
    """Store a verdict again with another outcome."""

    async def store() -> Verdict:
        async with scene.store.transaction() as transaction:
            name = f"{verdict.name}-{outcome.value.lower()}-{len(changes)}"
            return await transaction.verdicts.create(replace(verdict, name=name, outcome=outcome, **changes))

    return scene.run(store())


def card(seen, model: str = MODEL) -> str:
    (own,) = (one for one in seen.text.split("<li>") if f'id="{element_id(model)}"' in one)
    return own


def needed(seen) -> str:
    said = whole(seen)
    return said[said.index("Needs a person") : said.index("At work")]


def test_a_fail_stands_beside_a_later_verdict_that_is_inconclusive_until_a_pass(scene, failed):
    browser = scene.browser("vera")
    smaller = scene.run(scene.dataset("standing-smaller", count=4))
    second = scene.run(scene.audit("standing-second", failed.model_versions[0], smaller))
    scene.run(scene.succeed(second, 3))

    again(scene, failed, VerdictOutcome.INCONCLUSIVE, audit=second.name)
    pages = [browser.get(path) for path in (f"/{PROJECT}", f"/{PROJECT}/models", f"/{MODEL}")]
    assert all(f'href="/{failed.name}"' in page.text for page in pages)
    assert all("stands; a later audit of 4 images was INCONCLUSIVE" in whole(page) for page in pages)
    assert "version 1: FAIL of" in card(pages[0])
    assert "a-standing: an earlier FAIL of a version stands" in needed(pages[0])
    assert "a-standing: the newest verdict is" not in needed(pages[0])

    again(scene, failed, VerdictOutcome.PASS)
    pages = [browser.get(path) for path in (f"/{PROJECT}", f"/{PROJECT}/models", f"/{MODEL}")]
    assert not any(f'href="/{failed.name}"' in page.text for page in pages)


@pytest.mark.long
def test_a_fail_of_the_newest_version_stands_beside_a_pass_of_an_earlier_one(scene):
    first = scene.run(scene.model("a-renewed-standing"))
    audit = scene.run(scene.audit("renewed-standing", first, scene.run(scene.dataset("renewed-standing"))))
    scene.run(scene.succeed(audit, 3))
    failed = scene.run(scene.judge(audit))
    newest = scene.run(scene.model("a-renewed-standing", labels=(*LABELS, "more")))
    of_newest = again(scene, failed, VerdictOutcome.FAIL, model_versions=(newest,))
    again(scene, failed, VerdictOutcome.PASS, summary="PASS")

    seen = scene.browser("vera").get(f"/{PROJECT}")

    own = card(seen, f"{PROJECT}/models/a-renewed-standing")
    assert f'href="/{of_newest.name}"' in own
    assert f"version {newest.rpartition('/')[2]}: FAIL of" in own
    assert "a later" not in own


@pytest.mark.parametrize("later", ["inconclusive", "failed"])
@pytest.mark.long
def test_a_later_audit_that_says_nothing_leaves_what_was_found_before(scene, monkeypatch, later):
    name = f"a-found-before-{later}"
    version, few = scene.run(scene.model(name)), scene.run(scene.dataset(name, count=len(FINDINGS)))
    (spots,) = rows().values()
    first, second = (scene.run(scene.audit(f"{name}-{place}", version, few)) for place in (1, 2))
    scene.run(scene.succeed(first, changes=by_halves, spots=spots))
    if later == "failed":
        scene.run(scene.fail(second))
    else:
        open_digest, told = "6" * 64, {version: VersionFacts(outcomes={"spot": "INCONCLUSIVE"}, spots="INCONCLUSIVE")}
        outcome = AuditOutcome(version, "INCONCLUSIVE", "Nothing is settled", "INCONCLUSIVE", "")

        async def succeed() -> None:
            async with scene.store.transaction() as transaction:
                await transaction.audits.succeed(second.name, result_digest=open_digest, artifacts=[], outcome=outcome)

        scene.run(succeed())
        read = ResultFacts.of

        async def of(facts: ResultFacts, digest: str) -> Facts:
            return told if digest == open_digest else await read(facts, digest)

        monkeypatch.setattr(ResultFacts, "of", of)
    browser = scene.browser("vera")

    model = f"{PROJECT}/models/{name}"
    seen = browser.get(f"/{model}")
    shown = card(browser.get(f"/{PROJECT}"), model)

    assert f'href="/{second.name}"' in seen.text
    found = "DECISIVE</span> The decision for cat"
    assert f'Found before by <a href="/{first.name}">' in seen.text
    assert found in seen.text
    assert found in shown
