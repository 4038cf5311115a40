"""Errors name arguments to whoever calls Python, and options to whoever runs a command."""

import asyncio

import pytest
from modicum.errors import InvalidArgument
from modicum.models import AsyncModels
from modicum.spoken_names import by_command, in_python


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("give --weights model.onnx", "give weights=model.onnx"),
        ("--weights photos: expected a file", "weights=photos: expected a file"),
        ("use --weights and --architecture", "use weights= and architecture="),
        ("with --class-labels FILE", "with class_labels=FILE"),
        ("modicum --input-dropout", "modicum --input-dropout"),
    ],
)
def test_an_option_becomes_an_argument(message, told):
    assert in_python(message) == told


def test_python_reads_arguments_and_a_command_reads_options(tmp_path):
    def refused():
        with pytest.raises(InvalidArgument) as caught:
            asyncio.run(AsyncModels(None).register("x", weights=tmp_path))
        return str(caught.value)

    assert refused().startswith(f"weights={tmp_path}: expected a file, got a folder")
    assert "with architecture=, or" in refused()
    with by_command():
        assert refused().startswith(f"--weights {tmp_path}: expected a file, got a folder")
