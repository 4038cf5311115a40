"""Refusals of arguments that must be paths, and of addresses of other servers, name the argument and what to do."""

import grpc
import numpy as np
import pytest
from modicum.arguments import checked_path
from modicum.errors import InvalidArgument, InvalidSource, Unreachable
from modicum.grpc_errors import error_of
from modicum.sources.inputs import input_specification
from modicum.sources.labels import class_names
from modicum.sources.model_files import model_file


@pytest.mark.parametrize("given", [np.zeros(2), {"layer": 1}, object()])
def test_a_model_that_is_no_file_is_refused_by_the_name_of_its_argument(given):
    with pytest.raises(InvalidArgument, match=r"^weights: expected the path of a file or folder, got .*torch.save"):
        model_file(weights=given, architecture="torchvision:resnet18")


def test_a_preprocessing_in_a_dictionary_is_refused_with_what_takes_values():
    with pytest.raises(InvalidArgument, match=r"^input: expected the path .* got dict; .*InputSpecification"):
        input_specification({"height": 8})


def test_a_path_is_no_bytes():
    with pytest.raises(InvalidArgument, match="source: expected the path of a file or folder, got bytes; save them"):
        checked_path(b"x", "source", "save them")


def test_names_of_classes_in_a_dictionary_are_refused_with_how_to_order_them():
    with pytest.raises(InvalidSource, match=r"got a dictionary; .*id2label"):
        class_names({0: "cat"})


def test_the_port_of_the_pages_is_named_where_grpc_was_expected():
    details = "failed to connect: Failed parsing HTTP/2 (Trying to connect an http1.x server (HTTP status 404))"
    failure = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details)

    error = error_of(failure, address="127.0.0.1:7401")

    assert isinstance(error, Unreachable)
    assert "one of HTTP" in str(error)
    assert "port of its gRPC API, which is 7400" in str(error)
