"""Tables of the page, in Markdown; pure functions of the results. Words of what was met and what was not stand here."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.intervals import paired_ratio

TIME_BUDGET = 1.10
START_BUDGET_SECONDS = 10.0
FLAT = 1.25
"""Memory counts as flat while the large audit's peak stays below this multiple of the small one's."""
GRADIENT_BUDGETS = (("EfficientNet", 5.0), ("CIFAR-10", 4.0))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, and the empty line after it."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def budgets(parts: dict[str, Any]) -> Iterator[str]:
    """What this project holds itself to, and what was measured."""
    yield from table(("what", "budget", "measured", ""), [*_gradient_budgets(parts), *_time_budgets(parts)])


def sizes(subject: dict[str, Any]) -> Iterator[str]:
    """Mean sizes and passes of every contender."""
    yield (
        f"### {subject['name']}, threshold {subject['threshold']:g}\n\n"
        f"{subject['pictures']}; n = {subject['n']}, the first that are eligible and not baseline-confident of "
        f"{subject['looked_at']} looked at; {subject['pixels']:,} pixels. Ordered by passes.\n"
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


def ratios(subject: dict[str, Any]) -> Iterator[str]:
    """How many times larger the others' subsets are, image by image."""
    yield (
        "Others over mask_optimization on the same images, geometric mean of the sizes' ratio; above 1 theirs are "
        "larger. Where a search's cost is its own, mask_optimization stands with the largest budget below it, or "
        "with its smallest.\n"
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
    """mask_optimization against exact backselect, where the reference was made."""
    yield "### Exact backselect\n"
    if reference is None:
        yield (
            "No reference yet: it takes 524,800 passes an image, about five minutes each on two cores. "
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
        "The bare loop (`find_subsets`, mask_optimization) against as many raw passes of the model at its best batch "
        "size:\n"
    )
    yield from table(
        ("model", "images", "forward / backward passes", "loop", "raw passes", "ratio"),
        [
            (
                row["name"],
                str(row["n"]),
                f"{row['forward']:,} / {row['backward']:,}",
                f"{row['loop_seconds']:.1f} s",
                f"{row['raw_seconds']:.1f} s",
                f"**{row['ratio']:.2f}**",
            )
            for row in rows
        ],
    )


def service(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The whole service over the bare loop."""
    yield (
        "A whole audit through API, queue, TorchServe and Postgres, from the order to the result in the client's "
        "hands, no stored answer reused, against the bare loop on the same images (before and after it). The start is "
        "from nothing to a checked model:\n"
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
    """Peaks of both audits."""
    few, most = part["runs"]
    yield (
        f"Peak resident memory while a data set of random {part['side']}x{part['side']} images is uploaded, audited "
        f"and reported ({part['model']}, untrained; one server, the small audit first). The model process works on up "
        f"to {part['chunk']:,} of them together, so that {few['images']:,} do not fill it:\n"
    )
    yield from table(
        ("process", *(f"{run['images']:,} images ({run['searched']:,} searched)" for run in (few, most)), "ratio"),
        [
            (name, f"{few['peak_mib'][name]:.0f} MiB", f"{most['peak_mib'][name]:.0f} MiB", f"**{growth:.2f}**")
            for name, growth in sorted(part["growth"].items())
        ],
    )


def _gradient_budgets(parts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for subject in parts.get("search", {}).get("subjects", []):
        least = next((times for start, times in GRADIENT_BUDGETS if subject["name"].startswith(start)), None)
        for row in subject["ratios"]:
            if row["method"] == "batched_gradient" and row["equal_passes"] and least is not None:
                what = f"batched_gradient's subsets over ours at {row['ours_passes']:,.0f} passes, {subject['name']}"
                yield (
                    what,
                    f"at least {least:g}",
                    _ratio(row["ratio"]),
                    _met(row["ratio"]["value"] >= least),
                )


def _time_budgets(parts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    service_part = parts.get("service", {"loop": {"rows": []}, "service": {"rows": []}})
    for row in service_part["loop"]["rows"]:
        what = f"bare loop over raw passes, {row['name']}"
        yield what, f"at most {TIME_BUDGET:.2f}", f"{row['ratio']:.2f}", _met(row["ratio"] <= TIME_BUDGET)
    for row in service_part["service"]["rows"]:
        what = f"whole audit over bare loop, {row['name']}"
        yield what, f"at most {TIME_BUDGET:.2f}", f"{row['ratio']:.2f}", _met(row["ratio"] <= TIME_BUDGET)
        seconds = row["start_seconds"]
        start = f"at most {START_BUDGET_SECONDS:g} s"
        yield f"start, {row['name']}", start, f"{seconds:.1f} s", _met(seconds <= START_BUDGET_SECONDS)
    for name, growth in sorted(parts.get("memory", {}).get("growth", {}).items()):
        runs = parts["memory"]["runs"]
        what = f"memory of the {name}, {runs[1]['images']:,} over {runs[0]['images']:,} images"
        yield what, f"flat (at most {FLAT:.2f})", f"{growth:.2f}", _met(growth <= FLAT)


def _against_exact(subject: dict[str, Any], reference: dict[str, Any]) -> list[tuple[str, ...]]:
    places = [place for place, digest in enumerate(subject["digests"]) if digest in reference["sizes"]]
    theirs = [reference["sizes"][subject["digests"][place]] for place in places]
    found: list[tuple[str, ...]] = []
    for row in subject["rows"]:
        if row["method"] == "mask_optimization" and places:
            ratio = paired_ratio([row["sizes"][place] for place in places], theirs)
            share = row["passes_mean"] / reference["passes"]
            spread = _spread({"low": ratio.low, "high": ratio.high, "least": ratio.least, "greatest": ratio.greatest})
            figures = (f"{row['passes_mean']:,.0f}", f"1/{1 / share:,.0f}", str(len(places)))
            found.append((*figures, f"**{ratio.value:.2f}** {spread}"))
    return found


def _ratio(ratio: dict[str, Any]) -> str:
    return f"**{ratio['value']:.2f}** {_spread(ratio)}"


def _spread(estimate: dict[str, Any], form: str = ".2f") -> str:
    if estimate["low"] is not None:
        return f"[{estimate['low']:{form}}, {estimate['high']:{form}}]"
    return f"({estimate['least']:{form}} to {estimate['greatest']:{form}})"


def _met(holds: bool) -> str:  # noqa: FBT001  one value, one word
    return "met" if holds else "not met"
