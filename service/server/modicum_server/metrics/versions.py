"""What the newest audit says of each registered model version: read from result documents, and kept while it is new.

Numbers come from documents only, so they outlive restarts and equal every report. Nobody waits long: whoever asks
gets what was read last, and a reading that is due goes on by itself.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from modicum_server.domain.gauges import NewestAudits, VersionAudit
from modicum_server.domain.searches import TargetRule
from modicum_server.errors import ArtifactNotFound, ModicumError
from modicum_server.ports import ArtifactStore, Store
from modicum_server.usecases.stored_results import read_whole

#: How long a scrape waits for a reading that it set off; an API that has just started shows its versions at once.
WAIT_SECONDS = 2.0
#: A reading ends, for nothing else is read before it has: a connection may be lost for good.
STORE_SECONDS = 10.0
DOCUMENT_SECONDS = 60.0
PREDICTED = TargetRule.PREDICTED.value
SHOWN = ("overinterpretation_rate", "overinterpretation_rate_class_targeted", "subset_fraction_median")
"""Measures of a result document that a headline is made of."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Headline:
    """Measures of one version by one audit's first search for the predicted class; None where unavailable.

    `rate` is R(threshold, alpha), taken over so many `images`; `companion` is what a random other class gets.
    """

    method: str
    threshold: float
    alpha: float
    images: int
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    companion: float | None
    companion_low: float | None
    companion_high: float | None
    subset_fraction_median: float | None


@dataclass(frozen=True, slots=True)
class VersionReading:
    """An audit and what it says of a version."""

    audit: VersionAudit
    headline: Headline


@dataclass(frozen=True, slots=True)
class VersionReadings:
    """What is shown, and how many audited versions are not."""

    readings: Sequence[VersionReading] = ()
    left_out: int = 0


def headlines_of(document: bytes) -> Mapping[str, Headline]:
    """Return the headline of each version in a result document's bytes: of its first search for the predicted class."""
    searches = {
        model["model_version"]: [one for one in model["searches"] if _is_for_the_prediction(one)]
        for model in json.loads(document)["models"]
    }
    return {version: _headline(found[0]) for version, found in searches.items() if found}


def _is_for_the_prediction(search: Mapping[str, Any]) -> bool:
    rule: str = search.get("search", {}).get("target_rule", PREDICTED)
    return rule == PREDICTED


def _headline(search: Mapping[str, Any]) -> Headline:
    rate, companion, median = (search["measures"][name] for name in SHOWN)
    rate_low, rate_high = _ends(rate)
    companion_low, companion_high = _ends(companion)
    return Headline(
        method=search["search"]["method"],
        threshold=search["search"]["threshold"],
        alpha=rate["parameters"]["alpha"],
        images=rate["n"],
        rate=rate["value"],
        rate_low=rate_low,
        rate_high=rate_high,
        companion=companion["value"],
        companion_low=companion_low,
        companion_high=companion_high,
        subset_fraction_median=median["value"],
    )


def _ends(measure: Mapping[str, Any]) -> tuple[float | None, float | None]:
    interval = measure["interval"] or {}
    return interval.get("low"), interval.get("high")


@dataclass
class VersionReader:
    """Reads the newest audits of at most `limit` versions, not more often than each `interval_seconds`."""

    store: Store
    artifacts: ArtifactStore
    limit: int
    interval_seconds: float
    clock: Callable[[], float] = time.monotonic
    _latest: VersionReadings = field(default_factory=VersionReadings)
    _headlines: dict[str, Mapping[str, Headline]] = field(default_factory=dict)
    _due: float = float("-inf")
    _reading: "asyncio.Task[None] | None" = None

    async def current(self) -> VersionReadings:
        """Return what was read last; sets off a reading that is due, and waits for one, but not for long."""
        if self._reading is None and self.clock() >= self._due:
            self._reading = asyncio.create_task(self._read(), name="metrics-versions")
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=WAIT_SECONDS)
        return self._latest

    async def close(self) -> None:
        """End a reading that goes on, and wait for its end, but not for long."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading}, timeout=WAIT_SECONDS)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS), self.store.transaction() as transaction:
                newest = await transaction.gauges.newest_audits(limit=self.limit)
            await self._read_documents(newest)
        except Exception as error:  # what was read last stays; the next reading may go well
            known = isinstance(error, ModicumError | TimeoutError)
            log.warning("metrics_not_read", error=str(error) or type(error).__name__, exc_info=not known)
        finally:
            self._due = self.clock() + self.interval_seconds
            self._reading = None

    async def _read_documents(self, newest: NewestAudits) -> None:
        headlines = {audit.result_digest: await self._headlines_in(audit) for audit in newest.audits}
        readings = [
            VersionReading(audit, headline)
            for audit in newest.audits
            if (headline := headlines[audit.result_digest].get(audit.model_version))
        ]
        self._headlines = headlines
        self._latest = VersionReadings(readings, newest.left_out)

    async def _headlines_in(self, audit: VersionAudit) -> Mapping[str, Headline]:
        """Those of an audit's document; none, once and for all, of one that cannot be read any more."""
        known = self._headlines.get(audit.result_digest)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(DOCUMENT_SECONDS):
                document = await read_whole(self.artifacts, audit.result_digest)
            # Parsing a large document is arithmetic: it runs beside the loop.
            return await asyncio.to_thread(headlines_of, document)
        except (ArtifactNotFound, ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("metrics_without_document", audit=audit.audit, error=repr(error))
            return {}
