"""Decisions are numbered, and each number is one decision's."""

import re
from collections import Counter

from tests.docs.documents import ROOT

RECORDS = sorted((ROOT / "docs/decisions").glob("0*.md"))


def number(record):
    return record.name.split("-", 1)[0]


def test_no_two_decisions_have_the_same_number():
    assert [one for one, count in Counter(map(number, RECORDS)).items() if count > 1] == []


def test_a_decision_begins_with_its_number():
    beginnings = {record.name: re.match(r"# (\d+)\. ", record.read_text(encoding="utf-8")) for record in RECORDS}

    wrong = [name for name, found in beginnings.items() if found is None or int(found[1]) != int(name.split("-")[0])]
    assert wrong == []
