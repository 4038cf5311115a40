"""The page of REST in a browser: an operation is tried from it, and nothing of what was typed is kept."""

import json

import pytest

from tests.pages.browsing import objections, sign_in, window_on
from tests.pages.pages_stage import PROJECT, TOKENS

pytestmark = pytest.mark.acceptance


@pytest.fixture
def docs(page):
    page.goto("/docs")
    return page


def opened(docs, operation: str):
    docs.locator(f"#{operation} > summary").click()
    return docs.locator(f"#{operation} form")


def came(form) -> tuple[str, str, str]:
    """Return the request, the status and the body that a form shows once they have come."""
    form.locator("output[data-state=came]").wait_for()
    first, status, _, body = form.locator("output").text_content().split("\n", 3)
    return first, status, body


def test_models_are_listed_from_the_page(docs):
    docs.get_by_label("Your token").fill(TOKENS["vera"])
    form = opened(docs, "ListModels")
    form.get_by_label("pageSize").fill("2")
    form.get_by_role("button", name="Send GET").click()

    first, status, body = came(form)
    assert first == f"GET /v1/{PROJECT}/models?pageSize=2"
    assert status.startswith("200")
    assert len(json.loads(body)["models"]) == 2


@pytest.mark.long
def test_a_body_is_sent_as_it_was_typed(docs):
    docs.get_by_label("Your token").fill(TOKENS["otto"])
    form = opened(docs, "CreateAudit")
    form.get_by_label("Body").fill('{"specification": {"thresholds": 1}}')
    form.get_by_role("button", name="Send POST").click()

    first, status, body = came(form)
    assert first == f"POST /v1/{PROJECT}/audits"
    assert status.startswith("400")
    assert "thresholds" in json.loads(body)["detail"]


@pytest.mark.long
def test_a_refusal_is_shown_and_the_token_is_gone_with_the_page(docs):
    docs.get_by_label("Your token").fill("not a token")
    form = opened(docs, "ListModels")
    form.get_by_role("button", name="Send GET").click()
    assert came(form)[1].startswith("401")

    docs.reload()

    assert docs.get_by_label("Your token").input_value() == ""
    assert docs.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_nothing_on_it(chromium, scene, scheme):
    window = window_on(chromium, scene, color_scheme=scheme)
    window.goto("/docs")
    found = objections(window)
    window.context.close()

    assert found == []


@pytest.mark.long
def test_it_has_the_head_of_the_pages_which_leads_back_to_them(page):
    sign_in(page)
    page.get_by_role("link", name="REST").click()
    page.wait_for_url("**/docs")

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview").click()

    page.wait_for_url(f"**/{PROJECT}")
