"""The figures of the newest audit of each registered model version, read from result documents and kept for a while.

They come only from documents, so they survive restarts and equal every report. Nobody waits long: a scrape gets the
last reading, while a due one runs in the background.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from modicum_server.domain.gauges import NewestAudits, Sight, VersionAudit, VersionVerdict
from modicum_server.domain.searches import TargetRule
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, ModicumError
from modicum_server.ports import ArtifactStore, Store
from modicum_server.usecases.result_facts import VersionFacts, facts_in
from modicum_server.usecases.stored_results import read_whole

#: Longest wait of a scrape for a reading that it started, so that an API shows its versions soon after its start.
WAIT_SECONDS = 2.0
#: A reading is cancelled after this time, because the next one waits for it, and a connection may be lost for good.
STORE_SECONDS = 10.0
DOCUMENT_SECONDS = 60.0
PREDICTED = TargetRule.PREDICTED.value
SHOWN = ("overinterpretation_rate", "overinterpretation_rate_class_targeted", "subset_fraction_median")
"""The measures of a result document that a headline uses."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Headline:
    """Measures of one version by an audit's first search for the predicted class; None where unavailable.

    `rate` is R(threshold, alpha) over this many `images`; `companion` is the rate for a random other class. `canvas` is
    channels x height x width. `passes` is the search's budget on one image, 0 for a method without one. `outcome` is
    the worst of the controls that decide, empty where none ran, and `sentence` says what was found.
    """

    method: str
    threshold: float
    alpha: float
    fill: str
    canvas: str
    passes: int
    images: int
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    companion: float | None
    companion_low: float | None
    companion_high: float | None
    subset_fraction_median: float | None
    outcome: str
    sentence: str


@dataclass(frozen=True, slots=True)
class VersionReading:
    """An audit and its headline of a version, and the newest verdict on an audit of it, if there is one."""

    audit: VersionAudit
    headline: Headline
    verdict: VersionVerdict | None = None


@dataclass(frozen=True, slots=True)
class VersionReadings:
    """The versions that are shown, and how many audited ones are not."""

    readings: Sequence[VersionReading] = ()
    left_out: int = 0

    def within(self, sight: Sight) -> "VersionReadings":
        """Return only the versions in sight. The number of those that are left out tells no name, and stays."""
        seen = [reading for reading in self.readings if sight.covers(reading.audit.model_version)]
        return VersionReadings(seen, self.left_out)


def headlines_of(document: bytes) -> Mapping[str, Headline]:
    """Return the headline of each version in the bytes of a result document."""
    told = json.loads(document)
    sides = told["specification"]["canvas"]
    canvas = "x".join(str(sides[side]) for side in ("channels", "height", "width"))
    searches = {
        model["model_version"]: [one for one in model["searches"] if _is_for_the_prediction(one)]
        for model in told["models"]
    }
    facts = facts_in(told)
    return {version: _headline(found[0], canvas, facts[version]) for version, found in searches.items() if found}


def _is_for_the_prediction(search: Mapping[str, Any]) -> bool:
    rule: str = search.get("search", {}).get("target_rule", PREDICTED)
    return rule == PREDICTED


def _headline(search: Mapping[str, Any], canvas: str, facts: VersionFacts) -> Headline:
    rate, companion, median = (search["measures"][name] for name in SHOWN)
    rate_low, rate_high = _ends(rate)
    companion_low, companion_high = _ends(companion)
    return Headline(
        method=search["search"]["method"],
        threshold=search["search"]["threshold"],
        alpha=rate["parameters"]["alpha"],
        fill=search["search"]["fill"],
        canvas=canvas,
        passes=search["search"]["passes"],
        images=rate["n"],
        rate=rate["value"],
        rate_low=rate_low,
        rate_high=rate_high,
        companion=companion["value"],
        companion_low=companion_low,
        companion_high=companion_high,
        subset_fraction_median=median["value"],
        outcome=facts.outcome,
        sentence=facts.headline,
    )


def _ends(measure: Mapping[str, Any]) -> tuple[float | None, float | None]:
    interval = measure["interval"] or {}
    return interval.get("low"), interval.get("high")


@dataclass
class VersionReader:
    """Reads the newest audits of at most `limit` versions, at most once in `interval_seconds`."""

    store: Store
    artifacts: ArtifactStore
    limit: int
    interval_seconds: float
    clock: Callable[[], float] = time.monotonic
    wait_seconds: float = WAIT_SECONDS
    store_seconds: float = STORE_SECONDS
    _latest: VersionReadings = field(default_factory=VersionReadings)
    _headlines: dict[str, Mapping[str, Headline]] = field(default_factory=dict)
    _due: float = float("-inf")
    _reading: "asyncio.Task[None] | None" = None

    async def current(self) -> VersionReadings:
        """Return the last reading. Starts one that is due, and waits for it, but not for long."""
        if self._reading is None and self.clock() >= self._due:
            self._reading = asyncio.create_task(self._read(), name="metrics-versions")
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=self.wait_seconds)
        return self._latest

    async def close(self) -> None:
        """Cancel a reading that still runs, and wait a moment for its end."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading}, timeout=self.wait_seconds)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self.store_seconds), self.store.transaction() as transaction:
                newest = await transaction.gauges.newest_audits(limit=self.limit)
                shown = [audit.model_version for audit in newest.audits]
                verdicts = await transaction.gauges.newest_verdicts(shown)
            await self._read_documents(newest, verdicts)
        except Exception as error:  # the last reading stays; the next one may succeed
            known = isinstance(error, ModicumError | TimeoutError)
            log.warning("metrics_not_read", error=str(error) or type(error).__name__, exc_info=not known)
        finally:
            self._due = self.clock() + self.interval_seconds
            self._reading = None

    async def _read_documents(self, newest: NewestAudits, verdicts: Mapping[str, VersionVerdict]) -> None:
        headlines = {audit.result_digest: await self._headlines_in(audit) for audit in newest.audits}
        readings = [
            VersionReading(audit, headline, verdicts.get(audit.model_version))
            for audit in newest.audits
            if (headline := headlines[audit.result_digest].get(audit.model_version))
        ]
        self._headlines = headlines
        self._latest = VersionReadings(readings, newest.left_out)

    async def _headlines_in(self, audit: VersionAudit) -> Mapping[str, Headline]:
        """Return the headlines of an audit's document; none if it can no longer be read, without trying again."""
        known = self._headlines.get(audit.result_digest)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(DOCUMENT_SECONDS):
                document = await read_whole(self.artifacts, audit.result_digest)
            # Parsing a large document takes processor time, so it runs in a thread.
            return await asyncio.to_thread(headlines_of, document)
        except (ArtifactNotFound, ArtifactCorrupt, ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("result_document_not_read", audit=audit.audit, error=repr(error))
            return {}
