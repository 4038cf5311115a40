"""A page asks the database as much for many rows as for one, and its links lead through all rows."""

import re
from dataclasses import dataclass
from html import unescape
from types import ModuleType

import pytest
from modicum_server.transports.http.pages.views import artifacts, audits, datasets, models, verdicts
from modicum_server.usecases import overviews

from tests.measures.example_audit import LABELS
from tests.pages.pages_stage import PROJECT
from tests.statements import counted

TRIALS = 4
"""The server has work of its own in the background: the smallest count is that of the page alone."""
FIRST_CELL = r'<tr>\s*<td><a href="([^"]+)">'


@dataclass(frozen=True)
class Listing:
    """A list: its address below the project, where the number of its rows stands, and what each row has once."""

    path: str
    module: ModuleType
    constant: str
    row: str = FIRST_CELL

    def rows(self, text: str) -> list[str]:
        return list(dict.fromkeys(re.findall(self.row, text)))


LISTS = {
    "overview": Listing("", overviews, "MODELS_SHOWN", r'<h3><a href="([^"]+)">'),
    "models": Listing("/models", models, "MODELS_SHOWN"),
    "versions": Listing(
        "/models/listed", models, "VERSIONS_SHOWN", rf'<td><a href="(/{PROJECT}/models/listed/versions/[0-9]+)"'
    ),
    "audits": Listing("/audits", audits, "AUDITS_SHOWN"),
    "audits that succeeded": Listing("/audits?state=SUCCEEDED", audits, "AUDITS_SHOWN"),
    "verdicts": Listing("/verdicts", verdicts, "VERDICTS_SHOWN", rf'href="(/{PROJECT}/verdicts/[^"?]+)"'),
    "data sets": Listing("/datasets", datasets, "DATASETS_SHOWN"),
    "artifacts": Listing("/artifacts", artifacts, "ARTIFACTS_SHOWN", "<code>([0-9a-f]{64})</code>"),
    "pictures": Listing("/datasets/listed", datasets, "ITEMS_SHOWN", "<figcaption>([^<]+)<"),
}


@pytest.fixture(scope="module")
def listed(empty_scene):
    """An API with several of each, and nothing else."""
    scene = empty_scene
    few = scene.run(scene.dataset("listed", 5))
    for place in range(4):
        scene.run(scene.dataset(f"listed-{place}", 1))
        scene.run(scene.model(f"listed-{place}"))
        version = scene.run(scene.model("listed", labels=(*LABELS, *"abc"[:place])))
        audit = scene.run(scene.audit(f"listed-{place}", version, few))
        scene.run(scene.succeed(audit))
        scene.run(scene.judge(audit))
    return scene


@pytest.mark.long_after(2)
@pytest.mark.parametrize("listing", LISTS.values(), ids=LISTS)
def test_a_page_asks_as_much_of_the_database_for_many_rows_as_for_one(listed, monkeypatch, listing):
    browser = listed.browser("vera")

    def asked(size: int) -> int:
        monkeypatch.setattr(listing.module, listing.constant, size)
        counts = []
        for _ in range(TRIALS):
            with counted(listed.store) as statements:
                page = browser.get(f"/{PROJECT}{listing.path}")
            assert len(listing.rows(page.text)) == size
            counts.append(len(statements))
        return min(counts)

    assert asked(1) == asked(4) > 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize("listing", LISTS.values(), ids=LISTS)
def test_the_links_of_a_list_lead_through_all_of_its_rows(listed, monkeypatch, listing):
    browser, address = listed.browser("vera"), f"/{PROJECT}{listing.path}"
    whole = set(listing.rows(browser.get(address).text))
    monkeypatch.setattr(listing.module, listing.constant, 3)
    seen: list[str] = []

    while address:
        page = browser.get(address)
        assert page.status == 200
        seen += listing.rows(page.text)
        following = re.search('<a rel="next" href="([^"]+)">Next page</a>', page.text)
        address = unescape(following[1]) if following else ""

    assert len(seen) == len(set(seen)) > 3
    assert whole <= set(seen)
