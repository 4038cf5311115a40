"""What `client.gate` asks of the server: every key under `audit` of a policy, as `modicum gate` asks it."""

import pytest
from modicum.cli.gate import search_of
from modicum.gate.schemas import POLICY, schema_of
from modicum.v1 import search_pb2

from tests.client.scripted_results import succeeded
from tests.gate.test_policy import policy

OFF = "spot: off, shortcut-accuracy-excess: off, counterfactual-accuracy-loss: off"
RULES = f"rules: {{{OFF}, overinterpretation-rate: {{max: 0.5, search: 0}}}}\n"
PREDICTED, OTHER = search_pb2.TARGET_RULE_PREDICTED, search_pb2.TARGET_RULE_RANDOM_OTHER
BACKSELECT, BATCHED = search_pb2.SEARCH_METHOD_BACKSELECT, search_pb2.SEARCH_METHOD_BATCHED_GRADIENT


def each(field):
    """What the searches of a specification have in a field."""
    return lambda asked: [getattr(one, field) for one in asked.searches]


def plans(asked):
    return [(plan.control, plan.images, plan.passes, plan.method) for plan in asked.controls]


#: By key: what a policy says, what of the specification shows it, and what is there.
ASKED = {
    "threshold": ("[0.7, 0.8]", each("threshold"), [0.7, 0.8]),
    "passes": ("300", each("passes"), [300]),
    "fill": ("blur", each("fill"), [search_pb2.FILL_BLUR]),
    "method": ("backselect", each("method"), [BACKSELECT]),
    "pixels_per_step": ("16, method: batched_gradient", each("pixels_per_step"), [16]),
    "fraction": ("0.5, method: backselect", each("fraction"), [0.5]),
    "target": ("[random_other, predicted]", each("target_rule"), [OTHER, PREDICTED]),
    "seed": ("7", lambda asked: asked.seed, 7),
    "sample": ("20", lambda asked: asked.sample, 20),
    "level": ("0.9", lambda asked: asked.statistics.level, 0.9),
    "alpha": ("0.1", lambda asked: asked.statistics.alpha, 0.1),
    "controls": ("['class_targeted:8:30']", plans, [(search_pb2.CONTROL_CLASS_TARGETED, 8, 30, 0)]),
    "pixel_subsets": ("200", plans, [(search_pb2.CONTROL_PIXEL_SUBSETS, 0, 200, 0)]),
    "pixel_subsets_method": (
        "batched_gradient, pixel_subsets: 200",
        plans,
        [(search_pb2.CONTROL_PIXEL_SUBSETS, 0, 200, BATCHED)],
    ),
    "device": ("cpu", lambda asked: asked.device, "cpu"),
    "stopping": ("true", lambda asked: [limit.measure for limit in asked.stopping.limits], ["overinterpretation_rate"]),
}


@pytest.fixture
def gated(client, script, tmp_path):
    """What is asked of the server for a policy with so much under `audit`; of one version, `m`."""
    succeeded(script, {})
    file = tmp_path / "modicum.yaml"

    def ask(audit):
        file.write_text(f"version: 1\naudit: {audit}\n{RULES}")
        client.gate("m", "photos", file)
        return script.calls["CreateAudit"][-1].audit.specification

    return ask


def test_each_key_of_a_policy_is_looked_at_here():
    assert set(ASKED) == set(schema_of(POLICY)["properties"]["audit"]["properties"])


@pytest.mark.parametrize(("key", "row"), ASKED.items(), ids=ASKED)
def test_the_client_asks_for_each_key_under_audit(gated, key, row):
    text, told, expected = row

    assert told(gated(f"{{{key}: {text}}}")) == expected


def test_an_empty_list_of_controls_asks_for_none(gated):
    assert gated("{controls: []}").no_controls
    assert not gated("{}").no_controls


@pytest.mark.parametrize("key", ASKED.keys() - {"stopping"})
def test_the_client_and_the_command_ask_alike(client, script, gated, key):
    text = f"{{{key}: {ASKED[key][0]}}}"
    asked = gated(text)

    client.audits.create(models=["m"], dataset="photos", **search_of(policy(f"audit: {text}\n{RULES}").audit).arguments)

    assert script.calls["CreateAudit"][-1].audit.specification == asked
