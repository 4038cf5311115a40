"""A malformed address of a model that is served elsewhere is refused before anything else is asked for."""

import pytest
from modicum.errors import ModelRejected
from modicum.sources.served_models import served_model

from tests.commands import run_command


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:8001", "endpoint '127.0.0.1:8001': the address has no scheme; expected the name of an endpoint"),
        ("ftp://x/m", "the scheme 'ftp' is not one of an endpoint"),
        ("grpc://127.0.0.1:8001", "the address has no model behind the port"),
        ("http:///m", "the address has no host"),
        (f"{'x' * 70}:1", f"endpoint '{'x' * 64}...': the address has no scheme"),
    ],
)
def test_an_address_that_lacks_a_part_is_refused_as_the_server_does(address, says):
    with pytest.raises(ModelRejected) as refused:
        served_model(address)

    assert says in str(refused.value)
    assert refused.value.reason == "ENDPOINT_UNKNOWN"


@pytest.mark.parametrize("name", ["cats", "grpc://127.0.0.1:8001/cats", "https://models.example.org/cats/2"])
def test_names_and_whole_addresses_are_left_to_the_server(name):
    assert served_model(name).endpoint == name


def test_the_address_is_refused_before_the_input_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")
    (tmp_path / "a.png").write_bytes(b"a")

    done = run_command(("audit", "--endpoint", "127.0.0.1:8001", str(tmp_path)), capsys)

    assert done.exit_code == 5
    assert "the address has no scheme; expected the name of an endpoint, or its whole address" in done.said
