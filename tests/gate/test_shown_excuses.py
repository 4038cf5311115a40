"""What a policy excuses stands in the summary and on the terminal, also beside many rules."""

import json

from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.gitlab import metrics
from modicum.gate.rendering.terminal import LINE_COLUMNS, MOST_LINES, terminal_lines
from modicum.wrapping import rows_of

from tests.gate.documents import CLEAN, DOCUMENTS, document, place, row, share, verdict

PLANTED = DOCUMENTS["planted"]
WAIVED = "waivers:\n  - {rule: spot, reason: ticket 12, owner: us, expires: 2026-12-31}\n"
ACCEPTED = "accept:\n  - {rule: spot, class: cat, place: moving, reason: the cat, owner: us}\n"
MOVING = document(
    {"accuracy": share(90, 100)}, spots=(CLEAN[0], row(0, place((20, 0), own=True), label="cat"), CLEAN[2])
)


def lines(given):
    return terminal_lines(json.loads(json.dumps(given.as_json())))


def test_a_waived_rule_is_not_counted_as_within_its_limits():
    given = verdict(WAIVED, PLANTED)

    assert given.summary == "PASS: 0 of 1 rule of level error within limits; waived: spot"
    assert b'modicum_rule_passes{rule="spot"} 0\n' in metrics(given.as_json())
    assert b'modicum_rule_waived{rule="spot"} 1\n' in metrics(given.as_json())


def test_the_summary_names_the_classes_whose_places_were_accepted():
    given = verdict(ACCEPTED, MOVING)

    assert given.summary == "PASS: 1 rule of level error within limits; accepted as evidence: a place of class cat"


def test_an_accepted_place_of_a_rule_that_is_off_is_not_in_the_summary():
    given = verdict(f"rules: {{spot: warn, accuracy: {{min: 0.1}}}}\n{ACCEPTED}", MOVING)

    assert given.summary == "PASS: 1 rule of level error within limits"


def test_what_is_excused_is_on_the_terminal_beside_any_number_of_rules():
    names = [f"fill-survival-{fill}" for fill in ("white", "black", "blur", "noise")]
    names += ["accuracy", "eligible-share", "random-sufficient-share", "dilated-sufficient-share"]
    rules = "".join(f"  {name}: {{max: 0.9}}\n" for name in names)

    told = lines(verdict(f"rules:\n  spot: error\n{rules}{ACCEPTED}", MOVING))

    assert sum(rows_of(line, LINE_COLUMNS) for line in told) <= MOST_LINES
    assert told[2].startswith("note: accepted by us: for class cat")
    assert told[-1].startswith("and ")


def test_many_excuses_leave_room_for_the_rules():
    rows = [row(at, place((20, 0), own=True), label=f"c{at}") for at in range(12)]
    accept = "".join(f"  - {{rule: spot, class: c{at}, place: moving, reason: it, owner: us}}\n" for at in range(12))

    told = lines(verdict(f"accept:\n{accept}", document(spots=(CLEAN[0], *rows))))

    assert told[0].endswith("accepted as evidence: a place of class c0, class c1, class c2 and 9 more")
    assert told[5] == "note: and 9 more that are accepted or waived"
    assert told[1].startswith("PASS         spot")
    assert sum(rows_of(line, LINE_COLUMNS) for line in told) <= MOST_LINES


def test_every_form_says_what_is_excused():
    document_of = verdict(ACCEPTED, MOVING).as_json()

    for suffix, form in FORMS.items():
        if suffix != ".metrics.txt":
            assert b"accepted by us" in form(document_of), suffix
