"""The committed page: a pure function of the results and of the exact reference. It measures nothing."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import growth_tables, load_tables, report_tables, tables, trust_tables
from benchmarks.attack import tables as attack_tables
from benchmarks.gate import tables as gate_tables
from benchmarks.picture import draw
from benchmarks.planted import tables as planted_tables
from benchmarks.planted.object_tables import spots_among_objects
from benchmarks.prose import wrapped

PAGE = Path("docs") / "reference" / "benchmarks.md"
PICTURE = Path("docs") / "images" / "benchmarks-search.png"
INTRODUCTION = """# Benchmarks

`make bench` writes this page. It measures on the machine where it runs.
`PART=search|service|memory|load|growth|attack|report|trust|gate` runs one part, and `QUICK=1` takes fewer images
and budgets. `PART=paper` writes [its own page](paper.md).
`MODICUM_BENCH_DATA` names the folder of outside data: `cifar10-test-1k/`, `cifar_resnet20.safetensors`,
`cifar_resnet32.safetensors`. All figures are in [benchmarks.json](../../benchmarks/results/benchmarks.json).

Each figure is a ratio to a reference in the same run, on the same images. A forward pass counts as 1 pass-equivalent, a
backward pass as 2. Square brackets hold 95% intervals (bootstrap over images, 10,000 resamples). Below ten images there
is no interval, and round brackets hold the lowest and the highest value instead. A plain float32 pass verified every
subset.
"""
QUICK = {
    "search": "Run with `QUICK=1`: one CIFAR network and one ImageNet model, few images, few budgets. The full run "
    "adds ResNet-32, EfficientNet-Lite1 and 2, budgets from 50 passes on, backselect with a fraction of 0.2, and more "
    "images. It was not run for this page.\n",
    "service": "Run with `QUICK=1`: fewer images, the service on one model only.\n",
    "attack": "Run with `QUICK=1`: a smaller and shorter attack.\n",
    "growth": "Run with `QUICK=1`: the larger audit has 100,000 items, not 1,000,000.\n",
    "report": "Run with `QUICK=1`: 200 images, not 1,000.\n",
    "memory": "Run with `QUICK=1`: the largest audit has 2,000 images, not 10,000.\n",
    "trust": "Run with `QUICK=1`: three seeds; the full run has twenty.\n",
    "gate": "Run with `QUICK=1`: fewer verdicts; the full run has 10,000 for each row.\n",
    "load": "Run with `QUICK=1`: 500 audits and 100 watches; the full run has 10,000 and 1,000.\n",
}


def write_page(
    results: dict[str, Any],
    exact: dict[str, Any],
    into: Path,
    *,
    networks: Sequence[dict[str, Any]] = (),
    objects: Sequence[dict[str, Any]] = (),
) -> None:
    """Write the page and its picture below the folder `into`."""
    subjects = results["parts"].get("search", {}).get("subjects", [])
    if subjects:
        draw(subjects, into / PICTURE)
    page = into / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(results, exact, networks=networks, objects=objects), encoding="utf-8")


def page_text(
    results: dict[str, Any],
    exact: dict[str, Any],
    *,
    networks: Sequence[dict[str, Any]] = (),
    objects: Sequence[dict[str, Any]] = (),
) -> str:
    """The page in Markdown. `networks` are the rows of planted cues, `objects` those of spots among objects."""
    parts = results["parts"]
    reference = exact["parts"].get("exact")
    sections = [
        INTRODUCTION,
        "## Budgets\n",
        *tables.budgets(
            parts,
            reference,
            chain(
                load_tables.budgets(parts.get("load")),
                growth_tables.budgets(parts.get("growth")),
                attack_tables.budgets(parts.get("attack")),
                report_tables.budgets(parts.get("report")),
            ),
        ),
        *_search(parts.get("search"), exact),
    ]
    sections += [*_service(parts.get("service")), *_memory(parts.get("memory")), *_load(parts.get("load"))]
    sections += [*_growth(parts.get("growth")), *_attack(parts.get("attack")), *_report(parts.get("report"))]
    sections += _trust(parts.get("trust"))
    sections += _planted(networks, objects)
    sections += _gate(parts.get("gate"))
    sections += _runs(parts)
    return wrapped("\n".join(sections).rstrip()) + "\n"


def _search(part: dict[str, Any] | None, exact: dict[str, Any]) -> Iterator[str]:
    yield "\n## Subset size against passes\n"
    if part is None:
        yield "Not measured yet: `make bench PART=search`."
        return
    yield from _extent(part, "search")
    if part["subjects"]:
        yield f"![Mean subset size over passes for every search](../images/{PICTURE.name})\n"
    for subject in part["subjects"]:
        yield from tables.sizes(subject)
        yield from tables.ratios(subject)
    yield from tables.exact(part["subjects"], exact["parts"].get("exact"))
    yield from _absent(part["absent"])


def _service(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Time\n"
    if part is None:
        yield "Not measured yet: `make bench PART=service`."
        return
    yield from _extent(part, "service")
    yield from tables.loop(part["loop"]["rows"])
    yield from tables.service(part["service"]["rows"])
    yield from _absent(sorted({*part["loop"]["absent"], *part["service"]["absent"]}))


def _memory(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Memory\n"
    if part is None:
        yield "Not measured yet: `make bench PART=memory`."
        return
    yield from _extent(part, "memory")
    yield from tables.memory(part)


def _load(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Load\n"
    if part is None:
        yield "Not measured yet: `make bench PART=load`."
        return
    yield from _extent(part, "load")
    yield from load_tables.load(part)


def _attack(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Under attack\n"
    if part is None:
        yield "Not measured yet: `make bench PART=attack`."
        return
    yield from _extent(part, "attack")
    yield from attack_tables.attack(part)


def _growth(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Large audits\n"
    if part is None:
        yield "Not measured yet: `make bench PART=growth`."
        return
    yield from _extent(part, "growth")
    yield from growth_tables.growth(part)


def _report(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## The report\n"
    if part is None:
        yield "Not measured yet: `make bench PART=report`."
        return
    yield from _extent(part, "report")
    yield from report_tables.report(part)


def _trust(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n## Trust in the verdicts\n"
    if part is None:
        yield "Not measured yet: `make bench PART=trust`."
        return
    yield from _extent(part, "trust")
    yield from trust_tables.trust(part)


def _planted(networks: Sequence[dict[str, Any]], objects: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "\n### Planted cues\n"
    if not networks:
        yield "Not measured yet: `make bench PART=trust`."
        return
    yield from planted_tables.planted(networks)
    if objects:
        yield from spots_among_objects(objects)


def _gate(part: dict[str, Any] | None) -> Iterator[str]:
    yield "\n### Verdicts of the gate\n"
    if part is None:
        yield "Not measured yet: `make bench PART=gate`."
        return
    yield from _extent(part, "gate")
    yield from gate_tables.gate(part)


def _extent(part: dict[str, Any], name: str) -> Iterator[str]:
    """What a quick run left out."""
    if part["taken"]["quick"]:
        yield QUICK[name]


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
