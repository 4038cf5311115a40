"""A file of a model that is cut off, or not of the form that its suffix says, is refused before it is uploaded."""

import io
import pickle
import warnings
import zipfile

import pytest
import torch
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.file_forms import MOST_FIELDS
from modicum.sources.model_files import model_file

from tests.model_files import SAFETENSORS, network_of, program_of

NUMBERS = b'{"a":{"dtype":"U8","shape":[400],"data_offsets":[0,400]}}'
WHOLE = {
    "net.onnx": network_of(b"a network of more than 128 bytes" * 9),
    "p.pt2": program_of(b"a program" * 90),
    "w.safetensors": len(NUMBERS).to_bytes(8, "little") + NUMBERS + bytes(400),
    "w.pt": program_of(b"weights" * 90),
}
TEXTS = {"text": b"<!doctype html>\n<title>Sign in</title>", "short": b"hm", "beyond ASCII": "Größe: ".encode() * 200}


def taken(path):
    if path.suffix == ".pt2":
        return model_file(exported=path)
    return model_file(weights=path, architecture=None if path.suffix == ".onnx" else "torchvision:resnet18")


@pytest.mark.parametrize(("name", "data"), [*WHOLE.items(), ("none.safetensors", SAFETENSORS)])
def test_a_whole_file_is_taken(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)

    assert taken(tmp_path / name).path == tmp_path / name


@pytest.mark.parametrize("left", [0.5, 0.99])
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_off_is_refused(tmp_path, name, left):
    data = WHOLE[name]
    (tmp_path / name).write_bytes(data[: int(len(data) * left)])

    with pytest.raises(InvalidSource, match=rf"{name}: expected .* the file is cut off, .* export it again"):
        taken(tmp_path / name)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", list(WHOLE)[:3])
def test_a_text_is_refused(tmp_path, name, text):
    (tmp_path / name).write_bytes(text)

    with pytest.raises(InvalidSource, match=rf"{name}: expected .*, got text"):
        taken(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [bytes(40), b"\x08\x09" * 4, b"\x3a" + b"\xff" * 12, b"\x3d\0\0\0\0", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"],
    ids=["zeros", "no network", "an endless length", "a field of four bytes", "a length beyond any file"],
)
def test_bytes_that_are_no_network_are_refused(tmp_path, data):
    (tmp_path / "net.onnx").write_bytes(data)

    with pytest.raises(InvalidSource, match="expected a network in ONNX"):
        taken(tmp_path / "net.onnx")


def test_a_network_of_very_many_fields_is_left_to_the_server(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x09" * (MOST_FIELDS + 1))

    assert taken(tmp_path / "net.onnx").architecture == "onnx:model"


def packed_arrays() -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("weight.npy", b"numbers")
    return whole.getvalue()


OTHERS = {
    "llm.gguf": (b"GGUF\x03" + bytes(50), "got a file of GGUF"),
    "trees.pkl": (pickle.dumps({"a": 1}), "got a pickle of something else, which can run code"),
    "w.npz": (packed_arrays(), "got a zip of something else"),
    "cat.jpg": (b"\xff\xd8\xff\xe0" + bytes(50), "got a picture"),
    "w.ckpt": (b"\x89HDF\r\n" + bytes(50), "got a file of HDF5, such as Keras writes"),
    "w.bin": (bytes(range(1, 200)), "got a file of unknown form"),
    "notes": (b"the weights are on the other disk", "got text"),
    "network": (network_of(b"a network" * 30), "got a network in ONNX; rename the file so that it ends in .onnx"),
}


@pytest.mark.parametrize("architecture", [None, "torchvision:resnet18"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_weights_is_refused_by_its_content(tmp_path, name, architecture):
    data, says = OTHERS[name]
    (tmp_path / name).write_bytes(data)

    with pytest.raises(InvalidSource, match=says):
        model_file(weights=tmp_path / name, architecture=architecture)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["pytorch_model.bin", "last.ckpt", "weights"])
def test_a_state_dict_of_torch_is_taken_whatever_its_suffix(tmp_path, name, zipped):
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / name, _use_new_zipfile_serialization=zipped)

    assert model_file(weights=tmp_path / name, architecture="a:b").path == tmp_path / name
    with pytest.raises(InvalidArgument, match="give --architecture FAMILY:NAME"):
        model_file(weights=tmp_path / name)


@pytest.mark.parametrize("architecture", [None, "transformers:vit"])
def test_weights_of_a_folder_of_hugging_face_point_to_the_folder(tmp_path, architecture):
    (tmp_path / "config.json").write_text("{}")
    for name in ("model.safetensors", "model-00001-of-00002.safetensors"):
        (tmp_path / name).write_bytes(SAFETENSORS)
        with pytest.raises(InvalidArgument, match=rf"which has config\.json; give --model {tmp_path}"):
            model_file(weights=tmp_path / name, architecture=architecture)

    assert model_file(weights=tmp_path / "model.safetensors", architecture="timm:resnet18").kind == "weights"


def test_a_folder_as_weights_is_told_what_to_give(tmp_path):
    with pytest.raises(InvalidArgument, match=r"expected a file, got a folder. Give one file of it: weights"):
        model_file(weights=tmp_path, architecture="a:b")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InvalidArgument, match=rf"It has config\.json; give --model {tmp_path}"):
        model_file(weights=tmp_path)


def test_a_program_as_weights_is_told_its_option():
    with pytest.raises(InvalidArgument, match=r"got a program of torch\.export; give --exported p\.pt2"):
        model_file(weights="p.pt2", architecture="a:b")


@pytest.fixture(scope="module")
def torch_files(tmp_path_factory):
    """Files of torch that its own functions wrote, all with the same suffix."""
    folder, network = tmp_path_factory.mktemp("torch"), torch.nn.Linear(3, 2).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.trace(network, torch.zeros(1, 3)).save(folder / "script.pt")
    torch.export.save(torch.export.export(network, (torch.zeros(2, 3),)), folder / "program.pt2")
    (folder / "program.pt2").rename(folder / "program.pt")
    torch.save(network, folder / "module.pt")
    torch.save(network, folder / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"model": network, "epoch": 3}, folder / "checkpoint.pt")
    (folder / "pickle.pt").write_bytes(pickle.dumps(network))
    torch.save(network.state_dict(), folder / "weights.pt")
    return folder


SAVED = "save its state dict, .* --weights weights.pt with --architecture, or export it .* give --exported"
BELONGS = {
    "script.pt": "got a TorchScript program; give --torchscript ",
    "program.pt": "got a program of torch.export; give --exported ",
    **dict.fromkeys(("module.pt", "old.pt", "checkpoint.pt", "pickle.pt"), f"got a whole pickled module, .*{SAVED}"),
}


@pytest.mark.parametrize("given", [{"weights": None}, {"weights": "a:b"}, {"exported": None}, {"torchscript": None}])
@pytest.mark.parametrize("name", BELONGS)
def test_a_file_of_another_option_is_told_its_option(torch_files, name, given):
    ((kind, architecture),) = given.items()
    path = torch_files / name
    if f"--{kind} " in BELONGS[name] and name in {"script.pt", "program.pt"}:
        assert model_file(**{kind: path}).kind == kind
        return

    with pytest.raises(InvalidSource, match=rf"--{kind} {path}: {BELONGS[name]}"):
        model_file(**{kind: path}, architecture=architecture)


@pytest.mark.parametrize("kind", ["exported", "torchscript"])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt2", "w.pt", "w"])
def test_safetensors_as_a_program_are_told_their_option(tmp_path, name, kind):
    path = tmp_path / name
    path.write_bytes(WHOLE["w.safetensors"])

    with pytest.raises(InvalidSource, match=rf"--{kind} {path}: expected a program, got weights in safetensors; give "):
        model_file(**{kind: path})


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2"])
def test_weights_in_float8_are_refused(tmp_path, kind):
    path = tmp_path / "w.safetensors"
    header = NUMBERS.replace(b"U8", kind.encode())
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(400))

    with pytest.raises(
        InvalidSource, match=rf"{path}: expected weights in float32, .* a is in float8 \({kind}\)\. Save"
    ):
        taken(path)


def test_a_state_dict_is_no_module(torch_files):
    assert model_file(weights=torch_files / "weights.pt", architecture="a:b").kind == "weights"
