"""The text of a page, and what must hold of every page."""

import re
from collections.abc import Iterator

from tests.pages.pages_stage import PlainBrowser, Seen
from tests.reports.report_pages import read


def whole(seen: Seen) -> str:
    """The text of a page without mistakes in its elements."""
    reading = read(seen.text)
    assert reading.unbalanced == []
    assert reading.pictures_without_text == 0
    assert reading.elements.count("h1") == reading.elements.count("main") == 1
    return reading.text


def to_the_end(browser: PlainBrowser, path: str) -> str:
    """The text of a list, page after page. Other tests of this run may have put what is looked for behind the first."""
    return " ".join(whole(seen) for seen in pages_of(browser, path))


def pages_of(browser: PlainBrowser, path: str) -> Iterator[Seen]:
    """Each page of a list."""
    following: str | None = path
    while following:
        seen = browser.get(following)
        yield seen
        found = re.search('<a rel="next" href="([^"]+)">Next page</a>', seen.text)
        following = found[1].replace("&amp;", "&") if found else None


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
