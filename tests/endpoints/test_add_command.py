"""`modicum-server endpoint add` names the file or the option to mend, and prints no lines of a log."""

import grpc
import pytest
from modicum_server.commands.endpoints import app
from modicum_server.endpoints.adding import advice
from modicum_server.endpoints.answers import EndpointRefused
from typer.testing import CliRunner

from tests.endpoints.entries import asked
from tests.endpoints.oip_server import MODEL, served
from tests.ports import free_port


@pytest.fixture
def add(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "folder").mkdir()
    return lambda *words: CliRunner().invoke(app, ["add", "cats", *words, "--data", "data"])


@pytest.fixture
def add_served(add, url):
    return lambda *options: add(url, *options)


@pytest.mark.parametrize("option", ["--credential-file", "--ca-file"])
@pytest.mark.parametrize(("file", "says"), [("nofile", "no such file"), ("folder", "expected a file, got a folder")])
def test_a_file_that_cannot_be_read_is_named(add, option, file, says):
    done = add("http://127.0.0.1:9/cats", option, file)

    assert (done.exit_code, done.stderr) == (2, f"{option} {file}: {says}\n")


@pytest.mark.parametrize(
    ("answers", "options", "says"),
    [
        ((401, grpc.StatusCode.UNAUTHENTICATED), (), "; it requires a credential: give --credential-file"),
        ((403, grpc.StatusCode.PERMISSION_DENIED), ("--credential-file", "token"), "; it refused the token in "),
        (
            (404, grpc.StatusCode.NOT_FOUND),
            (),
            f"; it seems to serve no model called {MODEL}: give the name of one that it serves",
        ),
    ],
)
def test_a_refusal_says_what_to_give(add_served, behaviour, answers, options, says):
    behaviour.description_status, behaviour.description_code = answers

    done = add_served(*options)

    assert done.exit_code == 3
    assert "ENDPOINT_REFUSED: the endpoint refused a request: " in done.stderr
    assert says in done.stderr
    assert "s3cret" not in done.output


def test_a_model_that_describes_no_tensors_is_told_with_what_to_do(add_served, behaviour):
    behaviour.inputs = behaviour.outputs = ()

    done = add_served()

    assert done.exit_code == 3
    assert "it describes no inputs and no outputs. " in done.stderr
    assert "A model of KServe does that with get_input_types and get_output_types" in done.stderr


def test_a_version_that_is_not_served_is_named(add, url, behaviour):
    behaviour.description_status, behaviour.description_code = 404, grpc.StatusCode.NOT_FOUND

    done = add(f"{url}/7")

    assert (
        f"; it seems to serve no version 7 of a model called {MODEL}: give a name and a version that it serves, or "
        "leave out /7" in done.stderr
    )


def test_an_empty_file_of_a_credential_is_refused(add_served, tmp_path):
    (tmp_path / "empty").write_text("\n")

    done = add_served("--credential-file", str(tmp_path / "empty"))

    assert done.exit_code == 3
    assert "the file with the credential of endpoint cats is empty; write the token into it" in done.stderr


def test_a_server_without_versions_wants_an_address_without_one():
    refused = EndpointRefused("status 501", "501")

    assert advice(refused, asked("http://127.0.0.1:9/cats/2")).startswith("; leave out /2: it seems not to know")
    assert not advice(refused, asked("http://127.0.0.1:9/cats"))


def test_a_port_of_another_service_of_grpc_is_named():
    refused = EndpointRefused("gRPC status UNIMPLEMENTED", "UNIMPLEMENTED")

    assert advice(refused, asked("grpc://127.0.0.1:9/cats")).startswith("; 127.0.0.1:9 serves gRPC without the Open")


def test_other_refusals_are_told_as_they_are():
    assert not advice(EndpointRefused("status 400", "400"), asked("http://127.0.0.1:9/cats"))


def test_an_endpoint_that_is_not_there_is_told_in_one_line(add):
    done = add(f"http://127.0.0.1:{free_port()}/cats")

    assert done.exit_code == 3
    assert done.output.startswith("ENDPOINT_UNREACHABLE: ")
    assert done.output.count("\n") == 1
    assert "Nothing listens at port " in done.output


@pytest.mark.parametrize(
    ("served_by", "scheme", "says"),
    [
        ("http", "https", " does not answer in TLS: give http:// if the server does not encrypt there"),
        (
            "http",
            "grpc",
            "give the scheme http or https if it is the port of the other protocol, or grpcs if it encrypts",
        ),
        (
            "grpc",
            "http",
            " does not answer in HTTP: give the scheme grpc or grpcs if it is a port of gRPC, or https if",
        ),
        ("grpc", "grpcs", "give the scheme http or https if it is the port of the other protocol, or grpc if it does"),
    ],
)
def test_another_scheme_than_the_port_has_is_told_with_what_was_tried(add, behaviour, served_by, scheme, says):
    with served(behaviour) as addresses:
        place = addresses[served_by].partition("://")[2]
        done = add(f"{scheme}://{place}")

    assert done.exit_code == 3
    assert f"nothing at {scheme}://{place.partition('/')[0]} could be used: " in done.stderr
    assert says in done.stderr
    assert "fewer requests" not in done.stderr
