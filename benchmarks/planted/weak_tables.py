"""The table of weak cues: what was trained, what was left out, and what audits said of the others. Measures nothing."""

from collections.abc import Iterator, Mapping, Sequence

from modicum_server.measures.number_words import share_text

from benchmarks.planted.counting import Row, tally, with_audit
from benchmarks.planted.run import WEAK_AUDITS, levels
from benchmarks.planted.weak import LEVELS, RANGE, WeakCue, in_range, next_level
from benchmarks.planted.weak import weak_cues as sought_cues
from benchmarks.tables import table


def weak_cues(trained: Sequence[Row], networks: Sequence[Row]) -> Iterator[str]:
    """The networks of each search, and the outcomes of those that were audited. `networks` have the audits."""
    searches = [(sought, shares) for sought in sought_cues() if (shares := levels(sought, trained))]
    audited = {row["name"]: row for row in networks}
    yield from _introduction([share for _, shares in searches for share in shares.values()], searches)
    yield from table(
        (
            "network",
            "cue",
            "weakened",
            "follow, by opacity or share that strays",
            *(f"{images:,} images" for images, _ in WEAK_AUDITS),
        ),
        [_line(sought, shares, audited) for sought, shares in searches],
    )
    made = [row for sought, shares in searches if (row := _audited(sought, shares, audited))]
    counts = (f"{tally(made, audit, _is_found)} at {audit[0]:,} images" for audit in WEAK_AUDITS)
    yield f"Found: {', '.join(counts)}.\n"


def _introduction(shares: Sequence[float], searches: Sequence[tuple[WeakCue, Mapping[float, float]]]) -> Iterator[str]:
    least, most = (share_text(one) for one in RANGE)
    fewer, more = sum(one < RANGE[0] for one in shares), sum(one >= RANGE[1] for one in shares)
    open_ended = sum(next_level(each) is not None for _, each in searches)
    in_vain = sum(next_level(each) is None and not any(map(in_range, each.values())) for _, each in searches)
    yield (
        f"Weak cues. The design has hardly any cue that {least} to {most} follow, so we searched for such cues. A cue "
        "of one class is made paler, or is put on some pictures of the other classes, at one of the "
        f"{LEVELS} levels of a grid. The search halves the grid, and then the step between two levels, until "
        f"{least} to {most} follow. Only this share decides which network is audited, and it is measured before the "
        "audit. None of these networks was used to choose a limit.\n"
    )
    yield (
        "Kinds, classes, grid and seeds were declared before any network was trained. Two things were added later: "
        "levels between those of the grid after twelve networks were trained, and the last six searches after seven "
        f"audits. {len(searches)} of {len(sought_cues())} searches have begun. {len(shares)} networks were trained, "
        f"and {fewer + more} of them left out: fewer than {least} follow in {fewer}, at least {most} in {more}. "
        f"Searches that ended without a network in the range: {in_vain}. Searches that have not ended: {open_ended}.\n"
    )
    yield (
        "A paler cue is mixed with the picture by its opacity. A cue that strays is on all pictures of its class, and "
        "on the given share of the others. The audited network is bold. There is no audit of 25 passes, and measures "
        "are not compared. The outcome is that of the class with the cue:\n"
    )


def _line(sought: WeakCue, shares: Mapping[float, float], audited: Mapping[str, Row]) -> tuple[str, ...]:
    row = _audited(sought, shares, audited)
    case = sought.case(0)
    return (
        f"{sought.architecture} #{sought.seed}",
        f"{sought.where}, {case.cue.look}, class {sought.target_class}",
        f"{sought.way}",
        ", ".join(_share(sought, level, share) for level, share in sorted(shares.items())),
        *("" if not any(map(in_range, shares.values())) else _outcome(row, audit) for audit in WEAK_AUDITS),
    )


def _share(sought: WeakCue, level: float, share: float) -> str:
    text = f"{sought.value(level):g}: {share_text(share)}"
    return f"**{text}**" if in_range(share) else text


def _audited(sought: WeakCue, shares: Mapping[float, float], audited: Mapping[str, Row]) -> Row | None:
    chosen = [level for level, share in shares.items() if in_range(share)]
    return audited.get(sought.case(chosen[0]).name) if chosen else None


def _outcome(row: Row | None, audit: tuple[int, int]) -> str:
    if row is None:
        return "not run"
    said = {one["class"]: one["outcome"] for _, made in with_audit([row], audit) for one in made["rows"]}
    return ", ".join(str(said.get(one, "no row")) for one in row["cue"]["classes"])


def _is_found(row: Row, audit: Row) -> bool:
    return bool(set(audit["flagged"]) & set(row["cue"]["classes"]))
