"""The gate through the real service: it audits, judges, and its stored result gives the same verdict again."""

import json

from tests.acceptance.acceptance_stage import ARCHITECTURE

MODEL = (
    "--weights",
    "w.safetensors",
    "--architecture",
    ARCHITECTURE,
    "--input",
    "input.toml",
    "--labels",
    "labels.txt",
)
POLICY = """version: 1
audit: {threshold: 0.9, passes: 40, controls: [fill]}
rules:
  spot: off
  accuracy: {level: error, min: RATE}
"""


def test_the_gate_and_a_later_judgement_of_its_result_give_one_verdict(place):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.3"))
    outputs = ("--result", "result.json", "--output", "verdict.json", "--output", "verdict.xml")

    gate = place.run("modicum", "gate", "photos", *MODEL, *outputs)
    judged = place.run("modicum", "judge", "result.json", "--json")
    stored = place.run("modicum", "judge", json.loads((place.folder / "result.json").read_text())["audit"], "--json")

    assert gate.code == judged.code == stored.code == 0, gate.messages
    assert gate.output.startswith("PASS: 1 rule of level error within limits")
    assert judged.document == stored.document == json.loads((place.folder / "verdict.json").read_text())


def test_nine_photographs_do_not_settle_a_high_limit(place):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.9"))

    gate = place.run("modicum", "gate", "photos", *MODEL)

    assert gate.code == 4, gate.messages
    assert gate.output.startswith("INCONCLUSIVE: accuracy")
