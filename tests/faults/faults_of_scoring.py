"""Faults of the SCORE stage: the audit is of two versions, each of which scores the subsets that the other found."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.signs import Line, Metric
from tests.faults.stage import ITEMS, SUBJECT
from tests.faults.subject import ARCHITECTURE, exact_network, pictures

#: Beside the subject's own model: the same network, which takes red for granted.
TWIN = "twin"
RED_BIAS = 8.0
MODELS = ("m", TWIN)
MEAN, DEVIATION = 0.5, 0.25
#: Rounding of a softmax in float32.
TOLERANCE = 1e-5
EXPIRED = Metric("api", "modicum_queue_leases_expired_total")


def twin_network() -> torch.nn.Module:
    """The subject's network with a bias that is exact too."""
    network = exact_network()
    with torch.no_grad():
        network.get_parameter("head.bias")[0] = RED_BIAS
    return network


def submit_both(trial: Trial) -> None:
    """Register the twin, ask for an audit of both, and wait until the fault's point is reached."""
    folder = trial.stage.folder
    save_file(twin_network().state_dict(), folder / "twin.safetensors")
    trial.stage.client(SUBJECT).models.register(
        TWIN,
        weights=folder / "twin.safetensors",
        architecture=ARCHITECTURE,
        input=folder / "input.toml",
        labels=folder / "labels.txt",
    )
    trial.submit(models=MODELS, controls=["transfer"])
    trial.gate.wait_reached()


def kill_while_it_scores(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a score."""
    submit_both(trial)
    trial.holder.kill()


def answered_once(trial: Trial) -> None:
    """See that every subset has one answer, and the one that the other network gives when it is asked here."""
    rows = json.loads(trial.audit.report("json"))["rows"]
    names = sorted({row["model_version"] for row in rows})
    networks = dict(zip(names, (exact_network(), twin_network()), strict=True))
    images = torch.tensor(pictures(ITEMS[SUBJECT], 0)).permute(0, 3, 1, 2) / 255
    scored = 0
    for row in rows:
        (other,) = set(names) - {row["model_version"]}
        answers = row["controls"]["transfers"]
        if row["subset"] is None or row["baseline_confident"] or row["budget_exhausted"]:
            assert answers == [], f"expected no answer where there is no evidence, got {row}"
            continue
        assert [answer["model_version"] for answer in answers] == [other], f"expected one answer of {other}: {row}"
        expected = _confidences(networks[other], images[row["position"]], row["subset"])
        _expect(answers[0], expected, row["target_class"])
        scored += 1
    assert scored, "expected subsets that were scored, got none"
    trial.note(f"{scored} scored")


def _confidences(network: torch.nn.Module, image: torch.Tensor, subset: dict[str, Any]) -> Sequence[float]:
    shape = subset["height"], subset["width"]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(subset["mask"]), np.uint8), count=shape[0] * shape[1])
    mask = torch.tensor(bits.reshape(shape).astype(bool))
    with torch.no_grad():
        painted = torch.where(mask, image, torch.full_like(image, MEAN))
        logits = network(((painted - MEAN) / DEVIATION)[None])[0]
    confidences: Sequence[float] = logits.softmax(0).tolist()
    return confidences


def _expect(answer: dict[str, Any], confidences: Sequence[float], target: int) -> None:
    assert answer["reason"] is None, f"expected a score, got {answer}"
    difference = abs(answer["confidence"] - confidences[target])
    assert difference < TOLERANCE, f"expected a confidence of {confidences[target]}, got {answer}"
    assert answer["predicted_class"] == int(np.argmax(confidences)), f"expected {confidences}, got {answer}"


FAULTS = (
    Fault(
        name="worker_killed_while_it_scores",
        where="a worker stores another version's scores of subsets, some of them stored",
        injected="kill -9 of the worker; the next one is started",
        mechanism="leases return the shard; what is scored is not scored again, and a version's first answer stays",
        point=Point.SCORE,
        stored=(0, 5, 17),
        submits=False,
        models=MODELS,
        strike=kill_while_it_scores,
        also=answered_once,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        seen_to_fail="with the expiry of leases of this stage taken out",
    ),
)
