"""The gate through the real service: it audits, judges, and its stored result gives the same verdict again."""

import json
import re

import numpy as np
import pytest
from modicum import Client
from modicum.gate.baselines import LEAST_SIZES
from PIL import Image

from tests.acceptance.acceptance_stage import CLASSES, MODEL, patches
from tests.attestation.attestation_stage import key_pair, private_pem, public_pem

POLICY = """version: 1
audit: {threshold: 0.9, passes: 40, controls: [fill]}
rules:
  spot: off
  accuracy: {level: error, min: RATE}
"""


@pytest.mark.long
def test_the_gate_and_a_later_judgement_of_its_result_give_one_verdict(place):
    controls = "class_targeted, fill, fill_robust, dilated, mask_only, random, shortcut, pixel_subsets"
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.3").replace("fill", controls))
    outputs = ("--result", "result.json", "--output", "verdict.json", "--output", "verdict.xml")

    gate = place.run("modicum", "gate", "photos", *MODEL, *outputs)
    judged = place.run("modicum", "judge", "result.json", "--json")
    stored = place.run("modicum", "judge", json.loads((place.folder / "result.json").read_text())["audit"], "--json")

    assert gate.code == judged.code == stored.code == 0, gate.messages
    assert gate.output.startswith("PASS: 1 rule of level error within limits")
    assert judged.document == stored.document == json.loads((place.folder / "verdict.json").read_text())


@pytest.mark.long
def test_a_verdict_that_the_server_stores_is_that_of_the_command(place, server):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.3"))

    gate = place.run("modicum", "gate", "photos", *MODEL, "--output", "verdict.json", "--save")
    (name,) = re.findall(r"(?<!/)projects/default/verdicts/\S+", gate.messages)
    with Client(server.address, token=server.token) as client:
        stored = client.verdicts.get(name)
        document = client.verdicts.document(stored)

    assert gate.code == 0, gate.messages
    assert document == json.loads((place.folder / "verdict.json").read_text())
    assert (stored.outcome, [rule.id for rule in stored.rules]) == ("PASS", ["accuracy"])
    listed = place.run("modicum", "verdicts", "list", "--filter", f"audit = {stored.audit}", "--json")
    shown = place.run("modicum", "verdicts", "show", name.rsplit("/", 1)[-1], "-o", "later.xml", "--json")
    table = place.run("modicum", "verdicts", "list")
    assert [one["name"] for one in listed.document] == [name]
    assert shown.document == document
    assert b"testsuite" in (place.folder / "later.xml").read_bytes()
    assert "PASS" in table.output


def test_the_weights_of_a_signed_verdict_are_verified_and_one_flipped_bit_is_not(place):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.3"))
    private, public = key_pair()
    (place.folder / "k.pem").write_bytes(private_pem(private))
    (place.folder / "k.pub").write_bytes(public_pem(public))
    verify = ("--attestation", "v.sigstore.json", "--key", "k.pub", "--policy", "modicum.yaml", "--max-age", "1d")
    flipped = bytearray((place.folder / "w.safetensors").read_bytes())
    flipped[-1] ^= 1
    (place.folder / "flipped.safetensors").write_bytes(flipped)

    gate = place.run("modicum", "gate", "photos", *MODEL, "--output", "verdict.json")
    signed = place.run("modicum", "attest", "verdict.json", "--key", "k.pem", "--output", "v.sigstore.json")
    verified = place.run("modicum", "verify", "w.safetensors", *verify)
    refused = place.run("modicum", "verify", "flipped.safetensors", *verify)

    assert (gate.code, signed.code, verified.code, refused.code) == (0, 0, 0, 1), signed.messages
    assert refused.output.startswith("REFUSED: weights")


@pytest.mark.long
def test_nine_photographs_do_not_settle_a_high_limit(place):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.9"))

    gate = place.run("modicum", "gate", "photos", *MODEL)

    assert gate.code == 4, gate.messages
    assert gate.output.startswith("INCONCLUSIVE: accuracy")


@pytest.mark.long
def test_a_plan_takes_its_minutes_from_the_run_of_the_audit_or_from_the_version(place):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("RATE", "0.9"))
    gate = place.run("modicum", "gate", "photos", *MODEL, "--name", "timed", "--result", "result.json")
    audit = json.loads((place.folder / "result.json").read_text())["audit"]
    ways = ((audit,), ("result.json", "--model", "timed"))

    run, version = (place.run("modicum", "plan", *of, "--json") for of in ways)

    assert gate.code == 4
    assert run.code == version.code == 0, run.messages + version.messages
    (rule,) = run.document["rules"]
    assert (rule["id"], rule["outcome"], rule["enough"]) == ("accuracy", "PASS", False)
    assert rule["images_for_four_in_five"] > rule["images_for_half"] > 9
    assert rule["minutes"] == pytest.approx(rule["passes"] / run.document["passes_a_second"] / 60)
    assert "measured in the run of that audit" in " ".join(run.document["assumptions"])
    assert version.document["passes_a_second"] > 0
    assert "measured when the version was registered" in " ".join(version.document["assumptions"])


def test_a_network_that_follows_a_patch_fails_with_pictures_of_it_which_later_commands_show_again(place):
    write_photographs(place.folder / "many", 60)
    (place.folder / "modicum.yaml").write_text("version: 1\naudit: {threshold: 0.9, passes: 40, controls: [spot]}\n")

    gate = place.run("modicum", "gate", "many", *MODEL, "--result", "result.json", "-o", "verdict.json", "-o", "v.html")
    judged = place.run("modicum", "judge", "result.json", "--json")
    rendered = place.run("modicum", "render", "verdict.json", "-o", "later.html", "-o", "later.md")

    assert gate.code == judged.code == 1, gate.messages
    assert rendered.code == 0, rendered.messages
    assert gate.output.startswith("FAIL: spot")
    assert judged.document == json.loads((place.folder / "verdict.json").read_text())
    assert (place.folder / "v.html").read_text().count('<img src="data:image/png;base64,') == 4
    assert (place.folder / "later.html").read_bytes() == (place.folder / "v.html").read_bytes()
    assert "\n### The worst spot, for " in (place.folder / "later.md").read_text()


def write_photographs(folder, count):
    """Write photographs in class folders."""
    labels = np.arange(count) % len(CLASSES)
    for number, (image, label) in enumerate(zip(patches(labels, seed=11), labels, strict=True)):
        path = folder / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


COMPARED = """version: 1
audit: {threshold: 0.8, passes: PASSES, controls: [fill]}
baseline: BASELINE
rules:
  spot: off
  subset-fraction: {level: error, min_ratio_to_baseline: 0.5}
"""


@pytest.fixture
def photographs(place):
    """Enough photographs for a ratio of sizes."""
    write_photographs(place.folder / "many", 2 * LEAST_SIZES)
    return place


def compared(place, baseline, *, passes=40):
    """Write a policy that compares with this baseline."""
    text = COMPARED.replace("BASELINE", baseline).replace("PASSES", str(passes))
    (place.folder / "modicum.yaml").write_text(text)


def baseline_named(output):
    """The audit that a verdict names as its baseline."""
    return re.search(r"the baseline is (\S+),", output)[1]


@pytest.mark.long
def test_a_baseline_on_the_server_is_compared_with_and_audited_anew_where_it_differs(photographs):
    place = photographs
    compared(place, "{model: gated/1}")

    first = place.run("modicum", "gate", "many", *MODEL, "--name", "gated", "--result", "first.json")
    stored = baseline_named(first.output)
    again = place.run("modicum", "judge", "first.json")
    compared(place, f"{{audit: {stored}}}")
    by_audit = place.run("modicum", "judge", "first.json")
    compared(place, f"{{audit: {stored}}}", passes=60)
    anew = place.run("modicum", "gate", "many", *MODEL, "--name", "gated", "--result", "anew.json")
    compared(place, "{model: gated/1}", passes=40)
    (place.folder / "missing.json").write_text((place.folder / "anew.json").read_text().replace('"cpu"', '"cuda"'))
    missing = place.run("modicum", "judge", "missing.json")

    assert [one.code for one in (first, again, by_audit, anew)] == [0, 0, 0, 0], first.messages + anew.messages
    assert baseline_named(again.output) == baseline_named(by_audit.output) == stored
    assert baseline_named(anew.output) != stored
    assert missing.code == 2
    assert "differs in device; run `modicum gate`" in missing.messages
