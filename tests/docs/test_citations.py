"""What code and tests cite of our documents is there: the page, and the heading."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.documents import ROOT, files, headings

READ = ("*.py", "*.proto", "*.toml", "*.yml", "*.yaml", "*.json", "*.html.j2", "Makefile", "Dockerfile")
_PAGE = re.compile(r"\bdocs/[\w./-]+\.md\b")
_CITATION = re.compile(r'(docs/[\w./-]+\.md),\s+(?:#\s*)?"([^"]+)"')
_ELSEWHERE = re.compile(r"\b(?:METHOD|DESIGN|TORCHSERVE)(?:\.md|\s+sections?\b)")
#: By file with code or configuration, its text; this one names what it refuses.
TEXTS = {
    str(file): (ROOT / file).read_text(encoding="utf-8") for file in files(*READ) if file.name != Path(__file__).name
}


def test_every_page_that_is_named_exists():
    named = {(file, page) for file, text in TEXTS.items() for page in _PAGE.findall(text)}

    assert sorted((file, page) for file, page in named if not (ROOT / page).exists()) == []


def test_every_heading_that_is_cited_exists():
    assert [cited for cited in citations() if cited[2] not in headings(Path(cited[1]))] == []


def test_headings_are_cited_at_all():
    assert len({(page, heading) for _, page, heading in citations()}) > 5


def test_no_document_is_cited_that_is_not_in_the_repository():
    assert [file for file, text in TEXTS.items() if _ELSEWHERE.search(text)] == []


def citations() -> Iterator[tuple[str, str, str]]:
    """Every citation: the file, the page, the heading, with line breaks within it as blanks."""
    for file, text in TEXTS.items():
        for page, heading in _CITATION.findall(text):
            yield file, page, " ".join(heading.split())
