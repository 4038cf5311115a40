"""Faults of TorchServe and of the model's process in it: killed, hung, wedged, emptied, short of memory."""

import contextlib
import signal
from pathlib import Path

import grpc
import psutil
from modicum_server.torchserve.keys import Keys
from modicum_server.wire import inference_pb2, management_pb2, management_pb2_grpc

from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import PATIENCE_SECONDS, eventually, lives
from tests.faults.signs import Line, Metric

COMPUTING = "a model's process computes"
#: Findings stored when a shard is claimed: which of the three it is.
ANY_SHARD = (0, 4, 8)
SUPERVISED = "the worker's supervisor starts the next TorchServe; its absence is no death of a model"
REPLACED = "a watch over progress, and a canary that decides whether TorchServe is replaced"
DIED = Metric("worker", "modicum_worker_model_deaths")
NOT_FINISHED = Line("worker", "task_not_finished", names_audit=True)
#: Address space that a model's process may still take, in bytes: less than a batch of its search needs.
SPARE_BYTES = 1 << 20


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
    """Make a unary call of the handler, which only streams: its process waits for ever, and is called healthy."""
    folder = _folder(trial)
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


def take_memory(trial: Trial) -> None:
    """Leave the model's process no memory for its search, until a try has failed for want of it."""
    process = trial.stage.model_process(trial.at_gate)
    unlimited = process.rlimit(psutil.RLIMIT_AS)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + SPARE_BYTES, unlimited[1]))
    trial.gate.open()
    eventually(lambda: NOT_FINISHED.seen(trial.stage, trial.before, trial.name), "a try to end for want of memory")
    if lives(process):
        process.rlimit(psutil.RLIMIT_AS, unlimited)


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
        quick=True,
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
    ),
    Fault(
        name="model_process_hangs_while_torchserve_is_healthy",
        where=COMPUTING,
        injected="SIGSTOP of the model's process, for good",
        mechanism="no progress for the time of a hang: the process is killed, the shard tried again",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=hang_model,
        signs=(DIED, NOT_FINISHED),
    ),
    Fault(
        name="torchserve_healthy_and_wedged",
        where="before the audit is asked for",
        injected="a unary call that wedges the model's process, while TorchServe calls it healthy",
        mechanism=REPLACED,
        submits=False,
        strike=wedge,
        signs=(Line("worker", "shard_ended", names_audit=True),),
    ),
    Fault(
        name="torchserve_without_its_models",
        where="before the audit is asked for",
        injected="the slot's model is unregistered behind the worker's back",
        mechanism="a canary that is not answered has TorchServe replaced, which registers the slots' models anew",
        submits=False,
        strike=forget_models,
        signs=(NOT_FINISHED, Line("worker", "torchserve_replaced")),
    ),
    Fault(
        name="model_out_of_memory",
        where="a worker claims a shard",
        injected="the model's process may take no more memory, until a try has failed for want of it",
        mechanism="MODEL_OUT_OF_MEMORY is tried a second time",
        point=Point.CLAIM,
        stored=ANY_SHARD,
        strike=take_memory,
        signs=(DIED, NOT_FINISHED),
    ),
)
