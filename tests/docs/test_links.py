"""Every link between our documents leads somewhere: to a file that exists, and there to a heading that exists."""

from pathlib import Path

import pytest

from tests.docs.documents import ROOT, anchors, documents, links


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_link_leads_to_a_file_and_a_heading(document):
    broken = [link for link in links(document) if "://" not in link and not leads_somewhere(document, link)]

    assert broken == []


def leads_somewhere(document: Path, link: str) -> bool:
    place, _, heading = link.partition("#")
    target = (ROOT / document.parent / place).resolve() if place else ROOT / document
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not heading or heading in anchors(target.relative_to(ROOT))
