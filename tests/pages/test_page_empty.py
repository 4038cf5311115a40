"""A page without anything on it says what it is for and what to do."""

import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.ports import TrailFilter
from modicum_server.transports.http.pages.rendering import rendered
from modicum_server.usecases.pages import Page
from modicum_server.usecases.request_ids import CreateOptions

from tests.pages.browsing import objections, window_on
from tests.pages.page_reading import whole
from tests.pages.pages_stage import PlainBrowser
from tests.reports.report_pages import read
from tests.tokens import add_token

BARE, NOA, TOKEN = "projects/bare", Principal("noa", {"projects/bare": Role.ADMIN}), "token-of-noa"
EMPTY = {
    "": "Nothing is here yet. Register a model, upload pictures, and start an audit.",
    "/needs": "Nothing needs a person.",
    "/audits": "No audit was created yet.",
    "/verdicts": "No audit was judged yet. A verdict says whether a model passes a policy.",
    "/policies": "No policy was used yet.",
    "/datasets": "No data set was uploaded yet.",
    "/artifacts": "Nothing is stored yet. Weights, pictures, results and verdicts will be listed here.",
    "/models": "No model is registered yet. An audit examines a model. This command uploads one:",
    "/swaps": "No spot was tried yet. A swap moves a small part of one picture onto another",
    "/trust": "This project trusts no job. With a rule, a pipeline can audit and judge without a stored secret.",
    "/holds": "Nothing is held. Hold what you may have to show later",
}
"""By the path below the project, what stands on it."""
BEGUN = "/models/begun"


@pytest.fixture(scope="module")
def bare(empty_scene):
    """A project of one admin, whose token is of no project alone."""

    async def made() -> None:
        async with empty_scene.store.transaction() as transaction:
            await transaction.projects.create(BARE, admin=NOA.name)
            await add_token(transaction, TOKEN, principal=NOA.name, project=BARE, role=Role.ADMIN)

    empty_scene.run(made())
    return empty_scene


@pytest.fixture(scope="module")
def browser(bare):
    browser = PlainBrowser(bare.http_port, f"127.0.0.1:{bare.http_port}")
    assert browser.sign_in(TOKEN).status == 303
    return browser


def test_each_empty_page_says_what_it_is_for_and_what_to_do(bare, browser):
    missing = [path for path, said in EMPTY.items() if said not in whole(browser.get(f"/{BARE}{path}"))]

    assert missing == []


@pytest.mark.long_after(1)
@pytest.mark.parametrize("path", ["", "/models"])
def test_a_page_without_a_model_names_the_other_ways_to_bring_one(browser, path):
    text = browser.get(f"/{BARE}{path}").text

    assert "A network in ONNX needs no <code>--architecture</code>: <code>--weights model.onnx</code>." in text
    assert "<code>--model FOLDER</code> replaces all four options." in text


def test_a_model_without_a_version_says_how_to_upload_one(bare, browser):
    empty = browser.get(f"/{BARE}{BEGUN}")
    able = bare.services.use_cases
    bare.run(able.models.create(NOA, BARE, "begun", CreateOptions()))
    try:
        said = whole(browser.get(f"/{BARE}{BEGUN}"))
    finally:
        bare.run(able.models.delete(NOA, f"{BARE}{BEGUN}"))

    assert empty.status == 404
    assert "No version is registered yet. A version holds the weights that are audited." in said
    assert "MODICUM_PROJECT=bare modicum models create begun --weights w.safetensors" in said


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("tokens", "This project has no token. With a token, a person or a program uses the command"),
        ("trail", "Nobody has changed anything in this project yet. Uploads, audits, verdicts"),
    ],
)
def test_what_only_somebody_without_a_token_finds_empty_says_what_to_do(template, said):
    typed = {"member": "", "display_name": "", "days": 90, "most_days": 365, "chosen": TrailFilter()}
    lists = {"page": Page(()), "verbs": (), "outcomes": (), "filtered": False, "first": True, "path": ""}

    text = rendered(
        f"{template}.html.j2", project=BARE, problem=None, principal=NOA, sealed=lambda: "", **typed, **lists
    )

    assert said in read(text).text


@pytest.mark.long
@pytest.mark.acceptance
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_nothing_on_empty_pages(bare, chromium, scheme):
    window = window_on(chromium, bare, color_scheme=scheme)
    window.goto("/sign-in")
    window.get_by_label("Token").fill(TOKEN)
    window.get_by_role("button", name="Sign in").click()
    window.wait_for_url(f"**/{BARE}")
    found = []
    for path in EMPTY:
        window.goto(f"/{BARE}{path}")
        found += objections(window)
    window.context.close()

    assert found == []
