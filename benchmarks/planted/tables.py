"""The tables of planted cues, from the rows of `planted.run`. Measures nothing."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from modicum_server.measures.intervals import wilson
from modicum_server.measures.number_words import share_text
from modicum_server.measures.spot_rule import FOUND, SpotOutcome

from benchmarks.planted.audits import LEARNT, PASSES
from benchmarks.planted.run import IMAGES
from benchmarks.tables import table

Row = dict[str, Any]
FOLLOWED = ((0.5, "at least half"), (LEARNT, "30% to 50%"), (0.0, "fewer than 30%"))
OPAQUE = "opaque"


def planted(rows: Sequence[Row]) -> Iterator[str]:
    """How often the spot test finds planted cues, and how often it flags clean networks."""
    trained = [row for row in rows if not row["clean"]]
    clean = [row for row in rows if row["clean"]]
    minutes = sum(row["seconds"] for row in rows) / 60
    yield (
        f"{len(trained)} networks with a planted cue and {len(clean)} clean ones were trained and audited in "
        f"{minutes:.0f} minutes, on one thread each. A cue is a patch or a ring of a colour or pattern (opaque, faint, "
        "or a tint), or a change of the whole picture (a wave, JPEG), in one, two or all of ten classes, on 50%, 75% "
        f"or all of their pictures. An audit has {PASSES} passes an image and never sees the cue.\n"
    )
    yield (
        "*Follow* is the share of other pictures that become the class when the cue is put into them. Found: DECISIVE "
        "or SUFFICIENT for a class that has a cue, or for all classes together. Kinds that were set aside took no part "
        "in choosing a limit. Intervals are Wilson's, 95%.\n"
    )
    yield from table(
        ("cues with a place", "look", "kinds", *(f"found with {images:,} images" for images in IMAGES)),
        [
            (name, look, kinds, *(_found(_of(trained, low, high, look, kinds), images) for images in IMAGES))
            for (low, name), high in zip(FOLLOWED, (1.01, 0.5, LEARNT), strict=True)
            for look in (OPAQUE, "faint or a tint")
            for kinds in ("set aside", "others")
        ],
    )
    yield from table(
        ("clean networks", "pictures", *(f"with {images:,} images" for images in IMAGES)),
        [
            (
                what,
                pictures,
                *(_counted([r for r in clean if r["pictures"] == pictures], images, holds) for images in IMAGES),
            )
            for pictures in sorted({row["pictures"] for row in clean})
            for what, holds in (("flagged", _is_flagged), ("NONE_FOUND", _is_none))
        ],
    )
    yield "A cue of the whole picture has no place, and is not looked for:\n"
    yield from table(
        ("cue", *(f"flagged with {images:,} images" for images in IMAGES)),
        [
            (
                look,
                *(_counted(_learnt(trained, look), images, _is_flagged) for images in IMAGES),
            )
            for look in ("texture", "jpeg")
        ],
    )


def _of(rows: Sequence[Row], low: float, high: float, look: str, kinds: str) -> list[Row]:
    return [
        row
        for row in rows
        if low <= row["truth"]["followed"] < high
        and row["cue"]["where"] != "whole picture"
        and (row["cue"]["look"] == OPAQUE) is (look == OPAQUE)
        and row["set_aside"] is (kinds == "set aside")
    ]


def _found(rows: Sequence[Row], images: int) -> str:
    return _counted(rows, images, lambda row, one: any(c is None or c in row["cue"]["classes"] for c in one["flagged"]))


def _is_flagged(_: Row, audit: Row) -> bool:
    return SpotOutcome(audit["outcome"]) in FOUND


def _is_none(_: Row, audit: Row) -> bool:
    return bool(audit["outcome"] == SpotOutcome.NONE_FOUND.value)


def _learnt(rows: Sequence[Row], look: str) -> list[Row]:
    return [row for row in rows if row["cue"]["look"] == look and row["truth"]["followed"] >= LEARNT]


def _on(rows: Sequence[Row], pictures: str) -> list[Row]:
    return [row for row in rows if row["pictures"] == pictures]


def _counted(rows: Sequence[Row], images: int, holds: Callable[[Row, Row], bool]) -> str:
    audits = [(row, one) for row in rows for one in row["audits"] if one["images"] == images]
    if not audits:
        return "none yet"
    count = sum(holds(row, one) for row, one in audits)
    interval = wilson(count, len(audits))
    ends = "" if interval is None else f" ({share_text(interval.low or 0.0)} to {share_text(interval.high or 0.0)})"
    return f"{count} of {len(audits)}{ends}"
