"""Tables of the page in Markdown: pure functions of the results. They also say which budgets were met."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.contenders import GRADIENT, OURS, PAPER
from benchmarks.intervals import Estimate, paired_ratio

TIME_BUDGET = 1.10
START_BUDGET_SECONDS = 10.0
FLAT = 1.25
"""Memory counts as flat while the large audit's peak stays below this multiple of the small one's."""
GRADIENT_BUDGETS = (("EfficientNet", 5.0), ("CIFAR-10", 4.0))
"""How many times larger batched_gradient's subsets are at equal passes, by the start of a subject's name."""
HALF_PASSES_AIM = 20.0
"""The same for EfficientNet, batched_gradient as the paper runs it against ours at half its passes."""
NO_LARGER, EXACT_AIM = 1.0, 0.75
"""Our sizes over those of exact backselect: with a hundredth of its passes at most, and with a thousandth."""
HUNDREDTH, THOUSANDTH = 100, 1000
SETTLED = frozenset({"model process"})
"""Parts that work on more images at once than the smallest audit has: theirs is the growth from the next one on."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, followed by an empty line."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def budgets(
    parts: dict[str, Any], reference: dict[str, Any] | None, further: Iterable[tuple[str, ...]] = ()
) -> Iterator[str]:
    """The budgets and aims of this project, and what was measured. `reference` is that of exact backselect."""
    subjects = parts.get("search", {}).get("subjects", [])
    searched = [*_gradient_budgets(subjects), *_half_passes_aim(subjects), *_exact_budgets(subjects, reference)]
    yield from table(
        ("what", "budget", "measured", ""), [*searched, *_time_budgets(parts), *_memory_budgets(parts), *further]
    )


def met(holds: bool) -> str:  # noqa: FBT001  one value, one word
    """How the page says whether a budget was met."""
    return "met" if holds else "not met"


def sizes(subject: dict[str, Any]) -> Iterator[str]:
    """Mean sizes and passes of every contender."""
    yield (
        f"### {subject['name']}, threshold {subject['threshold']:g}\n\n"
        f"{subject['pictures']} of {subject['pixels']:,} pixels. n = {subject['n']}: the first images that are "
        f"eligible and not baseline-confident, of {subject['looked_at']} tried. Rows are ordered by passes.\n"
    )
    rows = sorted(subject["rows"], key=lambda row: (float(row["passes_mean"]), str(row["method"])))
    yield from table(
        ("search", "setting", "passes an image", "mean subset, pixels", "share of the pixels"),
        [
            (
                row["method"],
                row["setting"],
                f"{row['passes_mean']:,.0f}",
                f"{row['size']['value']:,.1f} {_spread(row['size'], ',.0f')}",
                f"{row['size']['value'] / subject['pixels']:.2%}",
            )
            for row in rows
        ],
    )
    for method, date in sorted({(row["method"], row["date"]) for row in rows if "date" in row}):
        yield f"{method} was measured again on {date}, beside mask_optimization, which found the same subsets.\n"


def ratios(subject: dict[str, Any]) -> Iterator[str]:
    """How many times larger the others' subsets are, image by image."""
    yield (
        "Geometric mean of the ratio of sizes on the same images, other search / mask_optimization. Above 1, the "
        "other search's subsets are larger. Some searches fix their own cost; they are compared with "
        "mask_optimization at its largest budget below that cost, or at its smallest.\n"
    )
    yield from table(
        ("search", "setting", "its passes", "passes of mask_optimization", "ratio"),
        [
            (
                row["method"],
                row["setting"],
                f"{row['passes']:,.0f}",
                f"{row['ours_passes']:,.0f}",
                _ratio(row["ratio"]),
            )
            for row in subject["ratios"]
        ],
    )


def exact(subjects: Sequence[dict[str, Any]], reference: dict[str, Any] | None) -> Iterator[str]:
    """mask_optimization against exact backselect, if the reference exists."""
    yield "### Exact backselect\n"
    if reference is None:
        yield (
            "There is no reference yet. It takes 524,800 passes an image, about five minutes each on two cores. "
            "`python -m benchmarks.exact` makes it."
        )
        return
    subject = next((each for each in subjects if each["name"] == reference["name"]), None)
    found = _against_exact(subject, reference) if subject else []
    yield f"{reference['passes']:,} passes an image (`{reference['command']}`, {reference['taken']['date']}).\n"
    yield from table(("passes of mask_optimization", "its share of the passes", "n", "its size over exact"), found)


def loop(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The bare loop over raw passes."""
    yield (
        "The bare loop is `find_subsets` with mask_optimization. It is compared with as many raw passes of the plain "
        "model at its best batch size. The same loop without acceleration (`accelerate=False`) shows what the loop "
        "itself costs:\n"
    )
    yield from table(
        ("model", "images", "forward / backward passes", "loop", "raw passes", "ratio", "ratio without acceleration"),
        [
            (
                row["name"],
                str(row["n"]),
                f"{row['forward']:,} / {row['backward']:,}",
                f"{row['loop_seconds']:.1f} s",
                f"{row['raw_seconds']:.1f} s",
                f"**{row['ratio']:.2f}**",
                f"{row['plain_ratio']:.2f}" if "plain_ratio" in row else "not measured",
            )
            for row in rows
        ],
    )


def service(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The whole service over the bare loop."""
    yield (
        "A whole audit runs through API, queue, TorchServe and Postgres, from the call to the result at the client, "
        "and reuses no stored result. It is compared with the bare loop on the same images, run before and after it. "
        "The start is the time from nothing to a checked model:\n"
    )
    yield from table(
        ("model", "images", "passes an image", "audit", "bare loop", "ratio", "start", "mean subset, service / loop"),
        [
            (
                row["name"],
                str(row["n"]),
                f"{row['passes']:,}",
                f"{row['service_seconds']:.1f} s",
                " and ".join(f"{seconds:.1f} s" for seconds in row["loop_seconds"]),
                f"**{row['ratio']:.2f}**",
                f"{row['start_seconds']:.1f} s",
                f"{row['mean_size_service']:.1f} / {row['mean_size_loop']:.1f}",
            )
            for row in rows
        ],
    )


def memory(part: dict[str, Any]) -> Iterator[str]:
    """Peaks of all audits, the growth over the first, and over the second."""
    runs = part["runs"]
    counts = [f"{run['images']:,}" for run in runs]
    yield (
        f"Peak resident memory while a data set of random {part['side']}x{part['side']} images is uploaded, audited "
        f"and reported ({part['model']}, untrained; one server, the smallest audit first). The model process works on "
        f"up to {part['chunk']:,} images together. {counts[0]} images do not fill it, so only its growth from "
        f"{counts[1]} images on counts.\n"
    )
    over = (f"{counts[-1]} over {counts[0]}", f"{counts[-1]} over {counts[1]}")
    yield from table(
        ("process", *(f"{run['images']:,} images ({run['searched']:,} searched)" for run in runs), *over),
        [
            (
                name,
                *(f"{run['peak_mib'][name]:.0f} MiB" for run in runs),
                *_growths(growth, part["settled_growth"][name], settled=name in SETTLED),
            )
            for name, growth in sorted(part["growth"].items())
        ],
    )


def _gradient_budgets(subjects: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for subject in subjects:
        least = next((times for start, times in GRADIENT_BUDGETS if subject["name"].startswith(start)), None)
        for row in subject["ratios"]:
            if row["method"] == GRADIENT and row["equal_passes"] and least is not None:
                what = f"batched_gradient's subsets over ours at {row['ours_passes']:,.0f} passes, {subject['name']}"
                yield (
                    what,
                    f"at least {least:g}",
                    _ratio(row["ratio"]),
                    met(row["ratio"]["value"] >= least),
                )


def _half_passes_aim(subjects: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """batched_gradient as in the paper on photographs, against our largest budget of at most half its passes."""
    for subject in subjects:
        theirs = [row for row in subject["rows"] if row["method"] == GRADIENT and row["setting"].endswith(PAPER)]
        if not subject["name"].startswith("EfficientNet") or not theirs:
            continue
        (paper,) = theirs
        if (ours := _largest_within(subject, paper["passes_mean"] / 2)) is None:
            continue
        ratio = paired_ratio(paper["sizes"], ours["sizes"])
        passes = f"at {ours['passes_mean']:,.0f} of its {paper['passes_mean']:,.0f} passes"
        yield (
            f"batched_gradient's subsets ({paper['setting']}) over ours {passes}, {subject['name']}",
            f"aim: at least {HALF_PASSES_AIM:g}",
            _ratio(asdict(ratio)),
            met(ratio.value >= HALF_PASSES_AIM),
        )


def _exact_budgets(subjects: Sequence[dict[str, Any]], reference: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Our sizes over exact backselect's on the reference's images, at a hundredth and a thousandth of its passes."""
    subject = next((each for each in subjects if reference and each["name"] == reference["name"]), None)
    if subject is None or reference is None:
        return
    for share, most, word in ((HUNDREDTH, NO_LARGER, ""), (THOUSANDTH, EXACT_AIM, "aim: ")):
        ours = _largest_within(subject, reference["passes"] / share)
        if ours is None or (ratio := _over_exact(ours, subject, reference)) is None:
            continue
        what = f"ours at {ours['passes_mean']:,.0f} passes over exact backselect at {reference['passes']:,}"
        measured = f"{_ratio(asdict(ratio))}, n = {ratio.n}"
        yield f"{what}, {subject['name']}", f"{word}at most {most:g}", measured, met(ratio.value <= most)


def _largest_within(subject: dict[str, Any], passes: float) -> dict[str, Any] | None:
    """Our row with the most passes, among those with at most this many per image."""
    within = [row for row in subject["rows"] if row["method"] == OURS and row["passes_mean"] <= passes]
    return max(within, key=lambda row: float(row["passes_mean"]), default=None)


def _time_budgets(parts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    service_part = parts.get("service", {"loop": {"rows": []}, "service": {"rows": []}})
    for row in service_part["loop"]["rows"]:
        what = f"bare loop over raw passes, {row['name']}"
        yield what, f"at most {TIME_BUDGET:.2f}", f"{row['ratio']:.2f}", met(row["ratio"] <= TIME_BUDGET)
    for row in service_part["service"]["rows"]:
        what = f"whole audit over bare loop, {row['name']}"
        yield what, f"at most {TIME_BUDGET:.2f}", f"{row['ratio']:.2f}", met(row["ratio"] <= TIME_BUDGET)
        seconds = row["start_seconds"]
        start = f"at most {START_BUDGET_SECONDS:g} s"
        yield f"start, {row['name']}", start, f"{seconds:.1f} s", met(seconds <= START_BUDGET_SECONDS)


def _memory_budgets(parts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    part = parts.get("memory", {"growth": {}})
    for name in sorted(part["growth"]):
        first, second, last = (run["images"] for run in part["runs"])
        growth, before = (part["settled_growth"], second) if name in SETTLED else (part["growth"], first)
        what = f"memory of the {name}, {last:,} over {before:,} images"
        yield what, f"flat (at most {FLAT:.2f})", f"{growth[name]:.2f}", met(growth[name] <= FLAT)


def _against_exact(subject: dict[str, Any], reference: dict[str, Any]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for row in subject["rows"]:
        ratio = _over_exact(row, subject, reference) if row["method"] == OURS else None
        if ratio is not None:
            share = reference["passes"] / row["passes_mean"]
            found.append((f"{row['passes_mean']:,.0f}", f"1/{share:,.0f}", str(ratio.n), _ratio(asdict(ratio))))
    return found


def _over_exact(row: dict[str, Any], subject: dict[str, Any], reference: dict[str, Any]) -> Estimate | None:
    """A row's sizes over the reference's on the images that both have, or None if there are none."""
    places = [place for place, digest in enumerate(subject["digests"]) if digest in reference["sizes"]]
    if not places:
        return None
    theirs = [reference["sizes"][subject["digests"][place]] for place in places]
    return paired_ratio([row["sizes"][place] for place in places], theirs)


def _growths(growth: float, settled_growth: float, *, settled: bool) -> tuple[str, str]:
    """Both growths. The one that counts is bold."""
    first, second = f"{growth:.2f}", f"{settled_growth:.2f}"
    return (first, f"**{second}**") if settled else (f"**{first}**", second)


def _ratio(ratio: dict[str, Any]) -> str:
    return f"**{ratio['value']:.2f}** {_spread(ratio)}"


def _spread(estimate: dict[str, Any], form: str = ".2f") -> str:
    if estimate["low"] is not None:
        return f"[{estimate['low']:{form}}, {estimate['high']:{form}}]"
    return f"({estimate['least']:{form}} to {estimate['greatest']:{form}})"
