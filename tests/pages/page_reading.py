"""The text of a page, and what must hold of every page."""

import re

from tests.pages.pages_stage import Seen
from tests.reports.report_pages import read


def whole(seen: Seen) -> str:
    """The text of a page without mistakes in its elements."""
    reading = read(seen.text)
    assert reading.unbalanced == []
    assert reading.pictures_without_text == 0
    assert reading.elements.count("h1") == reading.elements.count("main") == 1
    return reading.text


def marked(seen: Seen) -> list[str]:
    """The ids of the fields that are marked as those with a mistake that the page tells, each with its own words."""
    assert seen.text.count('id="problem"') == 1
    found = re.findall(
        r'<(?:input|select|textarea) id="(\w+)"[^>]* aria-invalid="true" aria-errormessage="([\w-]+)"', seen.text
    )
    for field, words in found:
        assert words == ("problem" if len(found) == 1 else f"problem-{field}")
        assert seen.text.count(f'id="{words}"') == 1
    return [field for field, _ in found]
