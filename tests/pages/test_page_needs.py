"""What needs a person comes from the whole project: newest first, bounded, and with the number of what is not shown."""

from dataclasses import replace

import psycopg
import pytest
from modicum_server.domain.projects import Role
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.usecases.needs import FAILED_DAYS

from tests.pages.page_reading import whole
from tests.pages.pages_stage import OTHER, PROJECT, PlainBrowser
from tests.tokens import add_token

CALM = "projects/calm"
LAST = f"{PROJECT}/models/zebra"


@pytest.fixture(scope="module")
def failed(empty_scene) -> Verdict:
    """A verdict FAIL on the last of 25 models. The first page shows 20 of them."""
    scene = empty_scene
    few = scene.run(scene.dataset("few"))
    for place in range(24):
        scene.run(scene.model(f"model-{place:02}"))
    audit = scene.run(scene.audit("zebra-1", scene.run(scene.model("zebra")), few))
    scene.run(scene.succeed(audit, 3))
    verdict = scene.run(scene.judge(audit))
    assert verdict.outcome is VerdictOutcome.FAIL
    return verdict


def needed(seen) -> str:
    return seen.text.partition('<ul class="needs">')[2].partition("</section>")[0]


def again(scene, verdict: Verdict, name: str, **changes: object) -> None:
    async def store() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.verdicts.create(replace(verdict, name=f"{verdict.name}-{name}", **changes))

    scene.run(store())


@pytest.mark.long
def test_a_fail_of_a_model_on_a_later_page_needs_a_person_on_the_first_and_more_than_ten_are_counted(
    empty_scene, failed
):
    browser = empty_scene.browser("vera")

    seen = browser.get(f"/{PROJECT}")
    assert f'href="/{LAST}"' not in seen.text.partition('id="models"')[2]
    assert f'<a href="/{failed.name}">zebra: the newest verdict is FAIL</a>' in needed(seen)
    assert f"/{PROJECT}/needs" not in seen.text

    for place in range(12):
        again(empty_scene, failed, f"of-{place}", model_versions=(f"{PROJECT}/models/model-{place:02}/versions/1",))
    seen, all_of_it = browser.get(f"/{PROJECT}"), browser.get(f"/{PROJECT}/needs")
    assert needed(seen).count("the newest verdict is FAIL") == 10
    assert needed(seen).index("model-11:") < needed(seen).index("model-02:")
    assert "3 more models and audits need a person. Show all" in whole(seen)
    assert f'href="/{PROJECT}/needs"' in seen.text
    assert "13 models and audits, the newest first" in whole(all_of_it)
    assert all_of_it.text.count("the newest verdict is FAIL") == 13


def test_an_audit_that_failed_needs_a_person_until_a_newer_one_succeeds(empty_scene):
    scene = empty_scene
    version, few = scene.run(scene.model("broken", OTHER)), scene.run(scene.dataset("few", project=OTHER))
    scene.run(scene.fail(scene.run(scene.audit("broken-1", version, few))))

    def told() -> str:
        return whole(scene.browser("eve").get(f"/{OTHER}"))

    before = told()
    scene.run(scene.succeed(scene.run(scene.audit("broken-2", version, few)), 3))

    assert "broken-1: the audit failed MODEL_DIED: its process ended" in before
    assert f"is listed here for {FAILED_DAYS} days, or until a newer audit of the same model succeeds" in before
    assert "broken-1" not in told()


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("days", "shown"), [(FAILED_DAYS - 1, True), (FAILED_DAYS + 1, False)])
def test_an_audit_that_failed_long_ago_needs_nobody(empty_scene, days, shown):
    scene, name = empty_scene, f"old-{days}"
    audit = scene.run(
        scene.audit(name, scene.run(scene.model(name, OTHER)), scene.run(scene.dataset("few", project=OTHER)))
    )
    scene.run(scene.fail(audit))
    with psycopg.connect(scene.database_url, autocommit=True) as connection:
        past = "UPDATE audits SET end_time = end_time - make_interval(days => %s) WHERE name = %s"
        connection.execute(past, (days, audit.name))

    seen = scene.browser("eve").get(f"/{OTHER}/needs")

    assert (f"{name}: the audit failed" in whole(seen)) is shown


def test_the_page_says_that_nothing_needs_a_person_and_is_not_shown_to_others(empty_scene):
    async def found() -> None:
        async with empty_scene.store.transaction() as transaction:
            await transaction.projects.create(CALM, admin="noa")
            await add_token(transaction, "token-of-noa", principal="noa", project=CALM, role=Role.ADMIN)

    empty_scene.run(found())
    browser = PlainBrowser(empty_scene.http_port, f"127.0.0.1:{empty_scene.http_port}")
    browser.sign_in("token-of-noa")

    assert "Nothing needs a person." in whole(browser.get(f"/{CALM}/needs"))
    assert browser.get(f"/{PROJECT}/needs").status == 404


@pytest.mark.long
def test_audits_that_run_beside_those_shown_are_counted(empty_scene):
    scene = empty_scene
    version, few = scene.run(scene.model("busy", OTHER)), scene.run(scene.dataset("few", project=OTHER))
    for place in range(12):
        scene.run(scene.begin(scene.run(scene.audit(f"busy-{place}", version, few, seed=place)), 0, is_held=False))

    seen = scene.browser("eve").get(f"/{OTHER}/work")

    assert f'<a href="/{OTHER}/audits?state=RUNNING">2 further audits run.</a>' in seen.text
