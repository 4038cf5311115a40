"""Faults of the SCORE stage: versions score the subsets that others found, or predict a second data set whole."""

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
from tests.faults.subject import ARCHITECTURE, CLASSES, exact_network, pictures

#: Beside the subject's own model: the same network, which takes red for granted.
TWIN = "twin"
RED_BIAS = 8.0
MODELS = ("m", TWIN)
#: The mean of both networks' logits, and the data set on which all three predict; its items are other pictures.
ENSEMBLE, SECOND = "both", "others"
SECOND_ITEMS, SECOND_SEED = 12, 7
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


def register_twin(trial: Trial) -> None:
    """Register the twin, if it is not there yet."""
    folder = trial.stage.folder
    save_file(twin_network().state_dict(), folder / "twin.safetensors")
    trial.stage.client(SUBJECT).models.register(
        TWIN,
        weights=folder / "twin.safetensors",
        architecture=ARCHITECTURE,
        input=folder / "input.toml",
        labels=folder / "labels.txt",
    )


def kill_while_it_scores(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a score."""
    register_twin(trial)
    trial.submit(models=MODELS, controls=["transfer"])
    trial.gate.wait_reached()
    trial.holder.kill()


def kill_while_it_predicts(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a prediction."""
    register_twin(trial)
    client, path = trial.stage.client(SUBJECT), trial.stage.folder / "second.npz"
    client.models.ensemble(ENSEMBLE, members=MODELS)
    labels = np.arange(SECOND_ITEMS) % len(CLASSES)
    labels = np.array(CLASSES)[np.arange(SECOND_ITEMS) % len(CLASSES)]
    np.savez(path, images=pictures(SECOND_ITEMS, SECOND_SEED), labels=labels)
    client.datasets.upload(SECOND, path)
    trial.submit(models=(*MODELS, ENSEMBLE), out_of_distribution=SECOND)
    trial.gate.wait_reached()
    trial.holder.kill()


def predicted_once(trial: Trial) -> None:
    """See that each version has one prediction on every picture, the one that it gives when it is asked here."""
    rows = trial.stage.sql(
        "SELECT version_index, position, predicted_class FROM predictions JOIN audits ON id = audit_id WHERE name = %s"
        " ORDER BY version_index, position",
        trial.name,
    )
    logits = [_logits(network, _images(SECOND_ITEMS, SECOND_SEED)) for network in (exact_network(), twin_network())]
    expected = [
        {"version_index": index, "position": position, "predicted_class": predicted}
        for index, answers in enumerate((*logits, (logits[0] + logits[1]) / 2))
        for position, predicted in enumerate(answers.argmax(1).tolist())
    ]
    assert rows == expected, f"expected {expected}, got {rows}"


def answered_once(trial: Trial) -> None:
    """See that every subset has one answer, and the one that the other network gives when it is asked here."""
    rows = json.loads(trial.audit.report("json"))["rows"]
    names = sorted({row["model_version"] for row in rows})
    networks = dict(zip(names, (exact_network(), twin_network()), strict=True))
    images = _images(ITEMS[SUBJECT], 0)
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
    painted = torch.where(mask, image, torch.full_like(image, MEAN))
    confidences: Sequence[float] = _logits(network, painted[None])[0].softmax(0).tolist()
    return confidences


def _images(count: int, seed: int) -> torch.Tensor:
    return torch.tensor(pictures(count, seed)).permute(0, 3, 1, 2) / 255


@torch.no_grad()
def _logits(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = network((images - MEAN) / DEVIATION)
    return logits


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
    Fault(
        name="worker_killed_while_it_predicts",
        where="a worker stores what an ensemble and its members predict on a second data set, some of it stored",
        injected="kill -9 of the worker; the next one is started",
        mechanism="leases return the shard; what is predicted is not predicted again, and the first answer stays",
        point=Point.PREDICTION,
        stored=(0, 5, 17),
        submits=False,
        models=(*MODELS, ENSEMBLE),
        strike=kill_while_it_predicts,
        also=predicted_once,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        seen_to_fail="with the expiry of leases taken out",
    ),
)
