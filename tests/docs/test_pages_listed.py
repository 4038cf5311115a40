"""The list of pages names every page with its path, its role and a picture."""

import re
from itertools import takewhile

import pytest
from modicum_server.transports.http.pages.mounting import PAGES
from modicum_server.transports.http.pages.page import Page

from tests.docs.documents import ROOT

LISTED = (ROOT / "docs" / "reference" / "pages.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "images"
OF_NO_VIEW = "/docs"
"""The page of REST, which the HTTP port serves beside the views."""
NO_PAGE = re.compile(
    r"/(progress|work|begun|trends|report|events)$"  # parts, which a page loads
    r"|/(pictures|thumbnails|spot)/\{[^/]+\}$"  # pictures
    r"|\.[^/]+$"  # downloads
    r"|^/$"  # the root, which leads on
    r"|^/sign-in/(provider|callback)$"  # the way to a provider and back, which lead on
    r"|\{rest:path\}$"  # all other addresses, which are not found
)
SHOWN = [page for page in PAGES if not page.takes_form and not NO_PAGE.search(page.path)]


def rows() -> list[tuple[str, str, str]]:
    """The cells of the table: a page's words, its path with a star for each name, and its pictures."""
    lines = LISTED.splitlines()
    first = lines.index("|---|---|---|") + 1
    cells = (line.strip("| ").split("|") for line in takewhile(str.strip, lines[first:]))
    return [(words.strip(), starred(path.strip(" `")), pictures) for words, path, pictures in cells]


def starred(path: str) -> str:
    """A path as the page writes it, with a star for each name in it."""
    below = path.removeprefix("/projects/{project}").removeprefix("/") if "{project}" in path else path
    return re.sub(r"\{[^}]+\}|[A-Z]+", "*", below)


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_every_page_has_a_row_with_its_path_and_the_role_that_it_needs(page: Page):
    roles = [re.findall(r"\*(\w+)\*", words) for words, path, _ in rows() if path == starred(page.path)]

    assert roles
    assert all(named == ([page.needs.value.lower()] if page.needs else []) for named in roles)


def test_every_row_is_of_a_page():
    assert {path for _, path, _ in rows()} == {starred(page.path) for page in SHOWN} | {OF_NO_VIEW}


def test_every_row_has_a_picture_and_every_picture_of_a_page_a_row():
    pictures = [re.findall(r"\.\./images/([\w-]+\.png)", named) for _, _, named in rows()]

    assert all(pictures)
    assert {name for named in pictures for name in named} == {path.name for path in IMAGES.glob("pages-*.png")}
