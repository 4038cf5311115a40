"""A file of a model that is cut off, or not of the form that its suffix says, is refused before it is uploaded."""

import pytest
from modicum.errors import InvalidSource
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
