"""Faults of the SCORE stage: versions score the subsets of others, or predict a second data set."""

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

#: A second model: the subject's network with a bias towards red.
SECOND_MODEL = "second"
RED_BIAS = 8.0
MODELS = ("m", SECOND_MODEL)
#: The mean of both networks' logits, and the data set on which all three predict. Its pictures are different ones.
ENSEMBLE, SECOND_DATASET = "both", "others"
SECOND_ITEMS, SECOND_SEED = 12, 7
MEAN, DEVIATION = 0.5, 0.25
#: Rounding of a softmax in float32.
TOLERANCE = 1e-5
EXPIRED = Metric("api", "modicum_queue_leases_expired_total")


def second_network() -> torch.nn.Module:
    """The subject's network with a bias. The bias is exact in float32 too."""
    network = exact_network()
    with torch.no_grad():
        network.get_parameter("head.bias")[0] = RED_BIAS
    return network


def register_second_model(trial: Trial) -> None:
    """Register the second model, unless it exists."""
    folder = trial.stage.folder
    save_file(second_network().state_dict(), folder / "second.safetensors")
    trial.stage.client(SUBJECT).models.register(
        SECOND_MODEL,
        weights=folder / "second.safetensors",
        architecture=ARCHITECTURE,
        input=folder / "input.toml",
        class_labels=folder / "labels.txt",
    )


def kill_while_it_scores(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a score."""
    register_second_model(trial)
    trial.submit(models=MODELS, controls=["transfer"])
    trial.gate.wait_reached()
    trial.holder.kill()


def kill_while_it_predicts(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a prediction."""
    register_second_model(trial)
    client, path = trial.stage.client(SUBJECT), trial.stage.folder / "second.npz"
    client.models.ensemble(ENSEMBLE, members=MODELS)
    labels = np.arange(SECOND_ITEMS) % len(CLASSES)
    labels = np.array(CLASSES)[np.arange(SECOND_ITEMS) % len(CLASSES)]
    np.savez(path, images=pictures(SECOND_ITEMS, SECOND_SEED), labels=labels)
    client.datasets.upload(SECOND_DATASET, path)
    trial.submit(models=(*MODELS, ENSEMBLE), out_of_distribution=SECOND_DATASET)
    trial.gate.wait_reached()
    trial.holder.kill()


def predicted_once(trial: Trial) -> None:
    """Check that each version has one prediction per picture, equal to the one computed here."""
    rows = trial.stage.sql(
        "SELECT version_index, position, predicted_class FROM predictions JOIN audits ON id = audit_id WHERE name = %s"
        " ORDER BY version_index, position",
        trial.name,
    )
    logits = [_logits(network, _images(SECOND_ITEMS, SECOND_SEED)) for network in (exact_network(), second_network())]
    expected = [
        {"version_index": index, "position": position, "predicted_class": predicted}
        for index, outputs in enumerate((*logits, (logits[0] + logits[1]) / 2))
        for position, predicted in enumerate(outputs.argmax(1).tolist())
    ]
    assert rows == expected, f"expected {expected}, got {rows}"


def scored_once(trial: Trial) -> None:
    """Check that every subset has one score, equal to the one that the other network gives here."""
    rows = json.loads(trial.audit.report("json"))["rows"]
    names = sorted({row["model_version"] for row in rows})
    networks = dict(zip(names, (exact_network(), second_network()), strict=True))
    images = _images(ITEMS[SUBJECT], 0)
    scored = 0
    for row in rows:
        (other,) = set(names) - {row["model_version"]}
        transfers = row["controls"]["transfers"]
        if row["subset"] is None or row["baseline_confident"] or row["budget_exhausted"]:
            assert transfers == [], f"expected no score without a subset to score, got {row}"
            continue
        assert [transfer["model_version"] for transfer in transfers] == [other], f"expected one score of {other}: {row}"
        expected = _confidences(networks[other], images[row["position"]], row["subset"])
        _require(transfers[0], expected, row["target_class"])
        scored += 1
    assert scored, "expected subsets that were scored, got none"
    trial.note(f"{scored} subsets scored")


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


def _require(transfer: dict[str, Any], confidences: Sequence[float], target: int) -> None:
    assert transfer["reason"] is None, f"expected a score, got {transfer}"
    difference = abs(transfer["confidence"] - confidences[target])
    assert difference < TOLERANCE, f"expected a confidence of {confidences[target]}, got {transfer}"
    assert transfer["predicted_class"] == int(np.argmax(confidences)), f"expected {confidences}, got {transfer}"


FAULTS = (
    Fault(
        name="worker_killed_while_it_scores",
        when="A worker is storing another version's scores of subsets. Some of them are already stored.",
        injected="The worker is killed (`kill -9`). Another one is started.",
        mechanism="The lease expires and the shard returns to the queue. Stored scores are not computed again, and a "
        "version's first score stays.",
        point=Point.SCORE,
        stored=(0, 5, 17),
        submits=False,
        models=MODELS,
        strike=kill_while_it_scores,
        also=scored_once,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        fails_without="lease expiry in this stage",
    ),
    Fault(
        name="worker_killed_while_it_predicts",
        when="A worker is storing what an ensemble and its members predict on a second data set. Some predictions "
        "are already stored.",
        injected="The worker is killed (`kill -9`). Another one is started.",
        mechanism="The lease expires and the shard returns to the queue. Stored predictions are not computed again, and"
        " the first prediction stays.",
        point=Point.PREDICTION,
        stored=(0, 5, 17),
        submits=False,
        models=(*MODELS, ENSEMBLE),
        strike=kill_while_it_predicts,
        also=predicted_once,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        fails_without="lease expiry",
    ),
)
