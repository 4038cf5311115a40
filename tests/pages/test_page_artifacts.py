"""The page of artifacts: what a project stores, how large it is, and what refers to it."""

import re

import pytest
from modicum_server.domain.projects import Principal, Role
from playwright.sync_api import expect

from tests.pages.browsing import sign_in
from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT, PlainBrowser
from tests.tokens import add_token

ARTIFACTS = f"/{PROJECT}/artifacts"
EMPTY = "projects/bare"
UNUSED = b"bytes that nothing refers to"


@pytest.fixture(scope="module")
def unused(scene) -> str:
    """The digest of an artifact that nothing refers to."""
    return scene.run(scene.hold(UNUSED, PROJECT))


def test_each_artifact_has_its_size_and_leads_to_what_refers_to_it(scene, unused):
    browser = scene.browser("vera")
    dataset = scene.run(scene.dataset("stored", 1, item0="stored.png"))  # others hold its picture, none its manifest
    found = scene.run(scene.services.use_cases.datasets.get(scene.principals[PROJECT], dataset))

    used, lone = (browser.get(f"{ARTIFACTS}?digest={digest}") for digest in (found.manifest_digest, unused[:20]))

    assert f'<a href="/{dataset}">datasets/stored</a>' in used.text
    assert unused in lone.text
    assert f'data-name="Bytes" class="number">{len(UNUSED):,}<' in lone.text
    assert "nothing" in whole(lone)


def test_bytes_of_all_artifacts_are_told(scene, unused):
    seen = whole(scene.browser("vera").get(ARTIFACTS))

    (stored,) = re.findall(r"([\d,]+) bytes in all", seen)
    assert int(stored.replace(",", "")) >= len(UNUSED)


def test_the_page_of_data_sets_leads_to_it(scene):
    assert f'<a href="{ARTIFACTS}">' in scene.browser("vera").get(f"/{PROJECT}/datasets").text


def test_a_digest_that_no_artifact_has_and_one_that_is_none_are_told_apart(scene):
    browser = scene.browser("vera")

    none, wrong = browser.get(f"{ARTIFACTS}?digest={'0' * 64}"), browser.get(f"{ARTIFACTS}?digest=weights")

    assert (none.status, wrong.status) == (200, 400)
    assert "No artifact has a SHA-256 that begins with these digits. Show all" in whole(none)
    assert "Digest: expected up to 64 lower-case hexadecimal digits" in whole(wrong)
    assert 'aria-invalid="true"' in wrong.text


def test_a_project_that_stores_nothing_says_what_to_do(scene):
    async def found() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.projects.create(EMPTY, admin="bea")
            await add_token(transaction, "token-of-bea", principal="bea", project=EMPTY, role=Role.ADMIN)

    scene.run(found())
    scene.principals[EMPTY] = Principal("bea", {EMPTY: Role.ADMIN})
    browser = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    browser.sign_in("token-of-bea")

    seen = whole(browser.get(f"/{EMPTY}/artifacts"))

    assert "0 bytes in all" in seen
    assert "Nothing is stored yet." in seen
    assert "modicum datasets create" in seen


@pytest.mark.acceptance
@pytest.mark.long
def test_an_artifact_is_found_by_its_beginning_with_the_keyboard_alone(page, unused):
    sign_in(page, "vera")
    page.goto(ARTIFACTS)

    page.get_by_label("Digest").focus()
    page.keyboard.type(unused[:24])
    page.keyboard.press("Enter")

    row = page.get_by_role("row").filter(has=page.get_by_text(unused))
    expect(row).to_contain_text("nothing")
    expect(page.get_by_role("row")).to_have_count(2)
