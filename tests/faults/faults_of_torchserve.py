"""Faults of TorchServe and of the model's process in it: killed, hung, wedged, emptied, short of memory."""

import contextlib
import signal
from pathlib import Path

import grpc
import psutil
import torch
from modicum import AuditState, ModelVersion
from modicum_server.torchserve.access_keys import Keys
from modicum_server.wire import inference_pb2, management_pb2, management_pb2_grpc
from safetensors.torch import save_file
from torchvision.models import resnet18

from tests.faults.fault import Fault, Trial, submitted
from tests.faults.gates import Point
from tests.faults.parts import PATIENCE_SECONDS, eventually, lives
from tests.faults.signs import Line, Metric, Reason
from tests.faults.stage import BESIDE, SUBJECT
from tests.faults.subject import CLASSES

COMPUTING = "a model's process computes"
#: Findings stored when a shard is claimed: which of the three it is.
ANY_SHARD = (0, 4, 8)
SUPERVISED = "the worker's supervisor starts the next TorchServe; its absence is no death of a model"
REPLACED = "a watch over progress, and a canary that decides whether TorchServe is replaced"
DIED = Metric("worker", "modicum_worker_model_deaths")
NOT_FINISHED = Line("worker", "task_not_finished", names_audit=True)
#: TorchServe itself ends a silent process later, which is told as a death.
HUNG = Line("worker", "task_not_finished", names_audit=True, fact=("reason", "MODEL_HUNG"))
#: Data that a model's process may still take: enough for the small model, too little for the large one.
ROOM_BYTES = 32 << 20


def kill_java(trial: Trial) -> None:
    """Kill the Java process while a task runs."""
    _gone(trial.stage.java(trial.wait_computing()), signal.SIGKILL)


def terminate_java(trial: Trial) -> None:
    """SIGTERM of the Java process while a task runs."""
    _gone(trial.stage.java(trial.wait_computing()), signal.SIGTERM)


def hang_java(trial: Trial) -> None:
    """Stop the Java process for good; what is done about it is the worker's."""
    java = trial.stage.java(trial.wait_computing())
    java.suspend()
    eventually(lambda: not lives(java), "the worker to end a TorchServe that hangs")


def kill_model(trial: Trial) -> None:
    """Kill the model's process while it computes."""
    _gone(trial.stage.model_process(trial.wait_computing()), signal.SIGKILL)


def terminate_model(trial: Trial) -> None:
    """SIGTERM of the model's process while it computes."""
    _gone(trial.stage.model_process(trial.wait_computing()), signal.SIGTERM)


def hang_model(trial: Trial) -> None:
    """Stop the model's process for good, while TorchServe goes on to call itself healthy."""
    model = trial.stage.model_process(trial.wait_computing())
    model.suspend()
    eventually(lambda: not lives(model), "the worker to end a model's process that hangs")


def wedge(trial: Trial) -> None:
    """Make a unary call of the handler, which only streams: its process ends, and is called ready and healthy for ever.

    The fault ends when that process is gone; what the worker does about it is its own.
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
    """Unregister the slot's model, as if TorchServe had come back without it."""
    folder = _folder(trial)
    with grpc.insecure_channel(f"127.0.0.1:{_port(folder, 'management')}") as channel:
        stub = management_pb2_grpc.ManagementAPIsServiceStub(channel)
        metadata = _keys(folder).metadata("management")
        stub.UnregisterModel(
            management_pb2.UnregisterModelRequest(model_name="slot0"), metadata=metadata, timeout=PATIENCE_SECONDS
        )
    trial.submit()


def outgrow(trial: Trial) -> None:
    """Ask for an audit of a model that needs more memory than its process may take, from now to the audit's end."""
    submitted(trial.stage, BESIDE).wait()  # so that the small model has all that it needs
    process = trial.stage.model_process()
    unlimited = process.rlimit(psutil.RLIMIT_DATA)
    process.rlimit(psutil.RLIMIT_DATA, (process.memory_info().data + ROOM_BYTES, unlimited[1]))
    try:
        trial.submit_to(BESIDE)
        trial.submit_to(SUBJECT, models=[_large_version(trial)])
        trial.ended()  # from here on nothing more happens: the limit stays until the end
        trial.wait_ended()
    finally:
        if lives(process):
            process.rlimit(psutil.RLIMIT_DATA, unlimited)


def _large_version(trial: Trial) -> ModelVersion:
    """Register a model that takes twice its 45 MB to load; each time another one."""
    folder = trial.stage.folder
    network = resnet18(num_classes=len(CLASSES))
    torch.nn.init.constant_(network.fc.bias, trial.random.random())
    save_file(network.state_dict(), folder / "large.safetensors")
    return trial.stage.client(SUBJECT).models.register(
        "large",
        weights=folder / "large.safetensors",
        architecture="torchvision:resnet18",
        input=folder / "input.toml",
        labels=folder / "labels.txt",
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
        where=COMPUTING,
        injected="kill -9 of TorchServe's Java process",
        mechanism=SUPERVISED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=kill_java,
        signs=(Line("worker", "torchserve_ended"), NOT_FINISHED),
        quick=True,
        seen_to_fail="with the supervisor of TorchServe taken out",
    ),
    Fault(
        name="torchserve_told_to_leave",
        where=COMPUTING,
        injected="SIGTERM of TorchServe's Java process",
        mechanism=SUPERVISED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=terminate_java,
        signs=(Line("worker", "torchserve_ended"),),
        seen_to_fail="with the supervisor of TorchServe taken out",
    ),
    Fault(
        name="torchserve_hangs",
        where=COMPUTING,
        injected="SIGSTOP of TorchServe's Java process, for good",
        mechanism=REPLACED,
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=hang_java,
        signs=(DIED, NOT_FINISHED, Line("worker", "torchserve_replaced")),
        seen_to_fail="with the watch over progress taken out",
    ),
    Fault(
        name="model_process_killed",
        where=COMPUTING,
        injected="kill -9 of the model's process",
        mechanism="the shard is tried again, up to three times; TorchServe starts the next process",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=kill_model,
        signs=(DIED, NOT_FINISHED),
        seen_to_fail="with the further tries of a shard taken out",
    ),
    Fault(
        name="model_process_told_to_leave",
        where=COMPUTING,
        injected="SIGTERM of the model's process",
        mechanism="as after kill -9: it has nothing to hand back",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=terminate_model,
        signs=(NOT_FINISHED,),
        seen_to_fail="with the further tries of a shard taken out",
    ),
    Fault(
        name="model_process_hangs_while_torchserve_is_healthy",
        where=COMPUTING,
        injected="SIGSTOP of the model's process, for good",
        mechanism="no progress for the time of a hang: the process is killed, the shard tried again",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=hang_model,
        signs=(DIED, HUNG),
        seen_to_fail="with the watch over progress taken out",
    ),
    Fault(
        name="torchserve_healthy_and_wedged",
        where="before the audit is asked for",
        injected="a unary call that wedges the model's process, while TorchServe calls it healthy",
        mechanism="one that is called ready and takes no task for 15 s is killed; is it gone, TorchServe is replaced",
        submits=False,
        strike=wedge,
        signs=(Line("worker", "torchserve_wedged"),),
        seen_to_fail="with the look at whether a ready process takes a task taken out",
    ),
    Fault(
        name="torchserve_without_its_models",
        where="before the audit is asked for",
        injected="the slot's model is unregistered behind the worker's back",
        mechanism="a canary that is not answered has TorchServe replaced, which registers the slots' models anew",
        submits=False,
        strike=forget_models,
        signs=(NOT_FINISHED, Line("worker", "torchserve_replaced")),
        seen_to_fail="with the canary taken out",
    ),
    Fault(
        name="model_larger_than_the_workers_limit",
        where="the audit of a version that was not checked yet",
        injected="the model's process may take less memory than the version needs",
        mechanism="the check is tried a few times, then the version and its audits end with the reason",
        states=frozenset({AuditState.FAILED}),
        submits=False,
        strike=outgrow,
        signs=(DIED, Reason("MODEL_REJECTED")),
        seen_to_fail="with the end of the tries of a check taken out",
    ),
)
