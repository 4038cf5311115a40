"""The result document: the summary from which every report, page, metric and verdict is made.

Takes findings one at a time, so memory does not grow with their masks and traces. Has no clock: `created` is the time
of the request, so that writing it again gives the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC
from typing import Any

from modicum_server.domain.audits import Audit, AuditSpecification, ItemCounts
from modicum_server.domain.composites import holds_input_dropout, mean_fill, weights_digests
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import Endpoint, Ensemble, ModelVersion
from modicum_server.domain.searches import Control, Search, SearchMethod
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.stopping import ENDED_EARLY, NOTED, Stopped, cut_in_words, stopped_of
from modicum_server.measures import counterfactuals, endpoints, near_chance, nothing_eligible, registry, spots
from modicum_server.measures.counterfactual_set import CounterfactualSet
from modicum_server.measures.document_lists import Audited, Entry
from modicum_server.measures.measure import Measured
from modicum_server.measures.measure_sets import Titles, titled
from modicum_server.measures.observation_builder import ObservationBuilder
from modicum_server.measures.observations import Observations
from modicum_server.measures.out_of_distribution import OutOfDistribution
from modicum_server.measures.pictures import Pictures
from modicum_server.measures.readings_anew import outcomes_by_tail
from modicum_server.measures.summary import summary_of, summary_without_search

SCHEMA_VERSION = 5
FINDINGS_FORMAT = "jsonl+gzip"
INFERENCE_ONLY = "inference only"
"""Stamp of input dropout, also as a member: the authors train with it, here it is put around what was not."""
AcrossVersions = Mapping[str, Sequence[Entry]]


def result_document(
    *,
    audit: Audit,
    dataset: Dataset,
    item_counts: ItemCounts,
    versions: Sequence[ModelVersion],
    findings: Iterable[Finding],
    parameters: Mapping[str, Any],
    findings_digest: str,
    second: OutOfDistribution | None = None,
    parts: Sequence[ModelVersion] = (),
    spots: Mapping[str, Sequence[SpotRow]] | None = None,
    retests: Mapping[tuple[str, str], Sequence[SpotRow]] | None = None,
    counterfactual: CounterfactualSet | None = None,
) -> dict[str, Any]:
    """Summarise an audit.

    Args:
        audit: the audit; of its state nothing is used but what was asked.
        dataset: its data set.
        item_counts: what its images have beside the picture.
        versions: its versions, in the order of the specification.
        findings: of all versions and searches, in any order; consumed once.
        parameters: what else influenced the numbers: `device`, `chunk_size`, `versions`, `donor_digests`,
            `max_image_pixels`; `dtype` is float32 unless given; `gradient_free`, if given, lists the versions that
            mask_optimization searched without a gradient, `acceleration` how each version's search passes ran, and
            `stopped` where an audit ended that ended early.
        findings_digest: SHA-256 of the findings artifact that holds these rows.
        second: what was predicted on the out-of-distribution data set, None without.
        parts: of the versions that are made of versions.
        spots: by version, the rows of its spot test.
        retests: by pair of versions, the spots of the first version as they were tested on the second.
        counterfactual: what was predicted on both sides of the counterfactual set's pairs, None without.
    """
    # Longer than a function should be: it is the document's outline, and stays one to be read beside the docs.
    counts = _Counts.of(audit.specification, {version.name: version.class_labels for version in versions})
    for finding in findings:
        counts.add(finding)
    both = (*(spots or {}).values(), *(retests or {}).values())
    counts.spot = sum(row.passes for rows in both for row in rows)
    counts.forward += counts.spot
    counts.forward += 0 if counterfactual is None else counterfactual.passes
    copies = counts.pictures.copies
    audited = Audited(
        versions,
        audit.specification,
        counts.observations(),
        parameters,
        second=second,
        parts=parts,
        spots=spots or {},
        retests=retests or {},
        counterfactual=None if counterfactual is None else counterfactual.without(copies),
    )
    stopped = stopped_of(parameters)
    notes = [*_copies_in_words(len(copies)), *_erased_in_words(audit.erased, left_out_of(audit, dataset))]
    across = {listed.key: listed.entries(audited) for listed in registry.DOCUMENT_LISTS}
    return {
        "schema_version": SCHEMA_VERSION,
        "audit": audit.name,
        "project": "/".join(audit.name.split("/")[:2]),
        "specification": specification_json(audit.specification),
        "specification_digest": audit.specification.digest,
        "answer_key": audit.reuse_key,
        "parameters": {
            "dtype": "float32",
            **{name: value for name, value in parameters.items() if name not in NOTED},
            "model_digests": {version.name: version.digest for version in versions},
            "manifest_digest": dataset.manifest_digest,
        },
        "dataset": {
            "name": dataset.name,
            "item_count": dataset.item_count,
            "audited": audit.item_count if stopped is None else stopped.images,
            "labelled": dataset.labelled_count,
            **asdict(item_counts),
            "copies": len(copies),
            "pictures": len(counts.pictures),
            "erased": audit.erased,
            "left_out": left_out_of(audit, dataset),
        },
        "stopping": _stopping_json(audit, stopped),
        "models": [_model_json(version, audited, across, notes) for version in versions],
        "comparisons": [_entry_json(pair, registry.pair_titles()) for pair in registry.compared(audited)],
        **{
            listed.key: [_entry_json(one, listed.titles) for one in across[listed.key]]
            for listed in registry.DOCUMENT_LISTS
        },
        "failures": counts.failures,
        "passes": counts.passes(),
        "findings": {"digest": findings_digest, "rows": counts.rows, "format": FINDINGS_FORMAT},
        "created": audit.create_time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


def _stopping_json(audit: Audit, stopped: Stopped | None) -> dict[str, Any] | None:
    """How many of the planned images were looked at, and why no more; None of an audit that could not end early."""
    if audit.specification.stopping is None:
        return None
    planned = audit.item_count
    if stopped is None:
        return {"planned": planned, "images": planned, "reason": "", "why": [], "cut": []}
    lists = {"why": list(stopped.why), "cut": list(stopped.cut)}
    return {**asdict(stopped), "reason": stopped.reason.value, **lists}


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Return the document's bytes: sorted keys, no space, UTF-8. Raises ValueError for NaN and infinity."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.encode()


def specification_json(specification: AuditSpecification) -> dict[str, Any]:
    """Return the specification as JSON values, each search with its digest."""
    searches = [_search_with_digest(search) for search in specification.searches]
    values: dict[str, Any] = json.loads(json.dumps({**asdict(specification), "searches": searches}))
    return values


@dataclass(slots=True)
class _Counts:
    """Counts over the findings, taken one at a time. Measures see each picture once."""

    builders: dict[tuple[str, int], ObservationBuilder]
    failures: list[dict[str, Any]] = field(default_factory=list)
    pictures: Pictures = field(default_factory=Pictures)
    rows: int = 0
    forward: int = 0
    backward: int = 0
    spot: int = 0

    @classmethod
    def of(cls, specification: AuditSpecification, class_labels: Mapping[str, tuple[str, ...]]) -> "_Counts":
        return cls(
            {
                (version, index): ObservationBuilder(
                    search,
                    specification.canvas,
                    specification.statistics,
                    _other_passes(specification, search),
                    class_labels.get(version, ()),
                )
                for version in specification.model_versions
                for index, search in enumerate(specification.searches)
            }
        )

    def add(self, finding: Finding) -> None:
        if not self.pictures.is_copy(finding):
            self.builders[finding.model_version, finding.search_index].add(finding)
        self.rows += 1
        for passes in (finding.passes, finding.controls.passes):
            self.forward += passes.forward
            self.backward += passes.backward
        if finding.failed:
            self.failures.append(
                {name: getattr(finding, name) for name in ("item", "model_version", "search_index", "reason")}
            )

    def observations(self) -> dict[tuple[str, int], Observations]:
        return {key: builder.observations() for key, builder in self.builders.items()}

    def passes(self) -> dict[str, int]:
        return {
            "forward": self.forward,
            "backward": self.backward,
            "equivalents": self.forward + 2 * self.backward,
            "spot": self.spot,
        }


def _other_passes(specification: AuditSpecification, search: Search) -> int:
    """Return the class-targeted control's own budget beside a search; 0 if it has none, or if the method has none."""
    if search.method is not SearchMethod.MASK_OPTIMIZATION:
        return 0
    return next((plan.passes for plan in specification.controls if plan.control is Control.CLASS_TARGETED), 0)


def _model_json(
    version: ModelVersion, audited: Audited, across: AcrossVersions, notes: Sequence[str]
) -> dict[str, Any]:
    searched = [index for index in range(len(audited.specification.searches)) if version.name in audited.ran(index)]
    measured = {index: registry.measure(audited.seen[version.name, index]) for index in searched}
    return {
        "model_version": version.name,
        "digest": version.digest,
        "weights_digests": weights_digests(version, audited.known),
        "members": list(version.source.members) if isinstance(version.source, Ensemble) else [],
        "class_labels": list(version.class_labels),
        "mean_fill": list(mean_fill(version, audited.known)),
        "stamp": _stamp(version, audited),
        "endpoint": endpoints.endpoint_json(version),
        "summary": [
            *_summary(version.name, measured, audited, across),
            *endpoints.endpoint_in_words(version),
            *notes,
        ],
        "searches": [_search_json(version.name, index, measured[index], audited, across) for index in searched],
    }


def _stamp(version: ModelVersion, audited: Audited) -> str:
    if isinstance(version.source, Endpoint):
        return endpoints.STAMP
    return INFERENCE_ONLY if holds_input_dropout(version, audited.known) else ""


def _summary(version: str, measured: Mapping[int, Measured], audited: Audited, across: AcrossVersions) -> list[str]:
    """The sentences about a version."""
    index = audited.spot_search
    paired = _of_version(across[counterfactuals.DOCUMENT_LIST.key], version)
    ended = _end_in_words(audited)
    if index is None or index not in measured:
        return [*summary_without_search(paired), *ended]
    seen = audited.seen[version, index]
    told = summary_of(
        measured[index],
        {reading.control: reading.outcome for reading in registry.read_controls(measured[index])},
        _of_version(across[spots.DOCUMENT_LIST.key], version),
        paired,
        spot_asked=any(plan.control is Control.SPOT for plan in audited.specification.controls),
        advice=nothing_eligible.advice(seen),
    )
    return [*near_chance.doubt(seen, len(seen.class_labels)), *told, *ended]


def _copies_in_words(copies: int) -> list[str]:
    """The sentence about copies of pictures; none without any."""
    if not copies:
        return []
    said = "1 image is a copy of another" if copies == 1 else f"{copies:,} images are copies of others"
    return [f"{said}, byte for byte; each picture counts once."]


def left_out_of(audit: Audit, dataset: Dataset) -> int:
    """Return how many drawn items were not audited, because their pictures had been erased before."""
    drawn = min(audit.specification.sample or dataset.item_count, dataset.item_count)
    return max(0, drawn - audit.item_count)


def _erased_in_words(erased: int, left_out: int) -> list[str]:
    """The sentences about pictures that were erased after the audit, and before it; none without any."""
    later = "1 image was" if erased == 1 else f"{erased:,} images were"
    before = "1 image was" if left_out == 1 else f"{left_out:,} images were"
    said = {
        f"{later} erased after the audit; these figures are about the other images.": erased,
        f"{before} left out, because they had been erased from the data set before the audit.": left_out,
    }
    return [sentence for sentence, count in said.items() if count]


def _end_in_words(audited: Audited) -> list[str]:
    """The sentence about an audit that ended early; none of another one."""
    stopped = stopped_of(audited.parameters)
    if stopped is None:
        return []
    why, cut = "; ".join(stopped.why), cut_in_words(stopped.cut)
    left_out = f" Left out: {cut}." if cut else ""
    if stopped.images == stopped.planned:
        return [f"{ENDED_EARLY}after all its searches: {why}.{left_out}"]
    return [f"{ENDED_EARLY}after {stopped.images:,} of {stopped.planned:,} images: {why}.{left_out}"]


def _of_version(tests: Sequence[Any], version: str) -> Any:
    """The test of a version; None without."""
    return next((test for test in tests if test.model_version == version), None)


def _search_json(
    version: str, index: int, measured: Measured, audited: Audited, across: AcrossVersions
) -> dict[str, Any]:
    """One search of one version. Readings of the lists across versions are among its readings."""
    seen = audited.seen[version, index]
    told = (
        listed.reading(audited, across[listed.key], version, index)
        for listed in registry.DOCUMENT_LISTS
        if listed.reading
    )
    readings = [*registry.read_controls(measured), *(reading for reading in told if reading is not None)]
    anew = outcomes_by_tail(measured, across, version, index)
    blind = version in audited.parameters.get("gradient_free", ())
    return {
        "search": asdict(seen.search),
        "search_digest": seen.search.digest,
        "measures": titled({name: value.as_json() for name, value in measured.items()}, registry.measure_titles()),
        "readings": [{**asdict(reading), "outcomes": anew.get(reading.control, [])} for reading in readings],
        "counts": {
            "images": len(seen.scored),
            "eligible": int(seen.eligible.sum()),
            "not_eligible": int((~seen.eligible & ~seen.failed).sum()),
            "baseline_confident": int(seen.baseline_confident.sum()),
            "with_subset": int(seen.with_subset.sum()),
            "failed": int(seen.failed.sum()),
            "budget_exhausted": int(seen.budget_exhausted.sum()),
            "saturated": int(seen.saturated.sum()),
        },
        "gradient_free": blind and seen.search.method is SearchMethod.MASK_OPTIMIZATION,
    }


def _entry_json(entry: Entry, titles: Titles) -> dict[str, Any]:
    told = entry.as_json()
    return {**told, "measures": titled(told["measures"], titles)}


def _search_with_digest(search: Search) -> dict[str, Any]:
    return {**asdict(search), "digest": search.digest}
