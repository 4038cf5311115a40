"""Files that are not what they claim are refused before they cost memory or time."""

import io
import os
import socket
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from modicum.errors import InvalidSource
from modicum.sources.manifests import manifest_of
from modicum.sources.model_files import model_file
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.generated.worker_pb2 import Item
from modicum_server.model_process.failure_reasons import ModelRefused
from modicum_server.model_process.images import Decoder
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.weights import read_weights
from PIL import Image

from tests.found_images import find_images

SPECIFICATION = InputSpecification(
    channels=1,
    height=2,
    width=2,
    lower_bound=0.0,
    upper_bound=1.0,
    resize=0,
    interpolation="nearest",
    mean=(0.0,),
    std=(1.0,),
)


def packed(path, members, how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refused(path) -> ModelRefused:
    with pytest.raises(ModelRefused) as caught:
        read_weights(path)
    return caught.value


def test_a_state_dict_that_is_compressed_a_thousandfold_is_refused_unread(tmp_path):
    bomb = packed(tmp_path / "w.pt", {"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(50_000_000)})

    tracemalloc.start()
    refusal = refused(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert refusal.reason == "WEIGHTS_UNREADABLE"
    assert "unpacks to 50,000,004 bytes" in refusal.detail
    assert most < 4_000_000


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_torchserve_is_refused(tmp_path, how):
    mar = packed(tmp_path / "w.mar", {"MAR-INF/MANIFEST.json": "{}" * 50, "handler.py": "import os\n"}, how)

    assert refused(mar).reason == "WEIGHTS_UNREADABLE"


def test_tensors_that_claim_more_values_than_the_file_holds_are_named(tmp_path):
    torch.save({"fc.weight": torch.zeros(1).expand(2**40), "fc.bias": torch.zeros(3)}, tmp_path / "w.pt")

    refusal = refused(tmp_path / "w.pt")

    assert refusal.reason == "WEIGHTS_UNREADABLE"
    assert "fc.weight" in refusal.detail
    assert "fc.bias" not in refusal.detail


@pytest.mark.filterwarnings("ignore:Validating sparse tensor:UserWarning")  # torch 2.15 says so when it reads one
def test_sparse_tensors_are_named(tmp_path):
    torch.save({"fc.weight": torch.eye(3).to_sparse()}, tmp_path / "w.pt")

    assert "fc.weight" in refused(tmp_path / "w.pt").detail


def test_views_of_one_storage_are_taken(tmp_path):
    both = torch.arange(6.0)
    torch.save({"a": both[:4], "b": both[2:], "tied": both[:4]}, tmp_path / "w.pt")

    assert read_weights(tmp_path / "w.pt")["b"].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("size", [0, 100, 10_000_000])
def test_an_image_file_larger_than_its_pixels_could_be_is_not_read(tmp_path, size):
    file = io.BytesIO()
    Image.new("L", (2, 2), 255).save(file, "PNG")
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "ab").write_bytes(file.getvalue() + bytes(size))

    decoder = Decoder(Slot(tmp_path), SPECIFICATION, Canvas(1, 2, 2), max_pixels=16, header_bytes=1000)
    decoded = decoder.decode(Item(image_digest="ab"))

    if size > 1000:
        assert decoded is FindingReason.IMAGE_TOO_LARGE
    else:
        assert np.asarray(decoded).min() == 1


def test_a_pipe_or_device_among_the_pictures_is_named_without_waiting(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")

    with pytest.raises(InvalidSource, match=r"b\.png: expected a file, got a pipe"):
        manifest_of(find_images(tmp_path))


def test_an_array_that_is_a_pipe_is_named_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "b.npy")

    with pytest.raises(InvalidSource, match=r"b\.npy: expected a file, got a pipe"):
        find_images(tmp_path)


def test_a_socket_as_model_file_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))

        with pytest.raises(InvalidSource, match="got a pipe, a socket or a device"):
            model_file(weights=tmp_path / "s", architecture="torchvision:resnet18")


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000])
def test_an_impossible_file_name_is_reported(name):
    with pytest.raises(InvalidSource, match="cannot be read"):
        model_file(weights=name, architecture="torchvision:resnet18")


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000, "nowhere/../none"])
def test_an_impossible_folder_is_reported(name):
    with pytest.raises(InvalidSource, match="expected"):
        find_images(name)


def test_a_circular_link_is_reported(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")

    with pytest.raises(InvalidSource, match=r"a\.png: cannot be read"):
        manifest_of(find_images(tmp_path))
