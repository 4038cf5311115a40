"""The check of a version, through a whole task: what is accepted, what is refused, and with which words."""

import io

import pytest
import torch
from modicum.v1 import model_pb2
from modicum_server.generated.worker_pb2 import CheckWork
from modicum_server.model_process.checking import pass_milliseconds
from modicum_server.model_process.cifar_resnet import CifarResNet
from modicum_server.model_process.failure_reasons import REFUSALS, TaskFailure
from modicum_server.model_process.loading import choose_device
from modicum_server.model_process.running import run_task
from modicum_sis import Classifier, ModelError
from torch import nn

from tests.model_process.model_process_stage import (
    VERSION,
    Corners,
    kinds,
    tiny_input,
    version_of_program,
    version_of_weights,
)

CIFAR_INPUT = model_pb2.InputSpecification(
    channels=3,
    height=32,
    width=32,
    lower_bound=0,
    upper_bound=1,
    interpolation="bilinear",
    mean=[0.485, 0.456, 0.406],
    std=[0.229, 0.224, 0.225],
)


class Answer(nn.Module):
    """Answers with what a function makes of the images' sums."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images.flatten(1))


def checked(stage, version):
    chunks = stage.run(version, CheckWork())
    assert kinds(chunks)[0] == "started"
    return chunks


def test_weights_of_a_known_architecture_are_accepted(stage):
    version = version_of_weights(stage, CifarResNet(1, 10), "modicum:cifar_resnet8", input=CIFAR_INPUT)

    chunks = checked(stage, version)

    assert kinds(chunks) == ["started", "check", "finished"]
    answer = chunks[-2].check
    assert answer.class_count == 10
    assert answer.output_kind == model_pb2.OUTPUT_KIND_LOGITS
    assert answer.useful_gradient
    assert answer.pass_milliseconds > 0
    assert chunks[0].started.device == "cpu"
    named = {"torch", "modicum-sis", "modicum-server", "numpy", "scipy", "pillow", "torchserve", "python"}
    assert named <= set(chunks[0].started.versions)


def test_what_is_timed_is_what_a_search_runs_and_not_the_making_of_it(monkeypatch):
    classifier, asked = Classifier(Corners()), []
    run, make = classifier.search_logits, classifier.acceleration
    monkeypatch.setattr(classifier, "search_logits", lambda images: asked.append("pass") or run(images))
    monkeypatch.setattr(classifier, "acceleration", lambda canvas: asked.append("made") or make(canvas))

    pass_milliseconds(classifier, (1, 8, 8), backward=True, now=lambda: asked.append("clock") or len(asked))

    assert asked[:5] == ["made", "clock", "clock", "pass", "clock"]


def test_probabilities_are_recognised(stage):
    version = version_of_program(stage, nn.Sequential(Corners(0.1), nn.Softmax(dim=1)))

    assert checked(stage, version)[-2].check.output_kind == model_pb2.OUTPUT_KIND_PROBABILITIES


def test_a_model_without_a_useful_gradient_is_accepted_and_said(stage):
    version = version_of_program(stage, Answer(lambda x: torch.stack([x.sum(1).round(), x[:, 0] * 0], dim=1)))

    assert not checked(stage, version)[-2].check.useful_gradient


@pytest.mark.parametrize(
    ("function", "reason", "words"),
    [
        (lambda x: {"logits": x}, "OUTPUT_SHAPE", "tensor of class scores"),
        (lambda x: (x, x), "OUTPUT_SHAPE", "tensor of class scores"),
        (lambda x: x.sum(1), "OUTPUT_SHAPE", "at least two classes"),
        (lambda x: x[:, :1], "OUTPUT_SHAPE", "return 0 and the logit"),
        (lambda x: x / 0, "OUTPUT_NOT_FINITE", "NaN or infinity"),
        (lambda x: x + torch.rand_like(x), "NOT_DETERMINISTIC", "two passes"),
        (lambda x: x @ torch.zeros(3, 5), "INPUT_REFUSED", "forward pass failed"),
    ],
    ids=["dict", "tuple", "vector", "one class", "not finite", "random", "another size"],
)
def test_what_cannot_be_audited_is_refused_with_a_reason(stage, monkeypatch, function, reason, words):
    # a program of such a model cannot always be exported, so the module stands where the loaded program would
    module = Answer(function)
    monkeypatch.setattr("modicum_server.model_process.loading._module_of_program", lambda *_: module)
    digest = stage.put(b"program")
    version = model_pb2.ModelVersion(name=VERSION, exported=model_pb2.Executable(digest=digest), input=tiny_input())

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == (reason, True)
    assert words in failure.detail
    assert str(stage.folder) not in failure.detail


def test_every_error_of_the_library_about_a_model_has_a_reason():
    assert set(REFUSALS) == set(ModelError.__subclasses__())


def test_want_of_memory_is_not_the_model_s_fault(stage, monkeypatch):
    def greedy(_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: 8 bytes")

    monkeypatch.setattr("modicum_server.model_process.loading._module_of_program", lambda *_: Answer(greedy))
    digest = stage.put(b"program")
    version = model_pb2.ModelVersion(name=VERSION, exported=model_pb2.Executable(digest=digest), input=tiny_input())

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("MODEL_OUT_OF_MEMORY", False)


def test_a_file_for_which_there_is_no_memory_is_not_called_unreadable(stage, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.")

    version = version_of_weights(stage, CifarResNet(1, 10), "modicum:cifar_resnet8", input=CIFAR_INPUT)
    monkeypatch.setattr("modicum_server.model_process.weights.load_file", fail)

    assert checked(stage, version)[-1].failure.reason == "MODEL_OUT_OF_MEMORY"


def test_a_device_that_cannot_be_started_is_said_after_the_first_chunk(stage, monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA driver initialization failed, /dev/nvidia0")

    monkeypatch.setattr("modicum_server.model_process.running.choose_device", fail)

    chunks = stage.run(version_of_program(stage, Corners()), CheckWork())

    assert kinds(chunks) == ["started", "failure"]
    assert not chunks[0].started.device
    assert (chunks[-1].failure.reason, chunks[-1].failure.model_at_fault) == ("DEVICE_UNAVAILABLE", False)
    assert "nvidia0" not in chunks[-1].failure.detail


def test_a_wrong_number_of_labels_is_refused(stage):
    version = version_of_program(stage, Corners(), class_labels=["a", "b"])

    failure = checked(stage, version)[-1].failure

    assert failure.reason == "CLASS_COUNT_MISMATCH"
    assert "3 outputs, but the version has 2 labels" in failure.detail


def test_weights_of_another_architecture_are_refused(stage):
    version = version_of_weights(stage, CifarResNet(1, 10), "modicum:cifar_resnet14", input=CIFAR_INPUT)

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("STATE_DICT_MISMATCH", True)
    assert "missing stages.0.1.conv1.weight" in failure.detail


@pytest.mark.parametrize("kind", ["exported", "torchscript"])
def test_bytes_that_are_no_program_are_refused(stage, kind):
    digest = stage.put(b"PK\x03\x04 no program")
    version = model_pb2.ModelVersion(name=VERSION, input=tiny_input(), **{kind: model_pb2.Executable(digest=digest)})

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("PROGRAM_UNREADABLE", True)
    assert str(stage.folder) not in failure.detail


class Masked(Corners):
    """Takes images, and a mask for them."""

    def forward(self, images, mask):
        return super().forward(images * mask)


@pytest.mark.parametrize(
    ("network", "inputs", "says"),
    [
        (Corners(), 1, "that takes any number of images; it takes 2. Export it with a dynamic batch dimension: "),
        (Masked(), 2, "with one input, the images; it has 2. Export a module whose forward takes the images alone"),
    ],
    ids=["fixed batch", "two inputs"],
)
def test_a_program_of_other_inputs_is_refused_with_the_way_out(stage, network, inputs, says):
    file = io.BytesIO()
    torch.export.save(torch.export.export(network.eval(), (torch.zeros(2, 1, 8, 8),) * inputs), file)
    digest = stage.put(file.getvalue())
    version = model_pb2.ModelVersion(name=VERSION, exported=model_pb2.Executable(digest=digest), input=tiny_input())

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("INPUT_REFUSED", True)
    assert failure.detail.startswith(f"expected a program {says}")


class Number(nn.Module):
    """Takes a plain number, as an edited program may."""

    def forward(self, number):
        return torch.zeros(2, 3) + number


def test_a_program_that_takes_a_plain_value_is_refused(stage):
    file = io.BytesIO()
    torch.export.save(torch.export.export(Number(), (5,)), file)
    digest = stage.put(file.getvalue())
    version = model_pb2.ModelVersion(name=VERSION, exported=model_pb2.Executable(digest=digest), input=tiny_input())

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("INPUT_REFUSED", True)
    assert "it takes a plain value" in failure.detail


class Raises(nn.Module):
    """Raises an error of TorchScript's, with words that move a terminal."""

    def forward(self, images):
        if images.sum() > -1e30:
            raise ValueError("\x1b[31mFAKE")
        return images.mean((2, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # TorchScript is deprecated
def test_a_torchscript_that_raises_is_at_fault_itself(stage):
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Raises()), file)
    digest = stage.put(file.getvalue())
    version = model_pb2.ModelVersion(name=VERSION, torchscript=model_pb2.Executable(digest=digest), input=tiny_input())

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("INPUT_REFUSED", True)
    assert "forward pass failed" in failure.detail
    assert "\x1b" not in failure.detail


@pytest.mark.parametrize("error", [KeyError("x"), AttributeError("x"), ZeroDivisionError("x"), StopIteration()])
def test_a_module_that_raises_anything_is_at_fault_itself(error):
    class Broken(nn.Module):
        def forward(self, _images):
            raise error

    with pytest.raises(ModelError, match="the module failed on images"):
        Classifier(Broken(), bounds=(0, 1)).inspect((1, 8, 8))


def test_a_missing_artifact_is_not_the_model_s_fault(stage):
    version = model_pb2.ModelVersion(
        name=VERSION, input=tiny_input(), weights=model_pb2.Weights(digest="ab" * 32, architecture="x:y")
    )

    failure = checked(stage, version)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("ARTIFACT_MISSING", False)


def test_a_gpu_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(TaskFailure, match="this worker has no GPU"):
        choose_device("cuda")


def test_a_folder_without_a_task_still_gets_a_whole_stream(tmp_path):
    chunks = []

    run_task(tmp_path, chunks.append)

    assert kinds(chunks) == ["started", "failure"]
    assert chunks[-1].failure.reason == "TASK_UNREADABLE"


def test_a_version_is_loaded_once_for_the_tasks_of_a_slot(stage):
    version = version_of_program(stage, Corners())
    stage.run(version, CheckWork())
    (stage.folder / "artifacts" / version.exported.digest).unlink()

    chunks = stage.run(version, CheckWork())

    assert kinds(chunks) == ["started", "check", "finished"]
