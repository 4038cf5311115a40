"""The load's budgets and tables in Markdown: pure functions of the results."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import FLAT, met, table

FAIR = 0.9
"""Fair is a run in which each project had ended this share of what was its due."""


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budgets: nothing lost, nothing doubled, every watch ended, projects in turn, memory flat."""
    if part is None:
        return
    first, last = part["runs"]
    count, watches = f"{last['audits']:,}", f"{last['watches']:,}"
    astray = last["lost"] + last["doubled"] + last["acknowledged"] - last["succeeded"]
    figures = f"{last['lost']} lost, {last['doubled']} doubled, {last['succeeded']:,} succeeded"
    yield f"{count} audits queued at once", "none lost, none doubled, all succeed", figures, met(astray == 0)
    watched = last["watched"]
    yield (
        f"{watches} watches of {count} audits",
        "all see the end, no sequence goes back",
        f"{watched['ended']:,} saw it, {watched['backwards']} went back",
        met(watched["ended"] == last["watches"] and not watched["backwards"]),
    )
    share = last["fairness"]["share"]
    yield (
        f"turns of three projects, {count} audits",
        f"at least {FAIR:g} of what was due",
        f"{share:.2f}",
        met(share >= FAIR),
    )
    for name, growth in sorted(part["growth"].items()):
        what = f"memory of the {name}, {count} over {first['audits']:,} audits"
        yield what, f"flat (at most {FLAT:.2f})", f"{growth:.2f}", met(growth <= FLAT)


def load(part: dict[str, Any]) -> Iterator[str]:
    """Both runs side by side, then fairness, calls and memory of the large one."""
    last = part["runs"][-1]
    yield (
        f"Three projects create audits of one image each ({part['model']}, {part['passes']} passes) while no worker "
        "runs, the largest project first. Each audit has its own seed, so no stored result can be reused. Then "
        f"{part['slots']} slots of one thread run them, under {last['watches']:,} watches and sequential calls of "
        "every kind. One server makes both runs, the small one first:\n"
    )
    yield from table(("", *(f"{run['audits']:,} audits" for run in part["runs"])), _outcomes(part["runs"]))
    yield from _fairness(last)
    yield from _calls(last)
    yield from _memory(part)


def _outcomes(runs: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for word in ("acknowledged", "ended", "succeeded", "lost", "doubled"):
        yield word, *(f"{run[word]:,}" for run in runs)
    yield "seconds to create them, 8 at once", *(f"{run['order_seconds']:,}" for run in runs)
    yield "seconds from the worker's start to the last end", *(f"{run['seconds']:,}" for run in runs)
    yield "audits a second", *(f"{run['audits_per_second']:g}" for run in runs)
    for quantile in ("median", "p99"):
        yield (
            f"seconds from creation to end, {quantile}",
            *(f"{run['order_to_end_seconds'][quantile]:,}" for run in runs),
        )
    yield "watches attached", *(f"{run['watched']['attached']:,}" for run in runs)
    yield "events delivered", *(f"{run['watched']['events']:,}" for run in runs)
    yield "watches that saw the end", *(f"{run['watched']['ended']:,}" for run in runs)


def _fairness(run: dict[str, Any]) -> Iterator[str]:
    fairness = run["fairness"]
    yield (
        "Projects take turns while they have work queued. So when a third of the largest project's audits had ended, "
        "each other project should have had as many audits end, or all of its own:\n"
    )
    yield from table(
        ("project", "created", "due", "ended by then"),
        [
            (project, f"{requested:,}", f"{fairness['due'][project]:,}", f"{fairness['ended'][project]:,}")
            for project, requested in fairness["ordered"].items()
        ],
    )


def _calls(run: dict[str, Any]) -> Iterator[str]:
    yield f"Calls while the {run['audits']:,} audits were created (CreateAudit) and ran (all others):\n"
    yield from table(
        ("method", "calls", "median", "p99"),
        [
            (method, f"{figures['calls']:,}", f"{figures['p50_ms']:,} ms", f"{figures['p99_ms']:,} ms")
            for method, figures in run["calls"].items()
        ],
    )


def _memory(part: dict[str, Any]) -> Iterator[str]:
    first, last = part["runs"]
    yield f"Peak resident memory, under {last['watches']:,} watches in both runs:\n"
    yield from table(
        ("process", f"{first['audits']:,} audits", f"{last['audits']:,} audits", "growth"),
        [
            (
                name,
                *(f"{run['peak_mib'][name]:.0f} MiB" for run in part["runs"]),
                f"**{growth:.2f}**",
            )
            for name, growth in sorted(part["growth"].items())
        ],
    )
