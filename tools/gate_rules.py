"""What a policy may name: a rule for each measure, reading and verdict of a result document, and the controls.

python tools/gate_rules.py            writes the rules to clients/python/modicum/gate/rules.json, and the names of the
                                      controls into clients/python/modicum/schemas/policy-v1.json
python tools/gate_rules.py --check    only says which of these files differ
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.reading_rules import INCONCLUSIVE, RULES
from modicum_server.domain.reviews import ReviewOutcome
from modicum_server.domain.searches import Control
from modicum_server.measures import counterfactuals, mitigation, mitigation_rule, registry, shortcut, spots, transfer

CLIENT = Path(__file__).resolve().parents[1] / "clients/python/modicum"
RULES_FILE = CLIENT / "gate/rules.json"
SCHEMA_FILE = CLIENT / "schemas/policy-v1.json"
#: In the schema, the names of the controls before the rest of their pattern, and their examples.
CONTROLS = re.compile(r'(?P<before>"pattern": "\^\()[a-z_|]+(?P<rest>\)\(:.*?", "examples": )\[.*?\]')
#: Lists of the document whose entries end in one of a few words.
VERDICTS = {
    "spot": (spots.DOCUMENT_LIST.key, "outcome", "Spot test: whether a small spot decides"),
    "mitigation": (mitigation.DOCUMENT_LIST.key, "verdict", "Whether an ensemble mitigates overinterpretation"),
    "review": ("reviews", "outcome", "Blind review: whether people see the predicted class in the subsets"),
}
#: By the id of a rule, the outcomes that a policy may expect.
OUTCOMES = {
    **{name.replace("_", "-"): [*rule.outcomes, INCONCLUSIVE] for name, rule in RULES.items()},
    "transfer": list(transfer.OUTCOMES),
    "shortcut": list(shortcut.OUTCOMES),
    "mitigation": list(mitigation_rule.OUTCOMES),
    counterfactuals.CONTROL: [outcome.value for outcome in CounterfactualOutcome],
    "review": [outcome.value for outcome in ReviewOutcome],
}
#: Lists whose measures are rules: with an entry for each version, or for each pair of versions.
MEASURED = {
    counterfactuals.DOCUMENT_LIST.key: counterfactuals.DOCUMENT_LIST.titles,
    transfer.DOCUMENT_LIST.key: transfer.DOCUMENT_LIST.titles,
    "comparisons": registry.pair_titles(),
}


#: Rules about a result and its baseline together: the id, and the measure of two versions that it is like.
AGAINST_BASELINE = {"subset-fraction": "subset_fraction_ratio"}


def rules() -> list[dict[str, Any]]:
    """Return the rules in the order of the document."""
    whole = [*_verdicts(), *_measures(), *_measures_of_lists(), *_readings(), *_compared()]
    return [{**one, "outcomes": OUTCOMES[one["id"]]} if one["id"] in OUTCOMES else one for one in whole]


def _verdicts() -> Iterator[dict[str, Any]]:
    for name, (key, field, title) in VERDICTS.items():
        yield {"id": name, "kind": "verdict", "name": key, "field": field, "title": title}


def _measures() -> Iterator[dict[str, Any]]:
    for name, title in registry.measure_titles().items():
        yield {"id": _id(name), "kind": "measure", "name": name, "title": title.text, "range": title.range}


def _measures_of_lists() -> Iterator[dict[str, Any]]:
    for key, titles in MEASURED.items():
        for name, title in titles.items():
            found = {"id": _id(name), "kind": "measure", "name": name, "part": key}
            yield {**found, "title": title.text, "range": title.range}


def _readings() -> Iterator[dict[str, Any]]:
    for name in map(str, Control):
        if name not in VERDICTS:
            yield {"id": _id(name), "kind": "reading", "name": name, "title": f"Reading of the control {name}"}
    name = counterfactuals.CONTROL
    yield {"id": name, "kind": "reading", "name": name, "title": "Reading of the counterfactual set"}


def _compared() -> Iterator[dict[str, Any]]:
    for name, ratio in AGAINST_BASELINE.items():
        title = registry.pair_titles()[ratio]
        found = {"id": name, "kind": "baseline", "name": ratio}
        yield {**found, "title": f"{title.text} to the baseline", "range": title.range}


def _id(name: str) -> str:
    return name.replace("_", "-")


def rules_text() -> str:
    """Return the text of the file of rules."""
    return json.dumps(rules(), indent=2) + "\n"


def schema_text(schema: str) -> str:
    """Return the text of the policy's schema with the names of all controls."""
    names, examples = "|".join(Control), json.dumps(list(map(str, Control)))
    return CONTROLS.sub(lambda found: f"{found['before']}{names}{found['rest']}{examples}", schema)


def differing() -> dict[Path, str]:
    """Return the text that each file should have which has another one."""
    texts = {RULES_FILE: rules_text(), SCHEMA_FILE: schema_text(SCHEMA_FILE.read_text(encoding="utf-8"))}
    return {file: text for file, text in texts.items() if file.read_text(encoding="utf-8") != text}


if __name__ == "__main__":
    wanted = differing()
    if "--check" in sys.argv and wanted:
        sys.exit(f"{' and '.join(file.name for file in wanted)} differs: run tools/gate_rules.py")
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")
