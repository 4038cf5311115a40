"""axe-core finds nothing to object to on any page, with everything opened, in the light and in the dark."""

import pytest

from tests.pages.browsing import every_page, objections, sign_in, window_on

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("scheme", ["light", "dark"])
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


def test_axe_core_sees_what_is_wrong(chromium, scene):
    window = window_on(chromium, scene)
    window.goto("/sign-in")
    window.evaluate("document.querySelector('label').remove()")

    assert [rule for _, rule, _ in objections(window)] == ["label"]
    window.context.close()
