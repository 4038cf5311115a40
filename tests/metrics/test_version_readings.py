"""Readings of versions from the newest audits' result documents. They are rare and never block a scrape."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from modicum_server.domain.gauges import NewestAudits, VersionAudit, VersionVerdict
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import ArtifactNotFound, DependencyUnavailable
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.store_metrics import Snapshot
from modicum_server.metrics.versions import VersionReader, headlines_of

VERSION = "projects/p/models/net/versions/{}"
ENDED = datetime(2026, 1, 1, tzinfo=UTC)


def document(
    version: str, *, rate: float | None = 0.5, low: float | None = 0.4, companion: float | None = 0.25
) -> bytes:
    parameters = {"alpha": 0.05, "threshold": 0.9}
    interval, wide = None if low is None else {"low": low, "high": 0.6}, {"low": 0.125, "high": 0.375}
    measures = {
        "overinterpretation_rate": {"value": rate, "n": 20, "interval": interval, "parameters": parameters},
        "overinterpretation_rate_class_targeted": {
            "value": companion,
            "n": 20 if companion is not None else 0,
            "interval": wide if companion is not None else None,
            "parameters": parameters,
        },
        "subset_fraction_median": {"value": None, "n": 20, "interval": None},
    }
    terms = {"method": "MASK_OPTIMIZATION", "threshold": 0.9, "fill": "MEAN", "passes": 600}
    searches = [{"search": terms, "measures": measures}, {}]
    specification = {"canvas": {"channels": 3, "height": 24, "width": 32}}
    return json.dumps(
        {"specification": specification, "models": [{"model_version": version, "searches": searches}]}
    ).encode()


def audit(number: int) -> VersionAudit:
    return VersionAudit(
        VERSION.format(number), f"projects/p/audits/{number}", "projects/p/datasets/d", str(number), ENDED
    )


@dataclass
class Shelf:
    """A store and an artifact store in memory. It counts its calls, and the gate blocks it."""

    newest: NewestAudits
    documents: dict[str, bytes]
    verdicts: dict[str, VersionVerdict] = field(default_factory=dict)
    read_digests: list[str] = field(default_factory=list)
    calls: int = 0
    failure: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SimpleNamespace]:
        async def newest_audits(*, limit: int) -> NewestAudits:
            self.calls += 1
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            return self.newest

        async def newest_verdicts(versions: Sequence[str]) -> Mapping[str, VersionVerdict]:
            return {version: self.verdicts[version] for version in versions if version in self.verdicts}

        yield SimpleNamespace(gauges=SimpleNamespace(newest_audits=newest_audits, newest_verdicts=newest_verdicts))

    async def read(self, digest: str) -> AsyncIterator[bytes]:
        self.read_digests.append(digest)
        if digest not in self.documents:
            raise ArtifactNotFound("gone", digest=digest)
        yield self.documents[digest]


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf(NewestAudits([audit(1), audit(2)], left_out=3), {str(n): document(VERSION.format(n)) for n in (1, 2)})
    found.gate.set()
    return found


@pytest.fixture
def reader(shelf, now) -> VersionReader:
    return VersionReader(shelf, shelf, limit=2, interval_seconds=10, clock=lambda: now[0])


async def test_the_first_scrape_shows_what_documents_say_of_versions(reader):
    found = await reader.current()

    assert [reading.audit for reading in found.readings] == [audit(1), audit(2)]
    assert [reading.headline.rate for reading in found.readings] == [0.5, 0.5]
    assert found.left_out == 3


async def test_a_document_is_read_once_and_the_list_when_it_is_due(reader, shelf, now):
    for time in (0.0, 9.0, 11.0, 22.0):
        now[0] = time
        await reader.current()

    assert shelf.calls == 3
    assert shelf.read_digests == ["1", "2"]


async def test_a_deleted_version_is_no_longer_shown(reader, shelf, now):
    await reader.current()
    shelf.newest, now[0] = NewestAudits([audit(2)]), 11.0

    assert [reading.audit for reading in (await reader.current()).readings] == [audit(2)]


async def test_a_hanging_reading_delays_no_scrape_and_is_not_started_twice(reader, shelf):
    reader.wait_seconds = 0.01
    shelf.gate.clear()

    assert (await reader.current()).readings == ()
    assert (await reader.current()).readings == ()
    assert shelf.calls == 1

    await reader.close()


async def test_a_reading_over_a_lost_connection_ends_and_the_next_one_succeeds(reader, shelf, now):
    reader.store_seconds = 0.01
    shelf.gate.clear()
    assert (await reader.current()).readings == ()
    shelf.gate.set()
    reader.store_seconds = 60
    now[0] = 11.0

    assert [reading.audit for reading in (await reader.current()).readings] == [audit(1), audit(2)]
    assert shelf.calls == 2


async def test_without_a_database_the_last_reading_stays(reader, shelf, now):
    before = await reader.current()
    shelf.failure, now[0] = DependencyUnavailable("away"), 11.0

    assert await reader.current() == before


async def test_a_lost_or_damaged_document_removes_only_its_own_version(reader, shelf):
    shelf.newest = NewestAudits([audit(1), audit(2), audit(3)])
    del shelf.documents["1"]
    shelf.documents["3"] = b"{"

    assert [reading.audit for reading in (await reader.current()).readings] == [audit(2)]


def test_the_headline_is_of_the_first_search_and_what_is_unavailable_is_none():
    [headline] = headlines_of(document("v", rate=None, low=None, companion=None)).values()

    assert (headline.rate, headline.rate_low, headline.subset_fraction_median) == (None, None, None)
    assert (headline.companion, headline.companion_low, headline.companion_high) == (None, None, None)
    assert (headline.method, headline.threshold, headline.alpha) == ("MASK_OPTIMIZATION", 0.9, 0.05)
    assert headline.images == 20


async def exposed(reader) -> str:
    return ApiMetrics().expose(Snapshot(versions=await reader.current()))[0].decode()


async def test_a_measure_that_is_unavailable_has_no_sample(reader, shelf):
    shelf.documents["1"] = document(VERSION.format(1), low=None, companion=None)

    text = await exposed(reader)

    assert 'modicum_model_overinterpretation_rate{model="net",project="p",version="1"} 0.5' in text
    assert 'modicum_model_overinterpretation_rate_low{model="net",project="p",version="1"}' not in text
    assert 'modicum_model_overinterpretation_rate_class_targeted{model="net",project="p",version="1"}' not in text
    assert 'modicum_model_overinterpretation_rate_low{model="net",project="p",version="2"} 0.4' in text
    assert "\nmodicum_model_subset_fraction_median{" not in text
    assert "modicum_models_left_out 3.0" in text


async def test_the_rate_stands_with_its_class_targeted_companion_and_both_with_their_intervals(reader):
    text = await exposed(reader)

    name, version = "modicum_model_overinterpretation_rate", '{model="net",project="p",version="2"}'
    for end, value in (("", 0.5), ("_low", 0.4), ("_high", 0.6)):
        assert f"\n{name}{end}{version} {value}\n" in text
    for end, value in (("", 0.25), ("_low", 0.125), ("_high", 0.375)):
        assert f"\n{name}_class_targeted{end}{version} {value}\n" in text


async def test_the_parameters_of_the_audit_stand_beside_the_numbers(reader):
    search = 'method="mask_optimization",model="net",passes="600",project="p",threshold="0.9",version="2"'
    labels = f'alpha="0.05",audit="2",canvas="3x24x32",dataset="d",fill="mean",{search}'

    assert f"modicum_model_last_audit_info{{{labels}}} 1.0" in await exposed(reader)


async def test_what_the_newest_audit_found_stands_in_words(reader, shelf):
    told = json.loads(document(VERSION.format(2)))
    (model,) = told["models"]
    model["summary"] = ["A spot of 9x9 pixels decides: copied, it makes 35% of them 7."]
    model["searches"][0]["readings"] = [{"control": "spot", "text": "", "outcome": "DECISIVE"}]
    shelf.documents["2"] = json.dumps(told).encode()

    text = await exposed(reader)

    said = 'audit="2",found="DECISIVE",headline="A spot of 9x9 pixels decides",model="net",project="p",version="2"'
    assert f"modicum_model_last_audit_found_info{{{said}}} 1.0" in text


def verdict(number: int, outcome: VerdictOutcome) -> VersionVerdict:
    version, name = VERSION.format(number), f"projects/p/verdicts/v{number}"
    return VersionVerdict(version, name, "projects/p/audits/2", outcome, ENDED)


async def test_a_version_shows_its_newest_verdict_if_it_has_one(reader, shelf, now):
    shelf.verdicts[VERSION.format(2)] = verdict(2, VerdictOutcome.PASS)
    before = await exposed(reader)
    shelf.verdicts[VERSION.format(2)], now[0] = verdict(2, VerdictOutcome.FAIL), 11.0
    after = await exposed(reader)

    for text, outcome in ((before, "PASS"), (after, "FAIL")):
        labels = f'audit="2",model="net",outcome="{outcome}",project="p",verdict="v2",version="2"'
        assert f"modicum_model_last_verdict_info{{{labels}}} 1.0" in text
    assert after.count("modicum_model_last_verdict_info{") == 1
    time = 'modicum_model_last_verdict_timestamp_seconds{model="net",project="p",version="2"}'
    assert f"{time} 1.7672256e+09" in after


def test_each_outcome_of_a_verdict_is_counted_and_shown_before_the_first():
    metrics = ApiMetrics()
    metrics.verdict_stored(VerdictOutcome.FAIL)

    text = metrics.expose(Snapshot())[0].decode()

    for outcome, number in (("PASS", 0.0), ("FAIL", 1.0), ("INCONCLUSIVE", 0.0)):
        assert f'modicum_verdicts_total{{outcome="{outcome}"}} {number}' in text
    assert "WAIVED" not in text
