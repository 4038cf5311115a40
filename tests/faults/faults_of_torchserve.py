"""Faults of TorchServe and of the model's process: killed, hung, wedged, without models, short of memory."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import grpc
import psutil
import torch
from modicum import AuditState, ModelVersion
from modicum_server.generated import inference_pb2, management_pb2, management_pb2_grpc
from modicum_server.torchserve.access_keys import Keys
from safetensors.torch import save_file

from tests import machine
from tests.faults.fault import Fault, Trial, submitted
from tests.faults.gates import Point
from tests.faults.signs import Line, Metric, Reason
from tests.faults.stage import BESIDE, SUBJECT
from tests.faults.subject import CLASSES
from tests.living import lives
from tests.waiting import PATIENCE_SECONDS, eventually

COMPUTING = "The model's process is computing."
#: Findings stored when a shard is claimed. The number tells which of the three shards it is.
ANY_SHARD = (0, 4, 8)
SUPERVISED = "The worker starts TorchServe again. This does not count as a death of the model's process."
REPLACED = "The worker notices that there is no progress, sends a canary request, and replaces TorchServe."
DIED = Metric("worker", "modicum_worker_model_deaths")
NOT_FINISHED = Line("worker", "task_not_finished", names_audit=True)
#: TorchServe itself ends a silent process later. That is reported as a death, not as a hang.
HUNG = Line("worker", "task_not_finished", names_audit=True, fact=("reason", "MODEL_HUNG"))
#: Memory that a model's process may still allocate: enough for the small model, too little for the large one.
ROOM_BYTES = 32 << 20


def kill_java(trial: Trial) -> None:
    """Kill the Java process while a task runs."""
    _gone(trial.stage.java(trial.wait_computing()), signal.SIGKILL)


def terminate_java(trial: Trial) -> None:
    """Send the Java process SIGTERM while a task runs."""
    _gone(trial.stage.java(trial.wait_computing()), signal.SIGTERM)


def hang_java(trial: Trial) -> None:
    """Stop the Java process for good. The worker must end it."""
    java = trial.stage.java(trial.wait_computing())
    java.suspend()
    eventually(lambda: not lives(java), "the worker to end a TorchServe that hangs")


def kill_model(trial: Trial) -> None:
    """Kill the model's process while it computes."""
    _gone(trial.stage.model_process(trial.wait_computing()), signal.SIGKILL)


def terminate_model(trial: Trial) -> None:
    """Send the model's process SIGTERM while it computes."""
    _gone(trial.stage.model_process(trial.wait_computing()), signal.SIGTERM)


def hang_model(trial: Trial) -> None:
    """Stop the model's process for good, while TorchServe still reports itself healthy."""
    model = trial.stage.model_process(trial.wait_computing())
    model.suspend()
    eventually(lambda: not lives(model), "the worker to end a model's process that hangs")


def wedge(trial: Trial) -> None:
    """Make a unary call to the model process, which only streams. It ends, but TorchServe keeps reporting it ready.

    The fault ends when that process is gone. The worker must then recover.
    """
    folder, model = _folder(trial), trial.stage.model_process()
    with grpc.insecure_channel(f"127.0.0.1:{_port(folder, 'inference')}") as channel:
        request = inference_pb2.PredictionsRequest(model_name="slot0", input={"slot_folder": b"/nowhere"})
        metadata = _keys(folder).metadata("inference")
        call = channel.unary_unary(
            "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions",
            request_serializer=inference_pb2.PredictionsRequest.SerializeToString,
            response_deserializer=inference_pb2.PredictionResponse.FromString,
        )
        with contextlib.suppress(grpc.RpcError):
            call(request, metadata=metadata, timeout=3)
    trial.submit()
    eventually(lambda: not lives(model), "the wedged model's process to end, by itself or by the worker")


def forget_models(trial: Trial) -> None:
    """Unregister the slot's model, as if TorchServe had restarted without it."""
    folder = _folder(trial)
    with grpc.insecure_channel(f"127.0.0.1:{_port(folder, 'management')}") as channel:
        stub = management_pb2_grpc.ManagementAPIsServiceStub(channel)
        metadata = _keys(folder).metadata("management")
        stub.UnregisterModel(
            management_pb2.UnregisterModelRequest(model_name="slot0"), metadata=metadata, timeout=PATIENCE_SECONDS
        )
    trial.submit()


def outgrow(trial: Trial) -> None:
    """Request an audit of a model that needs more memory than its process may use until the audit ends."""
    submitted(trial.stage, BESIDE).wait()  # the small model has then allocated what it needs
    process = trial.stage.model_process()
    before = _memory_limit(process)
    _memory_limit(process, str(process.memory_info().data + ROOM_BYTES))
    try:
        trial.submit_to(BESIDE)
        trial.submit_to(SUBJECT, models=[_large_version(trial)])
        trial.ended()  # the limit stays until the end
        trial.wait_ended()
    finally:
        if lives(process):
            _memory_limit(process, before)


def _memory_limit(process: psutil.Process, new: str = "") -> str:
    """Read or change what a process may allocate, as its own user: root may not where a capability is missing."""
    owner = process.uids().real
    as_owner: dict[str, Any] = {"user": owner, "group": process.gids().real, "extra_groups": []}
    done = subprocess.run(
        [
            machine.program("prlimit", package="util-linux"),
            *("--pid", str(process.pid)),
            *([f"--data={new}:"] if new else ["--data", "--output", "SOFT", "--raw", "--noheadings"]),
        ],
        check=True,
        capture_output=True,
        text=True,
        **(as_owner if owner != os.geteuid() else {}),
    )
    return done.stdout.strip()


def _large_version(trial: Trial) -> ModelVersion:
    """Register a new model of 45 MB, which takes twice that to load."""
    from torchvision.models import resnet18  # noqa: PLC0415  # it takes 2 s, also where no fault is tried

    folder = trial.stage.folder
    network = resnet18(num_classes=len(CLASSES))
    torch.nn.init.constant_(network.fc.bias, trial.random.random())
    save_file(network.state_dict(), folder / "large.safetensors")
    return trial.stage.client(SUBJECT).models.register(
        "large",
        weights=folder / "large.safetensors",
        architecture="torchvision:resnet18",
        input=folder / "input.toml",
        class_labels=folder / "labels.txt",
        wait=False,
    )


def _gone(process: psutil.Process, number: signal.Signals) -> None:
    process.send_signal(number)
    eventually(lambda: not lives(process), "the process to be gone")


def _folder(trial: Trial) -> Path:
    """The private folder of the worker's TorchServe."""
    return Path(trial.stage.java(trial.stage.worker).cwd())


def _keys(folder: Path) -> Keys:
    keys = Keys(folder / "key_file.json")
    keys.reread()
    return keys


def _port(folder: Path, which: str) -> str:
    lines = (folder / "config.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)[f"grpc_{which}_port"]


FAULTS = (
    Fault(
        name="torchserve_killed",
        when=COMPUTING,
        injected="TorchServe's Java process is killed (`kill -9`).",
        mechanism=SUPERVISED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=kill_java,
        signs=(Line("worker", "torchserve_ended"), NOT_FINISHED),
        fails_without="the supervisor of TorchServe",
    ),
    Fault(
        name="torchserve_terminated",
        when=COMPUTING,
        injected="TorchServe's Java process gets SIGTERM.",
        mechanism=SUPERVISED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=terminate_java,
        signs=(Line("worker", "torchserve_ended"),),
        fails_without="the supervisor of TorchServe",
    ),
    Fault(
        name="torchserve_hangs",
        when=COMPUTING,
        injected="TorchServe's Java process gets SIGSTOP and is never continued.",
        mechanism=REPLACED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=hang_java,
        signs=(DIED, NOT_FINISHED, Line("worker", "torchserve_replaced")),
        fails_without="the progress watch",
    ),
    Fault(
        name="model_process_killed",
        when=COMPUTING,
        injected="The model's process is killed (`kill -9`).",
        mechanism="TorchServe starts another process. The shard is tried up to three times.",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=kill_model,
        signs=(DIED, NOT_FINISHED),
        fails_without="the retries of a shard",
    ),
    Fault(
        name="model_process_terminated",
        when=COMPUTING,
        injected="The model's process gets SIGTERM.",
        mechanism="TorchServe starts another process. The shard is tried up to three times.",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=terminate_model,
        signs=(NOT_FINISHED,),
        fails_without="the retries of a shard",
    ),
    Fault(
        name="model_process_hangs_while_torchserve_is_healthy",
        when=COMPUTING,
        injected="The model's process gets SIGSTOP and is never continued.",
        mechanism="Without progress for the hang timeout, the worker kills the process and retries the shard.",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=hang_model,
        signs=(DIED, HUNG),
        fails_without="the progress watch",
    ),
    Fault(
        name="torchserve_healthy_and_wedged",
        when="Before the audit is created.",
        injected="A unary call wedges the model's process. TorchServe still reports it healthy.",
        mechanism="The worker kills a process that is reported ready but takes no task for 15 s. If the process is "
        "already gone, the worker replaces TorchServe.",
        submits=False,
        strike=wedge,
        signs=(Line("worker", "torchserve_wedged"),),
        fails_without="the check that a ready process takes a task",
    ),
    Fault(
        name="torchserve_without_its_models",
        when="Before the audit is created.",
        injected="The slot's model is unregistered without the worker's knowledge.",
        mechanism="The worker's canary request fails. The worker replaces TorchServe, which registers the models of all"
        " slots again.",
        submits=False,
        strike=forget_models,
        signs=(NOT_FINISHED, Line("worker", "torchserve_replaced")),
        fails_without="the canary request",
    ),
    Fault(
        name="model_larger_than_the_workers_limit",
        when="The audit's version is not checked yet.",
        injected="The memory limit of the model's process is lower than the version needs.",
        mechanism="The check is tried a few times. Then the version is rejected, and its audits fail with the reason.",
        states=frozenset({AuditState.FAILED}),
        submits=False,
        strike=outgrow,
        signs=(DIED, Reason("MODEL_REJECTED")),
        fails_without="the limit on tries of a check",
    ),
)
