"""A file of ONNX whose weights lie in a file beside it is refused before it is uploaded, and told how to join both."""

import re

import pytest
from modicum.cli.exit_codes import exit_code
from modicum.errors import InvalidSource, ModelRejected
from modicum.sources.contents import BLOCK_BYTES
from modicum.sources.model_files import model_file

from tests.model_files import network_of


def network(tmp_path, *, named: str, before: int = 20):
    path = tmp_path / "net.onnx"
    begin = len(network_of(bytes(before))) - before
    path.write_bytes(network_of(bytes(before - begin) + named.encode() + bytes(10)))
    return path


@pytest.mark.parametrize("beside", ["net.onnx.data", "net.onnx_data", "net.data"])
@pytest.mark.parametrize("before", [20, BLOCK_BYTES - 3, 3 * BLOCK_BYTES - 1, BLOCK_BYTES + 200])
def test_weights_in_a_file_beside_the_network_are_refused(tmp_path, beside, before):
    path = network(tmp_path, named=beside, before=before)
    (tmp_path / beside).write_bytes(b"weights")

    with pytest.raises(
        ModelRejected, match=f"some lie in {beside}, which is not read. Put them into one file"
    ) as caught:
        model_file(weights=path)

    assert (caught.value.reason, exit_code(caught.value)) == ("ONNX_REFUSED", 5)


@pytest.mark.parametrize(("named", "there"), [("net.onnx.data", False), ("else", True)], ids=["not there", "not named"])
def test_a_whole_network_is_taken_whatever_lies_beside_it(tmp_path, named, there):
    path = network(tmp_path, named=named)
    if there:
        (tmp_path / "net.onnx.data").write_bytes(b"of an earlier export")

    assert model_file(weights=path).architecture == "onnx:model"


def test_the_command_that_joins_the_weights_names_the_file_with_its_folder(tmp_path):
    path = network(tmp_path, named="net.onnx.data")
    (tmp_path / "net.onnx.data").write_bytes(b"weights")

    with pytest.raises(ModelRejected, match=re.escape(f"onnx.load('{path}')")):
        model_file(weights=path)


@pytest.mark.parametrize("kind", ["exported", "torchscript"])
def test_a_network_in_onnx_as_a_program_is_told_its_option(tmp_path, kind):
    path = network(tmp_path, named="else")

    with pytest.raises(InvalidSource, match=re.escape(f"got a network in ONNX; give --weights {path}")):
        model_file(**{kind: path})
