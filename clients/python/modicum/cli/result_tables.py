"""Results as tables: a row for each finding, then the measures and readings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rich.console import Console

from modicum.cli.comparisons import compared, lower_first, matrices, search_text
from modicum.cli.consoles import print_text
from modicum.cli.counterfactuals import show_counterfactuals
from modicum.cli.measure_tables import classes_table, measures_table
from modicum.cli.tables import Column, Grid, print_grid
from modicum.comparisons import CheckedVersion, Mitigation
from modicum.findings import ClassTargetedFinding, FillRobustFinding, Finding, FindingControls, PixelSubsetFinding
from modicum.gate.numbers import exact_percent, number, percent
from modicum.reasons import reason_text
from modicum.resource_names import last_part, printable, short_version
from modicum.results import ModelResult, Result, SearchResult
from modicum.versions import ModelVersion

#: Rows of a table. The reports have all of them.
MOST_ROWS = 60
#: Changed subsets, in a few words.
VARIANTS = {
    "dilated": "dilated",
    "white_on_mean": "as white shape",
    "black_on_mean": "as black shape",
    "random": "of random pixels",
    "ring_filled": "without its ring",
    "band_filled": "without a band inside",
    "outside_filled": "of its objects alone",
    "objects_filled": "without its objects",
}
COLUMNS = (
    Column("image", prose=True),
    Column("label", prose=True),
    Column("prediction", prose=True),
    Column("confidence", number=True),
    Column("subset size", number=True),
    Column("subset fraction", number=True),
    Column("controls", prose=True),
)

GRADIENT_FREE = (
    "no useful gradient: searched with forward passes only, which finds larger subsets than a search with gradients"
)


def show_result(console: Console, result: Result, versions: Mapping[str, ModelVersion]) -> None:
    """Print the findings and measures of every model. `versions`, by resource name, have the names of the classes."""
    for sentence in result.document.get("deleted", ()):
        print_text(console, sentence)
    for model in result.models:
        _show_model(console, result, model, versions.get(model.model_version))
    show_counterfactuals(console, result)
    for matrix in matrices(result):
        print_grid(console, matrix)
    for pair in result.comparisons:
        print_text(console, compared(pair, result))
    for check in result.mitigation:
        for line in mitigation_lines(check, result.called):
            print_text(console, line)


def _show_model(console: Console, result: Result, model: ModelResult, version: ModelVersion | None) -> None:
    """Print the summary of a model, and each of its searches."""
    if model.summary:
        print_text(console, " ".join(model.summary))
        console.print()
    for index, search in enumerate(model.searches):
        findings = [
            finding
            for finding in result.findings
            if finding.model_version == model.model_version and finding.search_index == index
        ]
        title = f"{result.called(model.model_version)}: {search_text(search.search)}"
        print_grid(console, _table(title, findings, version))
        for line in headline(search):
            print_text(console, line)
        print_grid(console, measures_table(search))
        classes = classes_table(search, partial(_class_name, version=version))
        if classes is not None:
            print_grid(console, classes)
        console.print()


def mitigation_lines(check: Mitigation, called: Callable[[str], str] = short_version) -> Iterable[str]:
    """The result of an ensemble mitigation check in lines, the verdict first."""
    names = ", ".join(map(called, check.members))
    stamp = f" ({check.stamp})" if check.stamp else ""
    yield f"{check.verdict}{stamp}: {called(check.ensemble)} against its members {names}"
    for reason in check.reasons:
        yield f"  {reason}"
    for caution in check.cautions:
        yield f"  caution: {caution}"
    for measure in check.measures.values():
        yield f"  {lower_first(measure.title)}: {measure}"
    ratio, accuracy = check.limits["ratio"], check.limits["accuracy_difference"]
    yield f"  limits: ratios above {ratio:g}, accuracy above {accuracy:g}{_level(check)}"
    if check.out_of_distribution:
        second = check.out_of_distribution
        counted = f"{second['used']} of {second['labelled']} labelled images have a prediction by every version"
        yield f"  out-of-distribution data set {last_part(second['dataset'])}: {counted}"
    if check.temperatures:
        used = ", ".join(f"{called(name)} {number(value)}" for name, value in check.temperatures.items())
        yield f"  matched temperatures: {used}"
    for name, images in check.matched_eligibility.items():
        eligible = f"{images['member']} of {images['scored_by_both']} images are eligible"
        yield f"  {called(name)} at its matched temperature: {eligible}, {images['ensemble']} with the ensemble"
    for name, version in check.versions.items():
        yield f"  {called(name)}: {_beside(version)}"
    if check.latency_ratio is not None:
        times = number(check.latency_ratio)
        yield f"  a pass of the ensemble took {times} times as long as a pass of a member on average, when registered"


def _level(check: Mitigation) -> str:
    levels = {measure.level for measure in check.measures.values() if measure.method}
    return f", with {exact_percent(levels.pop())} intervals" if len(levels) == 1 else ""


def _beside(version: CheckedVersion) -> str:
    rate, accuracy, second = version.overinterpretation_rate, version.accuracy, version.ood_accuracy
    outside = "" if second is None else f", on out-of-distribution images {second}"
    passes = "1 plain pass" if version.plain_passes == 1 else f"{version.plain_passes} plain passes"
    timed = f"{number(version.pass_milliseconds)} ms {version.timed}" if version.pass_milliseconds else "not timed"
    return f"overinterpretation rate {rate}, accuracy {accuracy}{outside}; one pass costs {passes}, {timed}"


def _table(title: str, findings: Sequence[Finding], version: ModelVersion | None) -> Grid:
    shown, more = findings[:MOST_ROWS], len(findings) - MOST_ROWS
    return Grid(
        title=title,
        columns=COLUMNS,
        rows=[[printable(cell) for cell in _row(finding, version)] for finding in shown],
        caption=f"... and {more} more images; the report has all (--output FILE)" if more > 0 else "",
    )


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
    chosen = [_chosen_pixels(finding.controls.pixel_subset)] if finding.controls.pixel_subset else []
    if finding.reason:
        return "; ".join([reason_text(finding.reason), *chosen])
    if finding.baseline_confident:
        return "; ".join(["the bare fill alone is sufficient", *chosen])
    notes = ["no smaller subset found"] if finding.budget_exhausted else []
    return "; ".join([*notes, *_control_notes(finding.controls, version), *chosen])


def _chosen_pixels(found: PixelSubsetFinding) -> str:
    chosen, random = f"{found.confidence:.2f}", f"{found.random_confidence:.2f}"
    return f"confidence on the chosen {found.subset.size} pixels {chosen}, on as many random ones {random}"


def _control_notes(controls: FindingControls, version: ModelVersion | None) -> list[str]:
    notes = []
    targeted = controls.class_targeted
    if targeted:
        notes.append(_other_class(targeted, _class_name(targeted.target_class, version)))
    if controls.fills:
        kept = [fill.fill for fill in controls.fills if fill.sufficient]
        names = f" ({', '.join(kept)})" if kept else ""
        notes.append(f"sufficient with {len(kept)} of {len(controls.fills)} fills{names}")
    if controls.fill_robust:
        notes.append(_with_other_images(controls.fill_robust))
    if controls.variants:
        scored = [f"{VARIANTS.get(one.variant, one.variant)} {one.confidence:.2f}" for one in controls.variants]
        notes.append("confidence " + ", ".join(scored))
    scored_elsewhere = [one for one in controls.transfers if not one.reason]
    if scored_elsewhere:
        with_others = [f"{short_version(one.model_version)} {one.confidence:.2f}" for one in scored_elsewhere]
        notes.append("confidence in " + ", ".join(with_others))
    return notes


def _with_other_images(robust: FillRobustFinding) -> str:
    if robust.reason:
        return f"with other images as the fill: {reason_text(robust.reason)}"
    if robust.budget_exhausted:
        return "with other images as the fill, only the whole image is sufficient"
    held = f"{robust.sufficient_donors} of {robust.verifying_donors} other images as the fill"
    return f"{robust.size} pixels are sufficient with {held}, {number(robust.size_ratio)}x the size"


def _other_class(targeted: ClassTargetedFinding, name: str) -> str:
    if not targeted.found:
        return f"no subset for {name}"
    if targeted.size == 0:
        return f"the bare fill alone is sufficient for {name}"
    return f"also a subset for {name}, at {number(targeted.size_ratio)}x the size"


def headline(search: SearchResult) -> Iterable[str]:
    """The first lines about the findings of one version and one search."""
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
        few = exact_percent(rate.parameters.get("alpha", 0.05))
        yield f"overinterpretation rate (a subset of at most {few} of the pixels is sufficient): {rate}"
    for reading in search.readings:
        yield f"{reading.control}: {reading.text}"
