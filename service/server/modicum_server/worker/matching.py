"""Matched searches: once all others have ended, members' temperatures are chosen and their shards are cut.

The temperatures stand with the audit's parameters: they influenced the result, and tell that the shards were cut.
"""

import math
from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import Audit, Shard
from modicum_server.domain.ensembles import searched_by
from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.ports import Transaction
from modicum_server.usecases.costs import cut_shards

JUST_BELOW = 1.001
"""What is eligible at its critical temperature to the last bit may not be in the next pass."""
TEMPERATURES = "matched_temperatures"
"""Of the audit's parameters: by the index of a matched search, by version."""


async def open_matched(transaction: Transaction, shard: Shard, *, shard_seconds: float) -> bool:
    """Choose the temperatures and cut the shards of matched searches; False where there are none, or they were cut."""
    audit = await transaction.audits.get(shard.audit)
    assert audit is not None, "the caller holds its row"
    if not any(search.matched for search in audit.specification.searches):
        return False
    if TEMPERATURES in await transaction.audits.parameters(audit.name):
        return False
    found = [await transaction.models.version(name) for name in audit.specification.model_versions]
    versions = [version for version in found if version is not None]
    chosen = await _temperatures(transaction, audit, versions)
    await transaction.audits.note_parameters(audit.name, {TEMPERATURES: chosen})
    shards = cut_shards(audit.specification, versions, audit.item_count, shard_seconds=shard_seconds, matched=True)
    await transaction.shards.add(shard.project, audit.name, shards)
    return True


async def _temperatures(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]
) -> dict[str, dict[str, float]]:
    searches = audit.specification.searches
    ensemble = next(version.name for version in versions if isinstance(version.source, Ensemble))
    chosen = {}
    for index, search in enumerate(searches):
        if not search.matched:
            continue
        twin = searches.index(search.unmatched)
        wanted = sum(one >= 1 for one in await transaction.findings.critical_temperatures(audit.name, ensemble, twin))
        chosen[str(index)] = {
            member.name: matched_temperature(
                await transaction.findings.critical_temperatures(audit.name, member.name, twin), eligible=wanted
            )
            for member in searched_by(search, versions)
        }
    return chosen


def matched_temperature(critical: Sequence[float], *, eligible: int) -> float:
    """Return a temperature at which so many images are eligible: 1 where it is one, else between two critical ones.

    Those are the last's that is to be eligible and the next one's; where images share them, more are. Without any image
    wanted, or known, it is 1.
    """
    ordered = sorted(critical, reverse=True)
    if not ordered or not eligible:
        return 1.0
    last, following = ordered[min(eligible, len(ordered)) - 1], [*ordered, 0.0][min(eligible, len(ordered))]
    if following < 1 <= last:
        return 1.0
    return math.sqrt(last * following) if following else last / JUST_BELOW


def temperature_of(parameters: Mapping[str, object], search_index: int, version: str) -> float:
    """Return the temperature at which a version is searched; 1 unless one was chosen."""
    chosen = parameters.get(TEMPERATURES)
    by_version = chosen.get(str(search_index), {}) if isinstance(chosen, Mapping) else {}
    return float(by_version.get(version, 1.0))
