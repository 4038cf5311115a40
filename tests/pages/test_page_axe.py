"""axe-core finds nothing to object to on any page, with everything opened, in the light and in the dark."""

import pytest

from tests.pages.browsing import every_page, objections, sign_in, window_on
from tests.pages.pages_stage import PROJECT

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.long
def test_axe_core_finds_nothing(chromium, scene, scheme):
    window = window_on(chromium, scene, color_scheme=scheme)
    window.goto("/sign-in")
    found = objections(window)
    sign_in(window)
    for path in every_page(scene):
        window.goto(path)
        found += objections(window)
    window.context.close()

    assert found == []


def test_axe_core_finds_nothing_in_a_form_that_tells_several_mistakes(chromium, scene):
    window = window_on(chromium, scene)
    sign_in(window)
    window.goto(f"/{PROJECT}/new-audit")
    window.locator("#threshold").fill("much")
    window.locator("#audit_id").fill("No Name")
    window.get_by_role("button", name="Start the audit").click()
    window.locator("#problem-audit_id").wait_for()

    assert window.locator("[aria-invalid]").evaluate_all("all => all.map(one => one.id)") == ["threshold", "audit_id"]
    assert window.evaluate("document.activeElement.id") == "problem"
    assert objections(window) == []
    window.context.close()


@pytest.mark.long
def test_axe_core_sees_what_is_wrong(chromium, scene):
    window = window_on(chromium, scene)
    window.goto("/sign-in")
    window.evaluate("document.querySelector('label').remove()")

    assert [rule for _, rule, _ in objections(window)] == ["label"]
    window.context.close()
