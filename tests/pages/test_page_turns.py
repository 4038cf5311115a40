"""Pages of a visitor are worked on a few at a time, as calls by token are."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from modicum_server.usecases.shares import READS_AT_ONCE

from tests.pages.pages_stage import PROJECT

VISITS = 20


def test_many_pages_of_a_visitor_take_turns(scene, monkeypatch):
    page, browser, at_once, most = scene.services.use_cases.datasets.page, scene.browser("vera"), set(), []

    async def counted(*asked):
        mark = object()
        at_once.add(mark)
        most.append(len(at_once))
        try:
            await asyncio.sleep(0)
            return await page(*asked)
        finally:
            at_once.discard(mark)

    monkeypatch.setattr(scene.services.use_cases.datasets, "page", counted)
    with ThreadPoolExecutor(VISITS) as threads:
        seen = list(threads.map(browser.get, [f"/{PROJECT}/datasets"] * VISITS))

    assert [one.status for one in seen] == [200] * VISITS
    assert len(most) == VISITS
    assert max(most) <= READS_AT_ONCE
