"""Which pictures are looked at when two audits stand side by side."""

from dataclasses import replace

from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.side_by_side import positions_looked_at

from tests.measures.example_audit import audit


def test_pictures_of_a_data_set_sorted_by_class_come_from_all_its_classes():
    looked_at = positions_looked_at(audit(count=1000), images=50)

    assert len(set(looked_at)) == 50
    assert {position // 200 for position in looked_at} == {0, 1, 2, 3, 4}


def test_an_audit_that_ended_early_has_findings_of_what_is_looked_at():
    ended_early = audit(count=1000)
    done = draw_order(seed=ended_early.specification.seed, item_count=1000)[:100]

    assert positions_looked_at(ended_early, images=100) == done


def test_audits_with_one_seed_look_at_the_same_pictures():
    one, other = audit(count=40), replace(audit(count=40), name="projects/default/audits/b")

    assert positions_looked_at(one, images=10) == positions_looked_at(other, images=10)
    assert len(positions_looked_at(one, images=500)) == 40
