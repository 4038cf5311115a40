"""Weak cues of the benchmark: how a network is sought that enough pictures follow, and what the table says of it."""

import numpy as np
import pytest

from benchmarks.planted.cases import Case
from benchmarks.planted.cues import Cue, Look, Where
from benchmarks.planted.networks import with_cue
from benchmarks.planted.run import WEAK_AUDITS, is_whole, levels, weak_cases
from benchmarks.planted.weak import LEVELS, OPACITIES, STRAYS, Way, next_level, weak_cues
from benchmarks.planted.weak_tables import weak_cues as weak_table

MIDDLE = LEVELS // 2


def trained(number: int, level: int, share: float) -> dict:
    sought = weak_cues()[number]
    return {**sought.case(level).as_json(), "truth": {"followed": {str(sought.target_class): share}}}


def audited(row: dict, outcome: str) -> dict:
    (target_class,) = row["cue"]["classes"]
    return {
        **row,
        "audits": [
            {
                "images": images,
                "search_passes": passes,
                "flagged": [target_class] if outcome == "DECISIVE" else [],
                "rows": [{"class": target_class, "outcome": outcome}, {"class": None, "outcome": "NONE_FOUND"}],
            }
            for images, passes in WEAK_AUDITS
        ],
    }


@pytest.mark.parametrize(
    ("followed", "level"),
    [
        ({}, 4),
        ({4: 0.4}, None),
        ({4: 0.3}, None),
        ({4: 0.5}, 1),
        ({4: 0.1}, 6),
        ({4: 0.1, 6: 0.9}, 5),
        ({4: 0.1, 6: 0.9, 5: 0.29}, 5.5),
        ({4: 0.1, 6: 0.9, 5: 0.29, 5.5: 0.8}, 5.25),
        ({4: 0.1, 6: 0.9, 5: 0.29, 5.5: 0.8, 5.25: 0.2}, None),
        ({4: 0.9, 1: 0.9, 0: 0.9}, None),
        ({4: 0.1, 6: 0.1, 7: 0.1}, 8),
        ({4: 0.1, 6: 0.1, 7: 0.1, 8: 0.1}, None),
    ],
)
def test_the_grid_is_halved_until_the_share_lies_in_the_range_or_no_level_is_left(followed, level):
    assert next_level(followed) == level


def test_levels_grow_stronger_and_every_weak_cue_is_set_aside():
    assert sorted(OPACITIES) == list(OPACITIES)
    assert sorted(STRAYS, reverse=True) == list(STRAYS)
    assert len(STRAYS) == len(OPACITIES)
    assert all(sought.case(level).set_aside for sought in weak_cues() for level in range(LEVELS))
    names = [sought.case(level).name for sought in weak_cues() for level in range(LEVELS)]
    assert len(set(names)) == len(names)


def test_a_cue_strays_to_other_classes_and_leaves_those_of_its_own_class_as_they_were():
    labels = np.repeat([0, 1], 100)
    pictures = np.full((200, 3, 32, 32), 0.5, dtype=np.float32)
    cue = Cue(Where.CORNER, Look.OPAQUE, (1,), 1.0, stray=0.25)

    planted = with_cue(Case("", "", cue, "one", 0), pictures, labels, np.random.default_rng(0))

    changed = (planted != pictures).any(axis=(1, 2, 3))
    assert changed[labels == 1].all()
    assert 10 <= changed[labels == 0].sum() <= 40


def test_a_paler_cue_changes_the_picture_less_and_a_watermark_lies_at_the_lower_left():
    picture = np.full((3, 32, 32), 0.5, dtype=np.float32)

    pale, faint = (
        Cue(Where.WATERMARK, Look.FAINT, (1,), 1.0, opacity=opacity).planted(picture, 1, np.random.default_rng(0))
        for opacity in (0.1, None)
    )

    assert np.allclose((faint - picture) * 0.1, (pale - picture) * 0.35, atol=1e-6)
    rows, columns = np.nonzero((faint != picture).any(axis=0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 29, 2, 11)


def test_only_the_share_that_follows_decides_which_network_is_audited():
    rows = [trained(0, 4, 0.6), trained(0, 1, 0.35), trained(1, 4, 0.1)]

    assert levels(weak_cues()[0], rows) == {4: 0.6, 1: 0.35}
    assert weak_cases(rows) == [weak_cues()[0].case(1)]


def test_a_weak_row_is_whole_without_the_audit_of_few_passes():
    row = audited(trained(0, MIDDLE, 0.4), "DECISIVE")
    current = [{**one, "choice": "patterns"} for one in row["audits"]]

    assert is_whole({**row, "audits": current})
    assert not is_whole({**row, "audits": current[:1]})
    assert not is_whole({**row, "cue": {**row["cue"], "stray": 0.0}, "audits": current})


def test_the_table_counts_what_was_trained_left_out_and_found():
    rows = [trained(0, 4, 0.6), trained(0, 1, 0.35), trained(1, 4, 0.4), trained(2, 4, 0.45), trained(3, 4, 0.1)]

    text = " ".join(weak_table(rows, [audited(rows[1], "DECISIVE"), audited(rows[2], "NONE_FOUND")]))

    assert f"4 of {len(weak_cues())} searches have begun. 5 networks were trained, and 2 of them left out" in text
    assert "fewer than 30% follow in 1, at least 50% in 1." in text
    assert "Searches that ended without a network in the range: 0. Searches that have not ended: 1." in text
    assert f"**{STRAYS[1]:g}: 35%**, {STRAYS[4]:g}: 60% | DECISIVE | DECISIVE |" in text
    assert "| NONE_FOUND | NONE_FOUND |" in text
    assert "| not run | not run |" in text
    assert "Found: 1 of 2 at 300 images, 1 of 2 at 1,000 images." in text


def test_each_way_is_sought_on_both_networks():
    assert {(sought.architecture, sought.way) for sought in weak_cues()} == {
        (architecture, way) for architecture in ("plain", "resnet8") for way in Way
    }
