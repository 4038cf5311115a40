import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import FieldInvalid, FilterInvalid, PageTokenInvalid
from modicum_server.ports import AuditFilter, VerdictFilter
from modicum_server.usecases.filters import audit_filter, verdict_filter
from modicum_server.usecases.pages import LARGEST_PAGE_BYTES, PageRequest, read_page

ROWS = [f"{number:03}" for number in range(250)]


async def fetch(after: str, limit: int) -> list[tuple[str, str]]:
    return [(row, row) for row in ROWS if row > after][:limit]


async def read_all(size: int, **options) -> list[list[str]]:
    pages, token = [], ""
    while True:
        page = await read_page(PageRequest(size, token), "numbers", fetch, **options)
        pages.append(list(page.rows))
        token = page.next_token
        if not token:
            return pages


@pytest.mark.parametrize(("size", "lengths"), [(0, [100, 100, 50]), (125, [125, 125]), (250, [250]), (5000, [250])])
async def test_pages_follow_each_other_to_the_end(size, lengths):
    pages = await read_all(size)

    assert [len(page) for page in pages] == lengths
    assert [row for page in pages for row in page] == ROWS


async def test_a_page_ends_before_it_outgrows_a_message():
    pages = await read_all(100, weigh=lambda _: LARGEST_PAGE_BYTES // 3)

    assert {len(page) for page in pages[:-1]} == {3}
    assert [row for page in pages for row in page] == ROWS


async def test_a_row_that_is_too_large_gets_its_own_page():
    pages = await read_all(100, weigh=lambda _: LARGEST_PAGE_BYTES + 1)

    assert len(pages) == len(ROWS)


async def test_a_token_fits_only_the_list_it_was_given_for():
    page = await read_page(PageRequest(10), "numbers", fetch)

    with pytest.raises(PageTokenInvalid):
        await read_page(PageRequest(10, page.next_token), "letters", fetch)


@pytest.mark.parametrize("token", ["x", "!!", "AAAA", "ä", "A" * 5000, "A"])
async def test_an_invented_token_is_refused(token):
    with pytest.raises(PageTokenInvalid):
        await read_page(PageRequest(10, token), "numbers", fetch)


async def test_a_negative_page_size_is_refused():
    with pytest.raises(FieldInvalid, match="page_size"):
        await read_page(PageRequest(-1), "numbers", fetch)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", AuditFilter()),
        ("state = RUNNING", AuditFilter(state=AuditState.RUNNING)),
        ('state="QUEUED" AND dataset = projects/p/datasets/d', AuditFilter(AuditState.QUEUED, "projects/p/datasets/d")),
        ("model_version = projects/p/models/m/versions/1", AuditFilter(model_version="projects/p/models/m/versions/1")),
    ],
)
def test_a_filter_is_read(text, expected):
    assert audit_filter(text) == expected


@pytest.mark.parametrize(
    "text",
    ["state", "state = running", "seed = 1", "state = RUNNING OR state = QUEUED", "state = RUNNING AND",
     "state != RUNNING", "state = RUNNING AND state = QUEUED"],
)  # fmt: skip
def test_an_unsupported_filter_is_refused(text):
    with pytest.raises(FilterInvalid, match="joined by AND"):
        audit_filter(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", VerdictFilter()),
        ("outcome = FAIL", VerdictFilter(VerdictOutcome.FAIL)),
        ("audit = a AND model_version = v", VerdictFilter(audit="a", model_version="v")),
        ("policy_digest = d", VerdictFilter(policy_digest="d")),
    ],
)
def test_a_filter_of_verdicts_is_read(text, expected):
    assert verdict_filter(text) == expected


@pytest.mark.parametrize("text", ["outcome = WAIVED", "outcome = pass", "state = RUNNING", "audit"])
def test_an_unsupported_filter_of_verdicts_is_refused(text):
    with pytest.raises(
        FilterInvalid, match=r"outcome, audit, model_version or policy_digest.*PASS, FAIL, INCONCLUSIVE"
    ):
        verdict_filter(text)
