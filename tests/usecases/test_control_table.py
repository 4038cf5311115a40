"""The table of controls: it has every control, and says where every result stands."""

from dataclasses import fields

from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.findings import FindingControls
from modicum_server.domain.searches import Control

#: Part of no control: asked for where an ensemble is to be checked, and where an item has objects.
BESIDE_CONTROLS = {"critical_temperature", "objects"}


def test_the_table_has_every_control_in_their_order():
    assert list(CONTROLS) == list(Control)


def test_every_result_of_a_finding_is_that_of_a_control():
    results = {facts.result for facts in CONTROLS.values() if facts.result}

    assert results == {field.name for field in fields(FindingControls)} - BESIDE_CONTROLS


def test_what_searches_has_passes_of_its_own_in_its_result_and_nothing_else_has():
    hints = FindingControls.__annotations__

    for control, facts in CONTROLS.items():
        if not facts.result:  # of no single image
            continue
        assert ("tuple" not in str(hints[facts.result])) is facts.searches, control
        assert not (facts.searches and facts.scoring_passes), control
