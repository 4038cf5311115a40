"""The benchmark of planted cues: its design, its areas, and tables that say what the rows say."""

import numpy as np
import pytest
from modicum_sis.spots.outcomes import Outcomes
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.trials import SpotRow, SpotTrial

from benchmarks.planted import measures, simulation
from benchmarks.planted.audits import CHOICE, counted, halves_of, uncounted
from benchmarks.planted.cases import HOW_MANY_CLASSES, LABEL, STRENGTHS, cases
from benchmarks.planted.counting import CIFAR
from benchmarks.planted.judging import judged, pairs_of
from benchmarks.planted.limits import flagged_at
from benchmarks.planted.photographs import CASES, PICTURES
from benchmarks.planted.run import AUDITS, is_whole, without_whole_row
from benchmarks.planted.tables import planted
from benchmarks.planted.verdicts import PRESETS, verdict_of

SOURCES, PAIRS = 30, 9


def place(pasted: float) -> dict:
    """A place on which each source has the same share."""
    return {"own": False, "pasted": [[pasted, SOURCES]], "covered": [[0.0, SOURCES]], "pairs": PAIRS}


def row(name: str, *, followed: dict[str, float], flagged: list[int], clean: bool = False, **more: object) -> dict:
    outcome = "DECISIVE" if flagged else "NONE_FOUND"
    audits = [
        {
            "images": images,
            "search_passes": passes,
            "outcome": outcome,
            "flagged": flagged,
            "shown": SOURCES,
            "subsets": SOURCES,
            "rows": [
                {"class": 3, "outcome": outcome, "places": [place(0.5 if flagged else 0.0)]},
                {"class": None, "outcome": "NONE_FOUND", "places": [place(0.0)]},
            ],
        }
        for images, passes in AUDITS
    ]
    return {
        "name": name,
        "pictures": "cifar10",
        "architecture": "plain",
        "clean": clean,
        "set_aside": False,
        "scope": "clean" if clean else "one",
        "seconds": 60.0,
        "cue": {"where": "nowhere" if clean else "corner", "look": "opaque", "classes": [3], "strength": 1.0},
        "truth": {"followed": followed},
        "audits": audits,
        "measures": {"accuracy": 0.5},
        **more,
    }


def trial(half: int, place: Place, *, here: tuple[bool, ...]) -> SpotTrial:
    """A place that was copied once from each source."""
    pairs = tuple(range(len(here)))
    pasted = Outcomes(pairs, pairs, here, (False,) * len(here), pairs, pairs, 0)
    return SpotTrial(3, half, place, {}, pasted, pasted, outside=False, on_objects={}, regions={})


def test_each_number_of_classes_has_each_strength_and_no_name_occurs_twice():
    planted_cases = [case for case in cases() if not case.clean and case.scope != LABEL]

    for scope in HOW_MANY_CLASSES:
        assert {case.cue.strength for case in planted_cases if case.scope == scope} == set(STRENGTHS)
    assert len({case.name for case in cases()}) == len(cases())
    assert len(planted_cases) <= 120
    assert sum(case.clean for case in cases()) == 60


@pytest.mark.parametrize(
    ("larger", "smaller", "area"),
    [([2, 3], [0, 1], 1.0), ([0, 1], [2, 3], 0.0), ([1, 1], [1, 1], 0.5), ([2, 0], [1], 0.5)],
)
def test_the_area_is_the_share_of_pairs_in_which_the_planted_network_is_above(larger, smaller, area):
    assert measures.area(np.array(larger, dtype=float), np.array(smaller, dtype=float)) == area


def test_counted_values_come_back():
    values = np.array([0.5, -0.25, 0.5, 0.0])

    assert uncounted(counted(values)).tolist() == sorted(values.tolist())


def test_a_higher_limit_flags_less():
    rows = [{"class": 3, "places": [place(0.3)]}, {"class": 4, "places": [place(0.0)]}]
    audit = {"shown": 2 * SOURCES, "rows": rows}

    assert flagged_at(audit, 0.1) == [3]
    assert flagged_at(audit, 0.5) == []


@pytest.mark.long
def test_the_intervals_hold_at_the_limits_where_places_were_chosen_by_chance():
    for one in simulation.simulated(runs=200):
        assert one.found <= 0.10
        assert one.none <= 0.10


@pytest.mark.long
def test_tables_count_what_was_found_what_was_not_and_false_alarms():
    rows = [
        row("found", followed={"3": 0.9}, flagged=[3]),
        row("missed", followed={"3": 0.8}, flagged=[]),
        row("another class was flagged", followed={"3": 0.8}, flagged=[4]),
        row("clean", followed={}, flagged=[], clean=True),
        row("false alarm", followed={}, flagged=[2], clean=True),
    ]

    text = "\n".join(planted(rows))

    assert "| at least half | opaque | others | 1 of 3" in text
    assert "| cifar10, plain | others | flagged | 1 of 2" in text
    assert "| cifar10, plain | others | NONE_FOUND | 1 of 2" in text
    assert "| 30% to 50% | opaque | others | no network" in text
    assert "| `recommended` | clean, photographs | 1,000 | 1 of 2 | 1 of 2 | 0 of 2 |" in text
    assert "It passed 1 of 2: the bar is missed. It failed 1 of 2." in text


@pytest.mark.long
def test_a_network_whose_places_were_chosen_in_an_earlier_way_is_measured_again_and_counted_apart():
    audits = [{"images": images, "search_passes": passes} for images, passes in AUDITS]
    current = [{**one, "choice": CHOICE} for one in audits]
    rows = [row(name, followed={}, flagged=[], clean=True) for name in ("earlier", "refined", "now")]
    for made, choice in zip(rows[1:], ("refined", CHOICE), strict=True):
        made["audits"] = [{**one, "choice": choice} for one in made["audits"]]

    assert is_whole({"pictures": CIFAR, "audits": current})
    assert not is_whole({"pictures": CIFAR, "audits": audits})
    assert not is_whole({"pictures": CIFAR, "audits": [{**one, "choice": "refined"} for one in audits]})
    assert not is_whole({"pictures": CIFAR, "audits": [*current[1:], audits[0]]})
    assert is_whole({"pictures": PICTURES, "audits": current[:1]})
    assert not is_whole({"pictures": PICTURES, "audits": audits[:1]})
    text = "\n".join(planted(rows))
    assert text.count("are tried. 1 of the networks, here and") == 1
    before = "For 1 networks, places were chosen before patterns were tried, and for 1 before any of the three"
    assert text.count(before) == 1


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([[0.5, SOURCES]], "FAIL"),
        ([[0.0, SOURCES]], "PASS"),
        ([[0.0, 21], [0.5, 9]], "INCONCLUSIVE"),
        ([[0.0, 21], [0.75, 9]], "FAIL"),
        ([[0.5, 5]], "INCONCLUSIVE"),
    ],
)
def test_a_preset_judges_the_kept_differences_of_each_source(differences, verdict, preset):
    audit = row("", followed={}, flagged=[])["audits"][0]
    audit["rows"][0]["places"][0]["pasted"] = differences

    assert verdict_of(audit, preset) == verdict


def test_images_in_no_row_of_a_class_leave_a_verdict_open():
    audit = row("", followed={}, flagged=[])["audits"][0]

    assert verdict_of(audit, "recommended") == "PASS"
    assert verdict_of({**audit, "shown": 2 * SOURCES}, "recommended") == "INCONCLUSIVE"


def test_missing_photographs_are_measured_first_then_earlier_choices_then_digits():
    photographs = [case for case in cases() if case.pictures == CIFAR]
    clean = next(case for case in photographs if case.clean)
    no_place = next(case for case in photographs if not case.clean and not case.cue.has_place)
    earlier = [case for case in photographs if case.cue.has_place][:20]
    digits = next(case for case in cases() if case.pictures == "digits")
    rows = [{"name": case.name, "pictures": CIFAR, "audits": []} for case in earlier]

    left = without_whole_row([CASES[0], digits, *earlier, no_place, clean], rows)

    aside, others = ([case for case in earlier if case.set_aside is kind] for kind in (True, False))
    assert aside
    assert left == [clean, no_place, *aside, *others, digits, CASES[0]]


@pytest.mark.parametrize(
    ("target_class", "sources", "pairs"),
    [(3, 30, 9), (3, 60, 4), (None, 300, 1), (None, 60, 5), (3, 8, 36), (3, 300, 1)],
)
def test_pairs_that_an_earlier_row_did_not_keep_follow_from_its_sources(target_class, sources, pairs):
    place = {"own": False, "pasted": [[0.0, sources]], "covered": []}

    assert pairs_of({"class": target_class, "places": [place]}, place, 300) == pairs
    assert pairs_of({"class": target_class, "places": [place]}, {**place, "pairs": 2}, 300) == 2


def test_kept_audits_are_judged_by_todays_rule():
    audit = row("", followed={}, flagged=[])["audits"][0]
    audit["rows"][0]["places"][0]["pasted"] = [[0.0, 24], [1.0, 6]]

    found = judged(audit)

    assert (found["outcome"], found["flagged"]) == ("SUFFICIENT", [3])
    assert [one["outcome"] for one in found["rows"]] == ["SUFFICIENT", "NONE_FOUND"]
    assert judged(row("", followed={}, flagged=[])["audits"][0])["outcome"] == "NONE_FOUND"


def test_a_row_keeps_what_each_half_chose_and_saw():
    """So that a rule that judges halves by themselves needs no new audit."""
    window, ring = Place(PlaceKind.WINDOW, 5, 7, 2, 3), Place(PlaceKind.RING, 1, 1)
    row = SpotRow(3, 4, (trial(0, window, here=(True, False)), trial(1, ring, here=(True, True))), 9)

    assert halves_of(row, own=False) == [
        {"half": 0, "kind": "window", "at": [5, 7, 2, 3], "pasted": [(0.0, 1), (1.0, 1)]},
        {"half": 1, "kind": "ring", "at": [1, 1, 0, 0], "pasted": [(1.0, 2)]},
    ]
    assert halves_of(row, own=True) == []
