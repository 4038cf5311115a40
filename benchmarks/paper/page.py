"""docs/reference/paper.md: a pure function of the results. Measures nothing; `directions` compares with the paper."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.paper import pictures, sections
from benchmarks.paper.directions import Direction, Outcome, directions
from benchmarks.paper.extent import PAPER_PIXELS_PER_STEP, PIXELS_PER_STEP, THRESHOLD
from benchmarks.paper.sections import NOT_YET, is_quick
from benchmarks.prose import wrapped
from benchmarks.tables import table

PAGE = Path("docs") / "reference" / "paper.md"
INTRODUCTION = f"""# The paper's table

Written by `make bench PART=paper` from [paper.json](../../benchmarks/results/paper.json) (`python -m benchmarks --part
paper --page-only` writes it anew). What Carter, Jain, Mueller and Gifford report in "Overinterpretation reveals image
classification model pathologies" (NeurIPS 2021), tried again on CIFAR-10 test images, two ResNets and their ensemble
(the mean of their logits), all from the folder that `MODICUM_BENCH_DATA` names.

The paper's **direction** stands beside each result, not its figures: its networks are other ones, trained on more, and
could not be checked. Whether ours agrees is decided by the interval and the rule in the table, not by hand. A threshold
of {THRESHOLD:g}, masked pixels in the mean colour unless a fill is named. Square brackets hold 95% intervals (shares:
Wilson; medians: order statistics; differences and ratios, paired by image: bootstrap); below ten images there is none.
The outcomes are not independent: searches and thresholds ask the same images again.

5% subsets are the 52 of 1,024 pixels that batched_gradient leaves when it argues for the predicted class, on every
image, eligible or not. It removes k pixels a step: k = {PAPER_PIXELS_PER_STEP} in the paper, and here on some images;
k = {PIXELS_PER_STEP}, at a sixteenth of the passes, on many. Every size is that of a subset that a plain pass verified.
"""
STEPS = ("accuracy", "correctness", "specimens", "mitigation", "sufficiency", "searches", "exhaustive")
QUICK = "Run with `QUICK=1`: few images; the figures show only that everything runs.\n"
SECONDS_A_MINUTE = 60


def write_page(results: Mapping[str, Any], into: Path) -> None:
    """Write the page and its pictures below the folder `into`."""
    pictures.draw_all(results["parts"], into)
    page = into / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(results), encoding="utf-8")


def page_text(results: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    parts = results["parts"]
    lines = [INTRODUCTION]
    if any(map(is_quick, parts.values())):
        lines.append(QUICK)
    lines += [*_agreement(list(directions(parts))), *sections.all_sections(parts), *_runs(parts)]
    return wrapped("\n".join(lines).rstrip()) + "\n"


def _agreement(found: Sequence[Direction]) -> Iterator[str]:
    yield "## Against the paper\n"
    if not found:
        yield NOT_YET
        return
    rows = [(each.statement, each.subject, each.rule, each.measured, each.outcome) for each in found]
    yield from table(("the paper", "here", "rule", "measured", ""), rows)
    counts = {outcome: sum(each.outcome is outcome for each in found) for outcome in Outcome}
    yield (
        f"Of {len(found)} comparisons, {counts[Outcome.SAME]} come out as in the paper, {counts[Outcome.DIFFERENT]} do "
        f"not, and {counts[Outcome.OPEN]} are open: the interval holds the rule's limit, or there is none.\n"
    )
    for each in found:
        if each.outcome is Outcome.DIFFERENT:
            yield f"- **Ours differs**, {each.subject}: {each.instead} ({each.measured})."
    yield ""


def _runs(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Runs\n"
    seconds = sum(parts[name]["seconds"] for name in STEPS if name in parts)
    yield (
        f"The whole part took {seconds / SECONDS_A_MINUTE:,.0f} minutes: the sum of its steps, where what the cache "
        "kept counts as it took when it was made. Not in it: exact backselect on the images of the reference. "
        "A load above the number of cores says that others used the machine at the same time.\n"
    )
    yield from table(
        ("step", "date", "extent", "seconds", "machine", "torch threads", "load before", "torch"),
        [(name, *_run(parts[name])) for name in STEPS if name in parts],
    )


def _run(part: Mapping[str, Any]) -> tuple[str, ...]:
    taken, seconds = part["taken"], f"{part['seconds']:,.0f}"
    machine = f"{taken['processor']}, {taken['cores']} cores, passes on {taken['device']}"
    extent = "quick" if taken["quick"] else "full"
    load, threads = f"{taken['load_before']:g}", str(taken["torch_threads"])
    return (taken["date"], extent, seconds, machine, threads, load, taken["versions"]["torch"])
