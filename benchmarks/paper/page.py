"""docs/reference/paper.md: a pure function of the results. `directions` makes the comparison with the paper."""

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

This page repeats measurements of Carter, Jain, Mueller and Gifford, "Overinterpretation reveals image classification
model pathologies" (NeurIPS 2021). It uses CIFAR-10 test images, two ResNets and their ensemble (the mean of their
logits), all from the folder that `MODICUM_BENCH_DATA` names. `make bench PART=paper` measures and writes it.
`python -m benchmarks --part paper --page-only` writes it again from [paper.json](../../benchmarks/results/paper.json).

The table compares **directions**, not the paper's figures. The paper's networks are different, were trained on more
data, and could not be checked. The interval and the rule in the table decide whether our result agrees. The threshold
is {THRESHOLD:g}, and masked pixels show the mean colour unless a fill is named. Square brackets show 95% intervals:
Wilson for shares, order statistics for medians, bootstrap over images for ratios, and [square and
add](../decisions/0037-paired-differences-square-and-add.md) for paired differences. The differences of networks
trained on descents have bootstrap intervals until that step is run again. Below ten images there is no interval.
The rows of a statement are not independent, because they use the same images.

5% subsets are the 52 of 1,024 pixels that a search chooses for the predicted class, on every image, eligible or not.
The paper uses exact backward selection on CIFAR-10: 524,800 passes an image. This page uses mask_optimization at that
size on many images, and exact backselect on few. batched_gradient, the paper's search for large images, removes k
pixels a step: k = {PAPER_PIXELS_PER_STEP} on some images, and k = {PIXELS_PER_STEP}, at a sixteenth of the passes, on
many. A plain pass verified every subset whose size is given.
"""
STEPS = (
    "choices",
    "chosen_sufficiency",
    "accuracy",
    "correctness",
    "specimens",
    "mitigation",
    "sufficiency",
    "searches",
    "exhaustive",
)
QUICK = "Run with `QUICK=1` on few images. The figures only show that everything runs.\n"
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
    yield from _by_statement(found)
    for each in found:
        if each.outcome is Outcome.DIFFERENT:
            yield f"- **Ours differs**, {each.subject}: {each.instead} ({each.measured})."
    yield ""


def _by_statement(found: Sequence[Direction]) -> Iterator[str]:
    """Each statement once: its rows rest on the same images, so their number does not count."""
    outcomes: dict[str, set[Outcome]] = {}
    for each in found:
        outcomes.setdefault(each.statement, set()).add(each.outcome)
    decided = [rows - {Outcome.OPEN} for rows in outcomes.values()]
    counts = [
        decided.count(rows) for rows in ({Outcome.SAME}, {Outcome.DIFFERENT}, set(Outcome) - {Outcome.OPEN}, set())
    ]
    agree, differ, depend, undecided = counts
    yield (
        "A row is open if the interval contains the limit, or if there is no interval. The rows of a statement use the "
        f"same images, so each statement counts once. Of {len(outcomes)} statements, {agree} agree with the paper in "
        f"every row that is not open, {differ} differ in every such row, {depend} depend on the search or the "
        f"network, and {undecided} are open in every row.\n"
    )


def _runs(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Runs\n"
    seconds = sum(parts[name]["seconds"] for name in STEPS if name in parts)
    yield (
        f"The whole part took {seconds / SECONDS_A_MINUTE:,.0f} minutes. This is the sum of its steps; cached work "
        "counts with the time that it took when it was made. Exact backselect on the images of the reference is not "
        "included. A load above the number of cores means that the machine was also doing other work.\n"
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
