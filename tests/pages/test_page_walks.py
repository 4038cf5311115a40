"""Forms and links that an admin and an auditor use, walked in a real browser from one to the next."""

import re
from dataclasses import replace

import psycopg
import pytest
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.domain.stopping import STOP_ASKED, ShareLimit, Stopping
from modicum_server.transports.http.pages.views import audits as audit_views
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.specifications import AuditDraft

from tests.measures.example_audit import LABELS
from tests.pages.browsing import sign_in
from tests.pages.pages_stage import ADA, PROJECT, Scene
from tests.pages.prepared_pages import pictures_of_its_own

pytestmark = [pytest.mark.acceptance, pytest.mark.long]
LIMIT = ShareLimit(measure="overinterpretation_rate", at_most=0.1)


def audited(scene: Scene, name: str) -> str:
    """A data set of its own with an audit that succeeded; returns its name."""
    dataset = pictures_of_its_own(scene, name)
    scene.run(scene.succeed(scene.run(scene.audit(name, scene.run(scene.model(name)), dataset))))
    return dataset


def test_an_admin_holds_and_releases_and_erases_a_picture(page, scene: Scene):
    dataset = audited(scene, "walked-evidence")
    sign_in(page)
    page.goto(f"/{dataset}")

    page.get_by_role("link", name="Hold it as evidence").click()
    page.get_by_label("Name").fill("walked-hold")
    page.get_by_label("Reason").fill("an incident")
    page.get_by_role("button", name="Hold it").click()
    row = page.get_by_role("row").filter(has_text="walked-hold")
    row.get_by_text("an incident").wait_for()
    row.get_by_text("Release").first.click()
    row.get_by_role("button", name="Release walked-hold").click()
    page.get_by_role("cell", name="walked-hold").wait_for(state="detached")

    page.goto(f"/{dataset}")
    page.get_by_role("link", name="Erase 0.png").click()
    page.get_by_role("heading", name="Erase 0.png").wait_for()
    page.get_by_label("Erase it for good").check()
    page.get_by_role("button", name="Erase the picture").click()

    page.get_by_role("heading", level=1, name="Erasure").wait_for()
    assert page.get_by_role("row").filter(has_text="walked-evidence").count() == 1
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("heading", level=1, name="Erasure").wait_for()


def test_an_admin_saves_the_retention_changes_members_and_rotates_a_token(page):
    sign_in(page)
    page.goto(f"/{PROJECT}/datasets")
    page.get_by_role("link", name="Retention").click()
    for days, shown in (("30", "30 days"), ("0", "for ever")):
        page.get_by_label("Findings").fill(days)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        assert shown in page.get_by_role("row", name=re.compile("^Findings")).inner_text().replace("\xa0", " ")

    page.get_by_role("link", name="Members").click()
    page.get_by_label("Name").fill("walker")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("walker is a member with the role viewer.").wait_for()
    page.get_by_label("Role of walker").select_option("auditor")
    page.get_by_role("button", name="Change the role of walker").click()
    page.wait_for_load_state()
    assert page.get_by_label("Role of walker").input_value() == "auditor"

    page.get_by_role("link", name="New token of walker").click()
    page.get_by_role("button", name="Make the token").click()
    first = page.locator("[data-copy]").inner_text()
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="walker", exact=True))
    row.get_by_text("Rotate").first.click()
    row.get_by_role("button", name=re.compile("Rotate")).click()
    page.get_by_role("heading", name="The new token of walker").wait_for()
    assert page.locator("[data-copy]").inner_text() != first

    page.get_by_role("link", name="Members").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="walker", exact=True))
    row.get_by_text("Remove").first.click()
    row.get_by_role("button", name="Remove walker").click()
    row.wait_for(state="detached")

    page.get_by_role("link", name="Trail").click()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Resource", exact=True).fill(f"{PROJECT}/members/walker")
    page.get_by_label("What").select_option("DeleteMember")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**DeleteMember**")
    assert page.locator("tbody tr").count() == 1


def test_an_auditor_filters_lists_turns_pages_and_downloads(page, scene: Scene, monkeypatch):
    monkeypatch.setattr(audit_views, "AUDITS_SHOWN", 2)
    sign_in(page, "otto")
    page.get_by_role("link", name="Audits", exact=True).click()
    first = page.locator("tbody tr").first.inner_text()
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="First page").wait_for()
    assert page.locator("tbody tr").first.inner_text() != first
    page.get_by_role("link", name="SUCCEEDED", exact=True).click()
    page.wait_for_url("**state=SUCCEEDED")
    assert page.locator("tbody .mark.running").count() == 0

    page.get_by_role("link", name="Verdicts", exact=True).click()
    page.get_by_role("link", name="FAIL", exact=True).click()
    page.wait_for_url("**outcome=FAIL")
    assert page.locator("tbody tr").count() == page.locator("tbody td:first-child .mark.fail").count() > 0
    page.locator("tbody tr a").first.click()
    with page.expect_download() as kept:
        page.get_by_role("link", name="verdict.json", exact=True).click()
    assert kept.value.suggested_filename.endswith(".json")

    page.goto(f"/{PROJECT}/audits/good")
    for name, ending in (("HTML", ".html"), ("JSON", ".json"), ("images on the canvas", ".zip")):
        with page.expect_download() as kept:
            page.get_by_role("link", name=name, exact=True).click()
        assert kept.value.suggested_filename == f"good{ending}"
        assert kept.value.path().stat().st_size > 0


def test_an_admin_stops_an_audit_early_and_compares_two_versions_of_another(page, scene: Scene):
    dataset = pictures_of_its_own(scene, "walked-pair")
    first = scene.run(scene.model("walked-pair"))
    second = scene.run(scene.model("walked-pair", labels=(*LABELS, "more")))
    search = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=600)
    asked = AuditSpecification((first,), dataset, Canvas(0, 0, 0), (search,), (), 3, 0, "")
    draft = AuditDraft(replace(asked, stopping=Stopping(limits=(LIMIT,))))
    create = scene.services.use_cases.audit_creation.create
    stopped = scene.run(create(ADA, PROJECT, draft, AuditOptions(audit_id="walked-stop", no_reuse=True)))
    scene.run(scene.begin(stopped, images=1))
    scene.run(scene.succeed(scene.run(scene.audit("walked-pair", first, dataset, beside=[second]))))
    sign_in(page)

    page.goto(f"/{stopped.name}")
    page.get_by_role("button", name="Stop with what has begun").click()
    page.wait_for_url(f"**/{stopped.name}")
    with psycopg.connect(scene.database_url) as connection:
        (noted,) = connection.execute("SELECT parameters FROM audits WHERE name = %s", (stopped.name,)).fetchone()
    assert STOP_ASKED in noted

    page.goto(f"/{PROJECT}/audits/walked-pair")
    page.get_by_text("Two of its versions beside each other").click()
    page.get_by_role("button", name="Show both").click()
    page.get_by_role("heading", level=1, name="walked-pair version 1 beside walked-pair version 2").wait_for()
