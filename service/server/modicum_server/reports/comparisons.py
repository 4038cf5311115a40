"""What the page shows across versions: pairs on the same images, and ensembles with their members."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modicum.gate.tones import Tag, tag_of

from modicum_server.measures import registry
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.measure_sets import Titles
from modicum_server.measures.number_words import interval_text, ratio_text
from modicum_server.reports.ensemble_steps import next_step
from modicum_server.reports.lines import Line, line, lines
from modicum_server.reports.wording import plain_number

Called = Callable[[str], str]
"""Returns the name of a version on the page, for its resource name."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions under one search, compared on the same images."""

    first: str
    second: str
    search: Mapping[str, Any]
    lines: tuple[Line, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Beside:
    """The figures of an ensemble, or of one of its members, that are shown with the verdict."""

    name: str
    rate: Line
    accuracy: Line
    ood_accuracy: Line | None
    plain_passes: int
    milliseconds: str
    timed: str


@dataclass(frozen=True, slots=True)
class Check:
    """The mitigation check of an ensemble under one search."""

    ensemble: str
    members: tuple[str, ...]
    search: Mapping[str, Any]
    verdict: str
    stamp: str
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    lines: tuple[Line, ...]
    temperatures: tuple[tuple[str, str], ...]
    eligibility: tuple[tuple[str, Mapping[str, int]], ...]
    versions: tuple[Beside, ...]
    latency_ratio: str
    limits: Mapping[str, float]
    second: Mapping[str, Any] | None
    ratio: str
    next_step: str

    @property
    def tag(self) -> Tag:
        """How its verdict is shown."""
        return tag_of(self.verdict)


def pairs(document: Mapping[str, Any], called: Called) -> list[Pair]:
    """Return the document's comparisons, in its order. Older documents have none."""
    return [
        Pair(
            first=called(entry["first"]),
            second=called(entry["second"]),
            search=document["specification"]["searches"][entry["search_index"]],
            lines=lines(entry["measures"], registry.pair_titles()),
            note=entry.get("note", ""),
        )
        for entry in document.get("comparisons", ())
    ]


def checks(document: Mapping[str, Any], called: Called) -> list[Check]:
    """Return the document's mitigation checks, in its order. Older documents have none."""
    return [
        Check(
            ensemble=called(entry["ensemble"]),
            members=tuple(map(called, entry["members"])),
            search=document["specification"]["searches"][entry["search_index"]],
            verdict=entry["verdict"],
            stamp=entry["stamp"],
            reasons=tuple(entry["reasons"]),
            cautions=tuple(entry.get("cautions", ())),
            lines=lines(entry["measures"], _titles_of("mitigation")),
            temperatures=tuple((called(name), plain_number(value)) for name, value in entry["temperatures"].items()),
            eligibility=tuple(
                (called(name), counted) for name, counted in entry.get("matched_eligibility", {}).items()
            ),
            versions=_beside(entry, called),
            latency_ratio=_rounded(entry.get("latency_ratio")),
            limits=entry["limits"],
            second=entry.get("out_of_distribution"),
            ratio=_ratio_sentence(
                measure_from_json(entry["measures"]["subset_fraction_ratio"]), entry["limits"]["ratio"]
            ),
            next_step=next_step(entry),
        )
        for entry in document.get("mitigation", ())
    ]


def _ratio_sentence(ratio: Measure, limit: float) -> str:
    """What was measured, and from where on it counts, in two sentences."""
    if ratio.value is None:
        return f"How many pixels it needs beside its members is not known: {ratio.unavailable}."
    interval = interval_text(ratio.interval, _two_places)
    needs = (
        f"It needs {_two_places(ratio.value)} times as many pixels of an image as its members do, on average{interval}."
    )
    return f"{needs} To count as mitigated, it must lie above {ratio_text(limit)}."


def _two_places(ratio: float) -> str:
    """A ratio near 1, whose interval may be narrow."""
    return f"{ratio:.2f}"


def _titles_of(key: str) -> Titles:
    return next(listed.titles for listed in registry.DOCUMENT_LISTS if listed.key == key)


def _beside(entry: Mapping[str, Any], called: Called) -> tuple[Beside, ...]:
    """Return the figures, the ensemble first. A stored document has them by name; an older one has none."""
    told = entry.get("versions", {})
    names = (name for name in (entry["ensemble"], *entry["members"]) if name in told)
    return tuple(_version_beside(called(name), told[name]) for name in names)


def _version_beside(name: str, told: Mapping[str, Any]) -> Beside:
    shown = {key: line(measure, "") for key, measure in told["measures"].items()}
    return Beside(
        name,
        shown["overinterpretation_rate"],
        shown["accuracy"],
        shown.get("ood_accuracy"),
        told["plain_passes"],
        _rounded(told["pass_milliseconds"]) or "not timed",
        told["timed"],
    )


def _rounded(value: float | None) -> str:
    return "" if value is None else plain_number(value)
