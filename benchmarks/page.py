"""The committed page: a pure function of the results and of the exact reference. It measures nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import (
    arithmetic_tables,
    growth_tables,
    hashing_tables,
    load_tables,
    report_tables,
    tables,
    trust_tables,
    upload_tables,
)
from benchmarks.attack import hour_picture, hour_tables
from benchmarks.attack import tables as attack_tables
from benchmarks.gate import tables as gate_tables
from benchmarks.picture import draw
from benchmarks.planted import tables as planted_tables
from benchmarks.planted.forward import forward_table
from benchmarks.planted.object_tables import spots_among_objects
from benchmarks.planted.run import KeptRows
from benchmarks.planted.weak_tables import weak_cues
from benchmarks.prose import wrapped

PAGE = Path("docs") / "reference" / "benchmarks.md"
PICTURE = Path("docs") / "images" / "benchmarks-search.png"
INTRODUCTION = """# Benchmarks

`make bench` writes this page. It measures on the machine where it runs.
`PART=search|service|arithmetic|memory|load|growth|attack|report|upload|hashing|trust|gate` runs one part, and
`QUICK=1` takes fewer images and budgets. `PART=paper` writes [its own page](paper.md). `PART=attack-hour MINUTES=60`
attacks for 60 minutes, and needs nginx. It runs only if you name it.
`MODICUM_BENCH_DATA` names the folder of outside data: `cifar10-test-1k/`, `cifar_resnet20.safetensors`,
`cifar_resnet32.safetensors`. All figures are in [benchmarks.json](../../benchmarks/results/benchmarks.json).

Each figure is a ratio to a reference in the same run, on the same images. A forward pass counts as 1 pass-equivalent, a
backward pass as 2. Square brackets hold 95% intervals (bootstrap over images, 10,000 resamples). Below ten images there
is no interval, and round brackets hold the lowest and the highest value instead. A plain float32 pass verified every
subset.
"""
NO_ROWS = KeptRows()
NOT_MEASURED = "Not measured yet: `make bench PART={part}`."
QUICK = {
    "search": "Run with `QUICK=1`: one CIFAR network and one ImageNet model, few images, few budgets. The full run "
    "adds ResNet-32, EfficientNet-Lite1 and 2, budgets from 50 passes on, backselect with a fraction of 0.2, and more "
    "images. It was not run for this page.\n",
    "service": "Run with `QUICK=1`: fewer images, the service on one model only.\n",
    "arithmetic": "Run with `QUICK=1`: ten images, on which nothing can be chosen; the full run has a hundred.\n",
    "attack": "Run with `QUICK=1`: a smaller and shorter attack.\n",
    "attack-hour": "Run with `QUICK=1`: smaller parts.\n",
    "growth": "Run with `QUICK=1`: the larger audit has 100,000 items, not 1,000,000.\n",
    "report": "Run with `QUICK=1`: 200 images, not 1,000.\n",
    "upload": "Run with `QUICK=1`: 1,000 files, not 10,000.\n",
    "hashing": "Run with `QUICK=1`: a file of 34 MB, not 268 MB.\n",
    "memory": "Run with `QUICK=1`: the largest audit has 2,000 images, not 10,000.\n",
    "trust": "Run with `QUICK=1`: three seeds; the full run has twenty.\n",
    "gate": "Run with `QUICK=1`: fewer verdicts; the full run has 10,000 for each row.\n",
    "load": "Run with `QUICK=1`: 500 audits and 100 watches; the full run has 10,000 and 1,000.\n",
}
"""What a quick run of a part left out."""


def write_page(
    results: dict[str, Any],
    exact: dict[str, Any],
    into: Path,
    planted: KeptRows = NO_ROWS,
) -> None:
    """Write the page and its pictures below the folder `into`."""
    subjects = results["parts"].get("search", {}).get("subjects", [])
    if subjects:
        draw(subjects, into / PICTURE)
    if "attack-hour" in results["parts"]:
        hour_picture.draw(results["parts"]["attack-hour"]["rows"], into / hour_picture.PICTURE)
    page = into / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(results, exact, planted), encoding="utf-8")


def page_text(
    results: dict[str, Any],
    exact: dict[str, Any],
    planted: KeptRows = NO_ROWS,
) -> str:
    """The page in Markdown."""
    parts = results["parts"]
    reference = exact["parts"].get("exact")
    sections = [
        INTRODUCTION,
        "## Budgets\n",
        *tables.budgets(parts, reference, _further_budgets(parts)),
        *_section("search", "## Subset size against passes", parts, lambda part: _search(part, reference)),
        *_section("service", "## Time", parts, _service),
        *_section("arithmetic", "## Searches in bfloat16", parts, arithmetic_tables.arithmetic),
        *_section("memory", "## Memory", parts, tables.memory),
        *_section("load", "## Load", parts, load_tables.load),
        *_section("growth", "## Large audits", parts, growth_tables.growth),
        *_section("attack", "## Under attack", parts, attack_tables.attack),
        *_section("attack-hour", "## Under a long attack", parts, hour_tables.attack_hour),
        *_section("report", "## The report", parts, report_tables.report),
        *_section("upload", "## Uploads", parts, upload_tables.upload),
        *_section("hashing", "## Hashing", parts, hashing_tables.hashing),
        *_section("trust", "## Trust in the verdicts", parts, trust_tables.trust),
        *_planted(planted),
        *_section("gate", "### Verdicts of the gate", parts, gate_tables.gate),
        *_runs(parts),
    ]
    return wrapped("\n".join(sections).rstrip()) + "\n"


def _further_budgets(parts: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    yield from load_tables.budgets(parts.get("load"))
    yield from growth_tables.budgets(parts.get("growth"))
    yield from attack_tables.budgets(parts.get("attack"))
    yield from hour_tables.budgets(parts.get("attack-hour"))
    yield from report_tables.budgets(parts.get("report"))
    yield from upload_tables.budgets(parts.get("upload"))


def _section(
    name: str, title: str, parts: dict[str, Any], shown: Callable[[dict[str, Any]], Iterable[str]]
) -> Iterator[str]:
    """The section of a part: what a quick run left out, and what is shown of it; or how to measure it."""
    yield f"\n{title}\n"
    if name not in parts:
        yield NOT_MEASURED.format(part=name)
        return
    if parts[name]["taken"]["quick"]:
        yield QUICK[name]
    yield from shown(parts[name])


def _search(part: dict[str, Any], reference: dict[str, Any] | None) -> Iterator[str]:
    if part["subjects"]:
        yield f"![Mean subset size over passes for every search](../images/{PICTURE.name})\n"
    for subject in part["subjects"]:
        yield from tables.sizes(subject)
        yield from tables.ratios(subject)
    yield from tables.exact(part["subjects"], reference)
    yield from _absent(part["absent"])


def _service(part: dict[str, Any]) -> Iterator[str]:
    yield from tables.loop(part["loop"]["rows"])
    yield from tables.service(part["service"]["rows"])
    yield from _absent(sorted({*part["loop"]["absent"], *part["service"]["absent"]}))


def _planted(rows: KeptRows) -> Iterator[str]:
    yield "\n### Planted cues\n"
    if not rows.networks:
        yield NOT_MEASURED.format(part="trust")
        return
    yield from planted_tables.planted(rows.networks)
    if rows.weak:
        yield from weak_cues(rows.weak, rows.networks)
    if rows.objects:
        yield from spots_among_objects(rows.objects)
    if rows.forward:
        yield from forward_table(rows.forward)


def _absent(reasons: Sequence[str]) -> Iterator[str]:
    for reason in reasons:
        yield f"\nNot measured: {reason}."


def _runs(parts: dict[str, Any]) -> Iterator[str]:
    """How each part was run. Parts may have been run on different days."""
    yield (
        "\n## Runs\n\nA load above the number of cores means that the machine was also doing other work. Times and "
        "ratios of times are then rough.\n"
    )
    yield from tables.table(
        ("part", "date", "extent", "machine", "torch threads", "load before", "versions"),
        [(name, *_run(parts[name]["taken"])) for name in sorted(parts)],
    )


def _run(taken: dict[str, Any]) -> tuple[str, ...]:
    machine = f"{taken['processor']}, {taken['cores']} cores, {taken['memory_gib']} GiB, passes on {taken['device']}"
    versions = ", ".join(f"{name} {version}" for name, version in taken["versions"].items())
    extent = "quick" if taken["quick"] else "full"
    return (taken["date"], extent, machine, str(taken["torch_threads"]), f"{taken['load_before']:g}", versions)
