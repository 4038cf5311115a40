"""Results for people: one row a finding, then what it all says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from modicum.findings import ClassTargetedFinding, FillRobustFinding, Finding, FindingControls, PixelSubsetFinding
from modicum.measures import number, percent
from modicum.naming import last_part, printable, short_version
from modicum.results import CheckedVersion, Comparison, Mitigation, ModelResult, Result, SearchResult, Transfer
from modicum.versions import ModelVersion

#: Rows of a table; the rest is in the outputs.
MOST_ROWS = 60
#: Changed subsets, in a word or two.
VARIANTS = {
    "dilated": "dilated",
    "white_on_mean": "as white shape",
    "black_on_mean": "as black shape",
    "random": "of random pixels",
    "ring_filled": "without its ring",
    "outside_filled": "of its objects alone",
}
#: Measures of an ensemble mitigation check, in words.
MITIGATION = {
    "subset_fraction_ratio": "subset fraction, ensemble over the geometric mean of its members",
    "matched_subset_fraction_ratio": "the same at matched temperatures",
    "accuracy_difference": "accuracy, ensemble less the mean of its members",
    "ood_accuracy_difference": "the same on out-of-distribution images",
    "overinterpretation_rate_difference": "overinterpretation rate, ensemble less the mean of its members",
}
COLUMNS = ("image", "label", "prediction", "confidence", "subset size", "subset fraction", "controls")
RIGHT = frozenset({"confidence", "subset size", "subset fraction"})

GRADIENT_FREE = (
    "no useful gradient: searched by forward passes alone, which finds larger subsets than a search by gradients would"
)

REASONS = {
    "NOT_ELIGIBLE": "below the threshold: not searched",
    "NOT_FOUND": "no subset found",
    "IMAGE_UNREADABLE": "neither a picture that can be decoded nor an array that the input takes",
    "IMAGE_TOO_LARGE": "more pixels than the server decodes",
    "NOT_FINITE": "the model answers NaN or infinity",
    "MODEL_DIED": "the model's process dies on it",
    "FILL_UNAVAILABLE": "too few donors for the fill",
    "INTERNAL": "a fault of the server's own; its log has it",
    "STOPPED": "stopped before it was done",
}


def show_result(console: Console, result: Result, versions: Mapping[str, ModelVersion]) -> None:
    """Print every model's findings and what they say. `versions` are by resource name, for the classes' names."""
    for model in result.models:
        version = versions.get(model.model_version)
        for index, search in enumerate(model.searches):
            findings = [
                finding
                for finding in result.findings
                if finding.model_version == model.model_version and finding.search_index == index
            ]
            console.print(_table(_title(model, search), findings, version))
            if len(findings) > MOST_ROWS:
                console.print(f"... and {len(findings) - MOST_ROWS} more images; --output FILE has them all")
            for line in headline(search):
                console.print(line, markup=False, soft_wrap=True)
            console.print()
    for transfers in _by_search(result.transfer):
        how = _how(result.document["specification"]["searches"][transfers[0].search_index])
        console.print(_matrix(transfers, how))
    for pair in result.comparisons:
        console.print(_compared(pair), markup=False, soft_wrap=True)
    for check in result.mitigation:
        for line in mitigation_lines(check):
            console.print(line, markup=False, soft_wrap=True)


def mitigation_lines(check: Mitigation) -> Iterable[str]:
    """What the check of an ensemble says, the verdict first."""
    names = ", ".join(map(short_version, check.members))
    stamp = f" ({check.stamp})" if check.stamp else ""
    yield f"{check.verdict}{stamp}: {short_version(check.ensemble)} against its members {names}"
    for reason in check.reasons:
        yield f"  {reason}"
    for name, label in MITIGATION.items():
        if name in check.measures:
            yield f"  {label}: {check.measures[name]}"
    if check.out_of_distribution:
        second = check.out_of_distribution
        counted = f"{second['used']} of {second['labelled']} labelled images have a prediction of all"
        yield f"  out-of-distribution data set {last_part(second['dataset'])}: {counted}"
    if check.temperatures:
        used = ", ".join(f"{short_version(name)} {number(value)}" for name, value in check.temperatures.items())
        yield f"  matched temperatures: {used}"
    for name, images in check.matched_eligibility.items():
        eligible = f"eligible on {images['member']} of {images['scored_by_both']} images"
        yield f"  {short_version(name)} at its matched temperature: {eligible}, the ensemble on {images['ensemble']}"
    for name, version in check.versions.items():
        yield f"  {short_version(name)}: {_beside(version)}"
    if check.latency_ratio is not None:
        ratio = number(check.latency_ratio)
        yield f"  when registered, a pass of the ensemble took {ratio} times as long as one of a member on average"


def _beside(version: CheckedVersion) -> str:
    rate, accuracy, second = version.overinterpretation_rate, version.accuracy, version.ood_accuracy
    outside = "" if second is None else f", on out-of-distribution images {second}"
    passes = "1 plain pass" if version.plain_passes == 1 else f"{version.plain_passes} plain passes"
    timed = f"{number(version.pass_milliseconds)} ms {version.timed}" if version.pass_milliseconds else "not timed"
    return f"overinterpretation rate {rate}, accuracy {accuracy}{outside}; a pass is {passes}, {timed}"


def _by_search(transfers: Sequence[Transfer]) -> Iterable[Sequence[Transfer]]:
    indices = dict.fromkeys(one.search_index for one in transfers)
    return [[one for one in transfers if one.search_index == index] for index in indices]


def _matrix(transfers: Sequence[Transfer], how: str) -> Table:
    """The transfers of one search: whose subsets in rows, who scored them in columns."""
    versions = list(dict.fromkeys(one.source for one in transfers))
    cells = {(one.source, one.scorer): one for one in transfers}
    title = f"subsets that keep their class with another version, where both are confident of the same class ({how})"
    table = Table("subsets of", title=title, title_justify="left")
    for scorer in versions:
        table.add_column(escape(f"scored by {short_version(scorer)}"), overflow="fold")
    for source in versions:
        row = [str(cells[source, scorer].class_kept_share) if scorer != source else "" for scorer in versions]
        table.add_row(*(escape(printable(cell)) for cell in (short_version(source), *row)))
    return table


def _compared(pair: Comparison) -> str:
    ratio, difference = pair.subset_fraction_ratio, pair.accuracy_difference
    said = f"{short_version(pair.first)} against {short_version(pair.second)} on the same images"
    said += f": ratio of subset fractions {ratio}"
    return said if difference.value is None else f"{said}; difference in accuracy {difference}"


def _title(model: ModelResult, search: SearchResult) -> str:
    entry = search.search
    return f"{short_version(model.model_version)}: {_how(entry)}"


def _how(search: Mapping[str, Any]) -> str:
    how = f"threshold {search['threshold']:g}, {search['method']}, {search['fill']} fill"
    return f"{how}, for a random other class" if search.get("target_rule") == "random_other" else how


def _table(title: str, findings: Sequence[Finding], version: ModelVersion | None) -> Table:
    table = Table(title=escape(title), title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in RIGHT else "left", overflow="fold")
    for finding in findings[:MOST_ROWS]:
        table.add_row(*(escape(printable(cell)) for cell in _row(finding, version)))
    return table


def _row(finding: Finding, version: ModelVersion | None) -> Iterable[str]:
    subset = finding.subset
    scored = finding.predicted_class is not None
    return (
        finding.item,
        _class_name(finding.label, version),
        _class_name(finding.predicted_class, version),
        f"{finding.confidence:.3f}" if scored else "",
        str(subset.size) if subset else "",
        percent(subset.fraction) if subset else "",
        _notes(finding, version),
    )


def _class_name(index: int | None, version: ModelVersion | None) -> str:
    if index is None:
        return ""
    return version.class_name(index) if version else str(index)


def _notes(finding: Finding, version: ModelVersion | None) -> str:
    descended = [_last_pixels(finding.controls.pixel_subset)] if finding.controls.pixel_subset else []
    if finding.reason:
        return "; ".join([REASONS.get(finding.reason, finding.reason.lower().replace("_", " ")), *descended])
    if finding.baseline_confident:
        return "; ".join(["the bare fill alone suffices", *descended])
    notes = ["nothing smaller found"] if finding.budget_exhausted else []
    return "; ".join([*notes, *_control_notes(finding.controls, version), *descended])


def _last_pixels(found: PixelSubsetFinding) -> str:
    return f"last {found.subset.size} pixels {found.confidence:.2f}, as many random ones {found.random_confidence:.2f}"


def _control_notes(controls: FindingControls, version: ModelVersion | None) -> list[str]:
    notes = []
    targeted = controls.class_targeted
    if targeted:
        notes.append(_other_class(targeted, _class_name(targeted.target_class, version)))
    if controls.fills:
        kept = [fill.fill for fill in controls.fills if fill.sufficient]
        notes.append(f"survives {len(kept)} of {len(controls.fills)} fills" + (f" ({', '.join(kept)})" if kept else ""))
    if controls.fill_robust:
        notes.append(_whatever_elsewhere(controls.fill_robust))
    if controls.variants:
        scored = [f"{VARIANTS.get(one.variant, one.variant)} {one.confidence:.2f}" for one in controls.variants]
        notes.append("confidence " + ", ".join(scored))
    scored_elsewhere = [answer for answer in controls.transfers if not answer.reason]
    if scored_elsewhere:
        with_others = [f"{short_version(one.model_version)} {one.confidence:.2f}" for one in scored_elsewhere]
        notes.append("with " + ", ".join(with_others))
    return notes


def _whatever_elsewhere(robust: FillRobustFinding) -> str:
    if robust.reason:
        return f"whatever stands elsewhere: {REASONS.get(robust.reason, robust.reason.lower().replace('_', ' '))}"
    if robust.budget_exhausted:
        return "whatever stands elsewhere, nothing smaller than the whole suffices"
    return f"{robust.size} pixels suffice whatever stands elsewhere, {number(robust.size_ratio)}x the size"


def _other_class(targeted: ClassTargetedFinding, name: str) -> str:
    if not targeted.found:
        return f"no subset for {name}"
    if targeted.size == 0:
        return f"the bare fill alone suffices for {name}"
    return f"{name} too, at {number(targeted.size_ratio)}x the size"


def headline(search: SearchResult) -> Iterable[str]:
    """What the findings of one version and one search say, in lines."""
    counts = search.counts
    yield (
        f"{counts['images']} images: {counts['eligible']} eligible, {counts['with_subset']} with a subset, "
        f"{counts['baseline_confident']} baseline-confident, {counts['failed']} failed"
    )
    if search.gradient_free:
        yield GRADIENT_FREE
    found = search.measures.get("other_class_found_share")
    if found is not None:
        yield f"images with a subset for a random other class: {found}"
    else:
        rate = search.measure("overinterpretation_rate")
        alpha = rate.parameters.get("alpha", 0.05)
        yield f"overinterpretation rate (a subset of at most {percent(alpha)} of the pixels suffices): {rate}"
    for name, label in (
        ("subset_fraction_median", "median subset fraction"),
        ("accuracy", "accuracy"),
        ("border_share_median", "median border share"),
        ("object_share_median", "median object share"),
        ("shortcut_accuracy_drop", "accuracy that lies beside the object"),
        ("pixel_subsets_accuracy", "accuracy on the last 5% of the pixels"),
        ("pixel_subsets_random_accuracy", "accuracy on a random 5% of the pixels"),
        ("pixel_subsets_whole_accuracy", "accuracy on the whole images that were descended"),
    ):
        measure = search.measure(name)
        if measure.value is not None:
            yield f"{label}: {measure}"
    for reading in search.readings:
        yield f"{reading.control}: {reading.text}"
