"""The description of a model: its file, its labels, its input."""

import os

import pytest
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.inputs import BUILT_IN, InputSpecification, input_specification
from modicum.sources.labels import class_names, true_labels
from modicum.sources.model_files import model_file
from modicum.sources.served_models import ServedModel

from tests.model_files import SAFETENSORS, program_of


def test_the_given_file_is_the_model(tmp_path):
    path, program = tmp_path / "w.safetensors", tmp_path / "p.pt2"
    path.write_bytes(SAFETENSORS)
    program.write_bytes(program_of(b"a program"))

    file = model_file(weights=path, architecture="torchvision:resnet18")

    assert (file.path, file.kind, file.architecture) == (path, "weights", "torchvision:resnet18")
    assert model_file(exported=str(program)).kind == "exported"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "got none"),
        ({"weights": "a", "exported": "b"}, "got weights and exported"),
        ({"weights": "a"}, "need the name of their architecture"),
        ({"weights": "w.keras"}, "w.keras: a model of Keras cannot be audited directly; .*tf2onnx"),
        ({"weights": "w.pdparams"}, "w.pdparams: weights of PaddlePaddle cannot be audited directly; .*paddle2onnx"),
        ({"weights": "w.xml"}, "w.xml: a model of OpenVINO cannot be audited directly; export the network to ONNX"),
        ({"weights": "w.engine"}, "w.engine: an engine of TensorRT cannot be audited directly; export the network to"),
        ({"weights": "w.plan"}, "w.plan: an engine of TensorRT cannot be audited directly; export the network to ONNX"),
        ({"model": "w.mlpackage"}, "w.mlpackage: a model of Core ML cannot be audited directly; export the network"),
        ({"weights": "w.h5", "architecture": "torchvision:resnet18"}, "w.h5: a model of Keras"),
        ({"weights": "w.hdf5"}, "w.hdf5: a model of Keras cannot be audited directly; .*tf2onnx"),
        ({"torchscript": "a", "architecture": "x"}, "only weights take one; remove it"),
        ({"weights": "a", "architecture": "resnet18"}, "FAMILY:NAME, such as torchvision:resnet18; got 'resnet18'"),
        ({"weights": "a", "architecture": "Acme:tiny"}, "got 'Acme:tiny'"),
        ({"exported": "absent.pt2"}, "absent.pt2: cannot be read"),
    ],
)
def test_an_incomplete_description_of_a_model_is_refused(given, says):
    with pytest.raises(InvalidArgument, match=says):
        model_file(**given)


@pytest.mark.parametrize("kind", ["weights", "exported", "torchscript"])
def test_a_file_that_does_not_say_its_input_needs_one(tmp_path, kind):
    path = tmp_path / "model"
    path.write_bytes(program_of(b"a model"))
    file = model_file(**{kind: path}, architecture="x:y" if kind == "weights" else None)

    assert file.input("imagenet") == BUILT_IN["imagenet"]
    with pytest.raises(
        InvalidArgument, match=r"expected one of imagenet, .* or a .toml file, because model does not say"
    ) as refused:
        file.input(None)
    assert refused.value.reason == "INPUT_MISSING"


def test_an_endpoint_needs_an_input_as_its_address_says_none():
    served = ServedModel("grpc://host:1/net")

    assert served.input("imagenet") == BUILT_IN["imagenet"]
    with pytest.raises(InvalidArgument, match=r"--endpoint grpc://host:1/net needs --input: .* imagenet, ") as refused:
        served.input(None)
    assert refused.value.reason == "INPUT_MISSING"


def test_an_empty_model_file_is_refused(tmp_path):
    (tmp_path / "w.pt").touch()

    with pytest.raises(InvalidSource, match="is empty"):
        model_file(weights=tmp_path / "w.pt", architecture="x:y")


def test_labels_can_be_a_list_a_text_file_or_a_json_file(tmp_path):
    (tmp_path / "a.txt").write_text("tabby cat\r\nsnow leopard\n\n", encoding="utf-8-sig")
    (tmp_path / "a.json").write_text('["tabby cat", "snow leopard"]')

    expected = ("tabby cat", "snow leopard")
    assert class_names(["tabby cat", "snow leopard"]) == expected
    assert class_names(tmp_path / "a.txt") == expected
    assert class_names(str(tmp_path / "a.json")) == expected
    assert class_names(None) == ()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "found none"),
        ("a.txt", b"cat\n\ndog\n", "line 2 is blank"),
        ("a.txt", b"\xff\xfe", "UTF-8"),
        (
            "a.txt",
            b"cat\ndog\n cat\n",
            r"classes 0 and 2 \(counted from 0\) are both called cat; class names must be unique",
        ),
        ("a.json", b"{", "expected a JSON list of class names, but it is not valid"),
        (
            "a.json",
            b'{"a": 1}',
            "got an object; write a list in the order of the model's outputs, such as",
        ),
        ("a.json", b'["a", 1]', "position 2, got 1"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b"[" + b"9" * 5_000 + b"]", "expected a JSON list of class names, but it is not valid"),
    ],
)
def test_a_labels_file_of_another_form_is_refused(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidSource, match=says):
        class_names(tmp_path / name)


def test_labels_in_a_pipe_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for read in (class_names, true_labels):
        with pytest.raises(InvalidSource, match="got a pipe, a socket or a device"):
            read(tmp_path / "pipe")


def test_a_cell_that_is_too_long_for_a_csv_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_text("a.jpg,cat\nb.jpg," + "x" * 131_073)

    with pytest.raises(InvalidSource, match="line 2: not a valid CSV"):
        true_labels(tmp_path / "a.csv")


def test_built_in_inputs_match_the_training_of_their_networks():
    assert BUILT_IN["imagenet"].resize == 256
    assert BUILT_IN["cifar10"].mean == (0.485, 0.456, 0.406)
    assert [BUILT_IN[f"efficientnet_lite{n}"].height for n in range(3)] == [224, 240, 260]
    lite = BUILT_IN["efficientnet_lite0"]
    assert (100 / 255 - lite.mean[0]) / lite.std[0] == pytest.approx((100 - 127) / 128)


def test_a_toml_file_is_an_input_with_defaults_for_missing_keys(tmp_path):
    path = tmp_path / "input.toml"
    path.write_text("height = 28\nwidth = 28\nchannels = 1\nmean = [0.13]\nstd = [0.31]\n")

    assert input_specification(path) == InputSpecification(height=28, width=28, channels=1, mean=(0.13,), std=(0.31,))
    assert input_specification(str(path)) == input_specification(path)


GOOD = "height = 8\nwidth = 8\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("height = 8\n", "the key 'width' is missing|the key 'mean' is missing"),
        (GOOD + "crop = 3\n", "unknown key 'crop'"),
        (GOOD + "bounds = [1, 0]\n", "above the lower bound"),
        (GOOD + "bounds = [1]\n", r"\[lower, upper\]"),
        (GOOD + "resize = 7\n", "expected 0, or 8 \\(the longer side of the crop\\)"),
        (GOOD + "interpolation = 'lanczos'\n", "bilinear, bicubic, nearest"),
        (GOOD + "channels = true\n", "whole number, got True"),
        (GOOD + "fill_mean = [0]\n", "3 finite numbers"),
        (GOOD.replace("[1, 1, 1]", "[1, 0, 1]"), "above 0"),
        (GOOD.replace("[0, 0, 0]", "[0, 'a', 0]"), "list of numbers"),
        ("height", "not valid TOML"),
    ],
)
def test_a_wrong_input_file_is_refused_with_the_key(tmp_path, text, says):
    path = tmp_path / "input.toml"
    path.write_text(text)

    with pytest.raises(InvalidSource, match=says):
        input_specification(path)


def test_an_input_of_unknown_name_is_refused_with_the_known_names(tmp_path):
    with pytest.raises(InvalidArgument, match="efficientnet_lite0"):
        input_specification("imagnet")
    with pytest.raises(InvalidSource, match="the input file cannot be read"):
        input_specification(tmp_path / "absent.toml")
