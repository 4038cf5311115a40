"""The tables of planted cues, from the rows of `planted.run`. Measures nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from modicum.gate.spot_rule import ALPHA, FOUND, SpotOutcome
from modicum_server.measures.number_words import share_text

from benchmarks.planted import measures, simulation
from benchmarks.planted.audits import LEARNT, THRESHOLD, is_current, is_refined
from benchmarks.planted.cases import LABEL
from benchmarks.planted.counting import CIFAR, FOLLOWED, Row, followed, tally, with_audit
from benchmarks.planted.cues import Where
from benchmarks.planted.limits import PASTED_LIMITS, flagged_at
from benchmarks.planted.photographs import PICTURES
from benchmarks.planted.run import AUDITS
from benchmarks.planted.verdicts import verdicts
from benchmarks.tables import table

OPAQUE = "opaque"
REFINED = "../decisions/0061-a-chosen-window-is-refined.md"
PATTERNS = "../decisions/0071-a-pattern-is-compared-with-itself.md"
STRIPES = "../decisions/0062-a-stripe-counts-for-what-it-holds.md"
CARRIERS = "../decisions/0078-luck-brings-carriers-too.md"
CHANCE = 0.5
COLUMNS = tuple(f"{images:,} images, {passes} passes" for images, passes in AUDITS)


def planted(all_rows: Sequence[Row]) -> Iterator[str]:
    """How often the spot test finds planted cues, and how often it flags clean networks."""
    rows = [row for row in all_rows if row["pictures"] != PICTURES]
    clean = [row for row in rows if row["clean"]]
    labelled = [row for row in rows if row["scope"] == LABEL]
    cued = [row for row in rows if not row["clean"] and row["scope"] != LABEL]
    on_photographs = [row for row in cued if row["pictures"] == CIFAR]
    local = [row for row in on_photographs if row["cue"]["where"] != Where.WHOLE.value]
    yield from _introduction(rows, cued, clean)
    yield f"{_by_choice(all_rows)}\n"
    yield from _by_network(local)
    yield from _by_class(local)
    yield from _by_kind(local)
    yield from _clean(clean)
    yield from _digits([row for row in cued if row["pictures"] != CIFAR])
    yield from _whole(on_photographs)
    if labelled:
        yield from _labelled(labelled)
    if photographs := [row for row in all_rows if row["pictures"] == PICTURES]:
        yield from _photographs(photographs)
    yield from verdicts(local, clean)
    yield from _limits(local, clean)
    yield from _simulated()
    yield from _measures([row for row in (*local, *clean) if row["pictures"] == CIFAR])


def _digits(cued: Sequence[Row]) -> Iterator[str]:
    """Networks of digits with cues: their strokes are found too, so that a cue is found says nothing there."""
    if not cued:
        return
    learnt = [row for row in cued if row["cue"]["where"] != Where.WHOLE.value and followed(row) >= LEARNT]
    found = tally(learnt, AUDITS[0], _is_found)
    yield (
        f"{len(cued)} networks of digits have cues. Of the {len(learnt)} whose cue has a place and is followed by at "
        f"least {share_text(LEARNT)}, {found} were found at {COLUMNS[0]}. That shows little, because clean "
        "networks of digits are flagged as well. No other table counts these networks.\n"
    )


def _introduction(rows: Sequence[Row], cued: Sequence[Row], clean: Sequence[Row]) -> Iterator[str]:
    minutes = sum(row["seconds"] for row in rows) / 60
    yield (
        f"{len(cued)} networks with planted cues and {len(clean)} clean ones were audited. The audits took "
        f"{minutes:.0f} minutes in all, on one thread each. A cue is a patch, a line or a ring of a colour or pattern "
        "(opaque, faint, or a tint), or a change of the whole picture (a wave, JPEG). One, two or all of ten classes "
        f"have one, on 50%, 75% or all of their pictures. The threshold is {THRESHOLD}. An audit never sees the cue.\n"
    )
    yield (
        "*Follow* is the share of other pictures that become the class when they get its cue. A cue is *found* if the "
        "outcome for its class is DECISIVE or SUFFICIENT. Kinds that were *set aside* were not used to choose a limit. "
        "Intervals are Wilson's, 95%. Unless a table says otherwise, its networks with cues are those on "
        "photographs.\n"
    )


def _by_choice(rows: Sequence[Row]) -> str:
    """How many networks were audited with places as they are chosen now, and how many before."""
    refined, current = (sum(all(map(one, row["audits"])) for row in rows) for one in (is_refined, is_current))
    return (
        f"The way to choose places changed twice. Today chosen windows are [refined]({REFINED}), stripes count [for "
        f"what they hold]({STRIPES}), and [patterns]({PATTERNS}) are tried. {current} of the networks, here and of "
        f"ImageNet's size below, were audited in this way. For {refined - current} networks, places were chosen before "
        f"patterns were tried, and for {len(rows) - refined} before any of the three. The tables count all networks. "
        f"Today's rule, which counts [carriers]({CARRIERS}), judged all of them from the kept counts of every source."
    )


def _by_network(local: Sequence[Row]) -> Iterator[str]:
    """A network counts as found if one of its classes with a cue is. Its strongest cue decides its row."""
    yield "This table counts networks with a cue that has a place, by how many pictures follow their strongest cue:\n"
    yield from table(
        ("follow", "look", "kinds", *COLUMNS),
        [
            (name, look, kinds, *_in_each_audit(_of(local, low, high, look, kinds), _is_found))
            for name, low, high in FOLLOWED
            for look in (OPAQUE, "faint or a tint")
            for kinds in ("set aside", "others")
        ],
    )


def _by_class(local: Sequence[Row]) -> Iterator[str]:
    """Each class with a cue counts by itself; those of one network are not independent, so no interval is given."""
    yield "This table counts classes instead. Classes of one network are not independent, so there is no interval:\n"
    yield from table(
        ("follow", "look", *COLUMNS),
        [
            (name, look, *(_classes_found(local, low, high, look, audit) for audit in AUDITS))
            for name, low, high in FOLLOWED
            for look in (OPAQUE, "faint or a tint")
        ],
    )


def _by_kind(local: Sequence[Row]) -> Iterator[str]:
    learnt = [row for row in local if followed(row) >= LEARNT]
    yield (
        f"This table counts cues that at least {share_text(LEARNT)} follow, by kind, number of classes and strength:\n"
    )
    kinds: Mapping[str, Callable[[Row], str]] = {
        "kind": lambda row: f"{row['cue']['where']}, {row['cue']['look']}",
        "classes": lambda row: str(row["scope"]),
        "strength": lambda row: share_text(row["cue"]["strength"]),
        "network": lambda row: f"{row['pictures']}, {row['architecture']}",
    }
    yield from table(
        ("", "cues", *COLUMNS),
        [
            (what, value, *_in_each_audit([row for row in learnt if of(row) == value], _is_found))
            for what, of in kinds.items()
            for value in sorted({of(row) for row in learnt})
        ],
    )


def _clean(clean: Sequence[Row]) -> Iterator[str]:
    yield (
        "The next tables are about clean networks. A stroke of a digit is real evidence at a fixed place. So it is "
        "not a false alarm if a clean network of digits is flagged:\n"
    )
    groups = sorted({(row["pictures"], row["architecture"]) for row in clean})
    outcomes: Mapping[str, Callable[[Row, Row], bool]] = {"flagged": _is_flagged, "NONE_FOUND": _is_none}
    yield from table(
        ("networks", "kinds", "outcome", *COLUMNS),
        [
            (
                f"{pictures}, {architecture}",
                kinds,
                name,
                *_in_each_audit(_group(clean, pictures, architecture, kinds), holds),
            )
            for pictures, architecture in groups
            for kinds in ("set aside", "others")
            for name, holds in outcomes.items()
        ],
    )
    photographs = [row for row in clean if row["pictures"] == CIFAR]
    yield "Of the classes of clean networks on photographs, these were flagged:\n"
    yield from table(COLUMNS, [[_clean_classes(photographs, audit) for audit in AUDITS]])


def _whole(cued: Sequence[Row]) -> Iterator[str]:
    yield (
        "A cue of the whole picture has no place, and the spot test does not look for it. Of the networks with such a "
        f"cue that at least {share_text(LEARNT)} follow, these were flagged:\n"
    )
    yield from table(
        ("cue", *COLUMNS),
        [
            (
                look,
                *_in_each_audit([r for r in cued if r["cue"]["look"] == look and followed(r) >= LEARNT], _is_flagged),
            )
            for look in ("texture", "jpeg")
        ],
    )


def _labelled(labelled: Sequence[Row]) -> Iterator[str]:
    yield "A patch can define the label, as a lesion does. The test is right to find it, and it is not a shortcut:\n"
    yield from table(
        ("patch", "follow", *COLUMNS),
        [
            (
                f"{row['cue']['where']}, {row['cue']['look']}",
                share_text(followed(row)),
                *(", ".join(one["outcome"] for _, one in with_audit([row], audit)) or "not run" for audit in AUDITS),
            )
            for row in labelled
        ],
    )


def _photographs(rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "A network of ImageNet's size (EfficientNet-Lite0): unchanged, and after more training so that a mark pulls "
        "pictures to a class. There are 250 pictures, one for each class, and one in ten has the mark. Places come "
        "only from scans:\n"
    )
    yield from table(
        ("mark", "follow", "outcome", "found for", "passes", "minutes"),
        [
            (
                "none" if row["clean"] else f"{row['cue']['where']}, {row['cue']['look']}",
                "" if row["clean"] else share_text(followed(row)),
                one["outcome"],
                ", ".join("all classes together" if each is None else f"class {each}" for each in one["flagged"])
                or "none",
                f"{one['spot_passes']:,}",
                f"{one['spot_seconds'] / 60:.0f}",
            )
            for row in rows
            for one in row["audits"]
        ],
    )


def _limits(local: Sequence[Row], clean: Sequence[Row]) -> Iterator[str]:
    """What other limits would have found and flagged, on both halves of the kinds."""
    photographs = [row for row in clean if row["pictures"] == CIFAR]
    learnt = [row for row in local if followed(row) >= LEARNT]
    yield (
        "Results with other limits of the mean pasted share, from the same outcomes (300 and 1,000 images, 150 "
        "passes). The rule on carriers is today's:\n"
    )

    def found(row: Row, audit: Row, limit: float) -> bool:
        return bool(set(flagged_at(audit, limit)) & {int(one) for one in row["cue"]["classes"]})

    yield from table(
        ("limit", "kinds", *(f"{what}, {name}" for name in COLUMNS[:2] for what in ("found", "clean flagged"))),
        [
            (
                f"{limit:g}",
                kinds,
                *(
                    cell
                    for audit in AUDITS[:2]
                    for cell in (
                        tally(_kinds(learnt, kinds), audit, lambda row, one, at=limit: found(row, one, at)),
                        tally(_kinds(photographs, kinds), audit, lambda _, one, at=limit: bool(flagged_at(one, at))),
                    )
                ),
            )
            for limit in PASTED_LIMITS
            for kinds in ("set aside", "others")
        ],
    )


def _simulated() -> Iterator[str]:
    yield (
        "The intervals of the mean were simulated where a wrong verdict is likeliest: each of "
        f"{simulation.PLACES} places turns other images into the class with exactly the share of the limit "
        f"({simulation.RUNS:,} classes each). The nominal error is {share_text(ALPHA)}, before Holm's correction:\n"
    )
    yield from table(
        ("images of the class", "these", "wrongly found", "wrongly NONE_FOUND"),
        [
            (
                str(one.sources),
                "are alike" if one.spread == simulation.ALIKE else "differ",
                f"{one.found:.1%}",
                f"{one.none:.1%}",
            )
            for one in simulation.simulated()
        ],
    )


def _measures(rows: Sequence[Row]) -> Iterator[str]:
    """Which measures order networks with a learnt cue over clean ones."""
    compared = [row for row in rows if row["clean"] or followed(row) >= LEARNT]
    yield (
        "This table shows, for every measure of the result on photographs, the chance that it is larger for a network "
        f"whose cue at least {share_text(LEARNT)} follow than for a clean network (area under the ROC curve, with a "
        "bootstrap interval of 95% over networks). A measure at 50% does not separate them. The audits had "
        f"{measures.IMAGES} images and {measures.PASSES} passes:\n"
    )
    yield from table(
        ("measure", "planted", "clean", "area", "separates"),
        [
            (
                f"`{name}`",
                str(planted),
                str(clean),
                f"{share_text(area)} ({share_text(low)} to {share_text(high)})",
                "yes" if low > CHANCE or high < CHANCE else "no",
            )
            for name, planted, clean, area, (low, high) in sorted(
                measures.areas(compared), key=lambda one: -abs(one[3] - CHANCE)
            )
        ],
    )


def _of(rows: Sequence[Row], low: float, high: float, look: str, kinds: str) -> list[Row]:
    return [
        row
        for row in _kinds(rows, kinds)
        if low <= followed(row) < high and (row["cue"]["look"] == OPAQUE) is (look == OPAQUE)
    ]


def _kinds(rows: Sequence[Row], kinds: str) -> list[Row]:
    return [row for row in rows if row["set_aside"] is (kinds == "set aside")]


def _group(rows: Sequence[Row], pictures: str, architecture: str, kinds: str) -> list[Row]:
    return [r for r in _kinds(rows, kinds) if (r["pictures"], r["architecture"]) == (pictures, architecture)]


def _is_found(row: Row, audit: Row) -> bool:
    return bool(set(audit["flagged"]) & set(row["cue"]["classes"]))


def _is_flagged(_: Row, audit: Row) -> bool:
    return SpotOutcome(audit["outcome"]) in FOUND


def _is_none(_: Row, audit: Row) -> bool:
    return bool(audit["outcome"] == SpotOutcome.NONE_FOUND.value)


def _classes_found(rows: Sequence[Row], low: float, high: float, look: str, audit: tuple[int, int]) -> str:
    cues = [
        int(one) in made["flagged"]
        for row, made in with_audit(rows, audit)
        if (row["cue"]["look"] == OPAQUE) is (look == OPAQUE)
        for one, share in row["truth"]["followed"].items()
        if low <= share < high
    ]
    return f"{sum(cues)} of {len(cues)}"


def _clean_classes(clean: Sequence[Row], audit: tuple[int, int]) -> str:
    outcomes = [SpotOutcome(one["outcome"]) for _, made in with_audit(clean, audit) for one in made["rows"]]
    return f"{sum(one in FOUND for one in outcomes)} of {len(outcomes)}"


def _in_each_audit(rows: Sequence[Row], holds: Callable[[Row, Row], bool]) -> list[str]:
    return [tally(rows, audit, holds) for audit in AUDITS]
