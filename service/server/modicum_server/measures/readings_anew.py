"""The outcomes of readings at other levels: each rule is applied to the intervals that one-sided tails give.

A policy judges a reading at its share of the error budget, and the document holds one interval of each measure. So it
also holds the outcome at each of `TAILS`. Intervals are exact below 1/200, those of quantiles are order statistics. The
rules are the client's, which takes the outcomes again from the document. That of the counterfactual set is applied
where all its classes are known (`counterfactual_pairs`). Not derived anew: the spot test, which has a rule of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modicum.gate.class_rules import DROP, EXCESS, shortcut_outcome, transfer_outcome
from modicum.gate.intervals import TAILS
from modicum.gate.reading_rules import plain_rules

from modicum_server.measures import counterfactuals, shortcut, transfer
from modicum_server.measures.measure import Measured

Outcomes = Mapping[str, Sequence[tuple[float, str]]]


def outcomes_by_tail(measured: Measured, across: Mapping[str, Sequence[Any]], version: str, index: int) -> Outcomes:
    """Return the outcomes of the readings of one version under one search, by control: one for each tail.

    `across` are the lists of the document across versions. Outcomes of controls without a reading mean nothing.
    """
    measures = {name: one.as_json() for name, one in measured.items()}
    drop, excess = measures[DROP], measures[EXCESS]
    kept = [one.as_json() for one in transfer.kept_shares(across[transfer.DOCUMENT_LIST.key], version, index).values()]
    rules = {control: rule.outcome for control, rule in plain_rules(measures).items()} | {
        shortcut.CONTROL: lambda tail: shortcut_outcome(drop, excess, tail),
        transfer.CONTROL: lambda tail: transfer_outcome(kept, tail),
    }
    found = {control: [(tail, outcome(tail)) for tail in TAILS] for control, outcome in rules.items()}
    for test in across[counterfactuals.DOCUMENT_LIST.key]:
        if (test.model_version, test.search_index) == (version, index):
            found[counterfactuals.CONTROL] = list(test.outcomes)
    return found
