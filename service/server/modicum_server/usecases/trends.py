"""The figures of a model over its audits, in the order of time. A line joins only figures that compare."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum.gate.spot_rule import NONE_LIMIT, PASTED_LIMIT

from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.verdicts import VerdictRule
from modicum_server.ports import Store
from modicum_server.usecases.access import authorise
from modicum_server.usecases.models import require_model
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.result_facts import Condition, Figure, ResultFacts, VersionFacts, differing

AUDITS_SHOWN = 40
GLANCED_AUDITS = 8
"""Of each model where several models are shown."""
GLANCED_MEASURE = "overinterpretation_rate"
"""What is shown of each, if its audits have it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of a measure, in its unit: "at most" 0.05."""

    words: str
    value: float


SPOT_MEASURE = "spot_pasted_difference"
SPOT_LIMITS = (Limit("decides above", PASTED_LIMIT), Limit("none found below", NONE_LIMIT))
"""Those of the spot test itself: no policy moves them."""
RULE_LIMITS: Mapping[str, str] = {"max": "at most", "min": "at least"}
"""In words, by the key of a policy. Limits of changes are no values of the measure, so they are left out."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A figure of one version by one audit. `broken` says what differs from the point before; empty if they compare."""

    audit: Audit
    model_version: str
    figure: Figure
    broken: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A measure over the audits of a model, the oldest first, with the limits that it has."""

    name: str
    title: str
    points: Sequence[TrendPoint]
    limits: Sequence[Limit] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    audit: Audit
    model_version: str
    facts: VersionFacts


class Trends:
    """Reads trends."""

    def __init__(self, store: Store, facts: ResultFacts) -> None:
        self._store = store
        self._facts = facts

    async def of(self, principal: Principal, model: str, rules: Sequence[VerdictRule] = ()) -> list[Trend]:
        """Return the trends of the headline measures of a model, and of those that rules judge, with their limits.

        Raises:
            FieldInvalid, ProjectNotFound, ModelNotFound
        """
        authorise(principal, project_of("model", model), Role.VIEWER)
        async with self._store.transaction() as transaction:
            await require_model(transaction, model)
            audits = await transaction.overviews.audits_of_model(model, limit=AUDITS_SHOWN)
        readings = await self._readings(model, audits)
        limits = {SPOT_MEASURE: SPOT_LIMITS} | {rule.id.replace("-", "_"): _limits(rule) for rule in rules}
        return [_trend(name, readings, limits.get(name, ())) for name in _names(readings, set(limits))]

    async def at_a_glance(self, principal: Principal, project: str, models: Sequence[str]) -> Mapping[str, Trend]:
        """Return the trend of the overinterpretation rate of each of these models, by model, where two audits have it.

        Of a model whose audits have none, that of its first headline measure.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audits = await transaction.overviews.audits_of_models(project, models, limit=GLANCED_AUDITS)
        readings = await asyncio.gather(*(self._readings(model, of_one) for model, of_one in audits.items()))
        named = {model: (_names(found, set()), found) for model, found in zip(audits, readings, strict=True)}
        trends = {
            model: _trend(GLANCED_MEASURE if GLANCED_MEASURE in names else names[0], found)
            for model, (names, found) in named.items()
            if names
        }
        return {model: trend for model, trend in trends.items() if len(trend.points) > 1}

    async def _readings(self, model: str, audits: Sequence[Audit]) -> list[_Reading]:
        """Return what audits, the newest first, say of the versions of a model, the oldest first."""
        documents = await asyncio.gather(*(self._facts.of(audit.result_digest) for audit in audits))
        return [
            _Reading(audit, version, found[version])
            for audit, found in zip(reversed(audits), reversed(documents), strict=True)
            for version in audit.specification.model_versions
            if version.startswith(f"{model}/versions/") and version in found
        ]


def _names(readings: Sequence[_Reading], judged: set[str]) -> list[str]:
    """Return the measures to show, in the order of the documents: those that some audit has a value of."""
    figures = [(name, figure) for reading in readings for name, figure in reading.facts.figures.items()]
    shown = (name for name, one in figures if one.value is not None and (one.is_headline or name in judged))
    return list(dict.fromkeys(shown))


def _limits(rule: VerdictRule) -> tuple[Limit, ...]:
    return tuple(Limit(RULE_LIMITS[one.name], one.value) for one in rule.limits if one.name in RULE_LIMITS)


def _trend(name: str, readings: Sequence[_Reading], limits: Sequence[Limit] = ()) -> Trend:
    points: list[TrendPoint] = []
    before: Mapping[str, Condition] | None = None
    for reading in readings:
        figure = reading.facts.figures.get(name)
        if figure is None or figure.value is None:
            continue
        broken = "" if before is None else _difference(before, reading.facts.conditions)
        points.append(TrendPoint(reading.audit, reading.model_version, figure, broken))
        before = reading.facts.conditions
    return Trend(name, points[-1].figure.title, points, limits)


def _difference(before: Mapping[str, Condition], after: Mapping[str, Condition]) -> str:
    """Return in words what differs between the conditions of two figures; empty where nothing does."""
    return ", ".join(f"{name} {old} became {new}" for name, old, new in differing(before, after))
