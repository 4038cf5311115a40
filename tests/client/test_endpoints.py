"""Addresses, tokens, names and searches: checks before anything is sent."""

import pytest
from modicum import Client
from modicum.client import resolved
from modicum.endpoints import Endpoint, parsed_endpoint, refuse_unencrypted_token
from modicum.errors import InsecureAddress, InvalidArgument
from modicum.resource_names import checked_id, resource_name, short_version, suggested_id
from modicum.searches import Control, ControlPlan, Search, control_plan, fill_of, search_method


@pytest.mark.parametrize(
    ("text", "target", "tls"),
    [
        ("host:1", "host:1", False),
        ("host", "host:7400", False),
        ("http://host:1/", "host:1", False),
        ("https://host", "host:7400", True),
        ("[::1]:5", "[::1]:5", False),
    ],
)
def test_an_address_names_a_host_a_port_and_whether_to_use_tls(text, target, tls):
    endpoint = parsed_endpoint(text)

    assert (endpoint.target, endpoint.tls) == (target, tls)


@pytest.mark.parametrize(
    "text", ["", "ftp://host", "host:", "host:x", "host:0", "host:70000", "::1", "host/path", ":1"]
)
def test_an_address_of_another_form_is_refused(text):
    if text == "host:":
        assert parsed_endpoint(text).port == 7400
        return
    with pytest.raises(InvalidArgument, match="address"):
        parsed_endpoint(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_a_token_may_be_sent_unencrypted_on_this_machine(host):
    refuse_unencrypted_token(Endpoint(host, 1, token="secret"), {})


def test_a_token_is_sent_over_a_network_only_with_tls_or_on_request():
    refuse_unencrypted_token(Endpoint("example.org", 1, tls=True, token="secret"), {})
    refuse_unencrypted_token(Endpoint("example.org", 1), {})
    refuse_unencrypted_token(Endpoint("example.org", 1, token="secret"), {"MODICUM_INSECURE": "1"})

    with pytest.raises(InsecureAddress, match="MODICUM_INSECURE"):
        refuse_unencrypted_token(Endpoint("example.org", 1, token="secret"), {})


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("sec\nret", "got U+000A at position 4 of 7"),
        ("secret\r", "got U+000D at position 7 of 7"),
        ("s\u00e9cret", "got U+00E9 at position 2 of 6"),
        ("sec ret", "got U+0020 at position 4 of 7"),
        ("sec\udcffret", "got U+DCFF at position 4 of 7"),
    ],
)
def test_a_malformed_token_is_refused_without_showing_it(monkeypatch, token, says):
    monkeypatch.setenv("MODICUM_TOKEN", token)

    with pytest.raises(InvalidArgument) as caught, Client("127.0.0.1:1", timeout_seconds=1) as client:
        client.models.get("m")

    assert says in str(caught.value)
    assert "set MODICUM_TOKEN, or token=, to what `modicum-server token create` printed" in str(caught.value)
    assert token not in str(caught.value)


def test_a_token_is_read_from_a_file_and_one_in_the_environment_goes_before_it(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("of-the-file\n")
    monkeypatch.setenv("MODICUM_TOKEN_FILE", str(tmp_path / "token"))

    assert resolved("host:1", token=None, local=False, data=None).endpoint.token == "of-the-file"
    assert resolved("host:1", token="given", local=False, data=None).endpoint.token == "given"
    monkeypatch.setenv("MODICUM_TOKEN", "set")
    assert resolved("host:1", token=None, local=False, data=None).endpoint.token == "set"


@pytest.mark.parametrize(("content", "says"), [(None, "No such file or directory"), ("\n", "it is empty")])
def test_a_file_without_a_token_is_refused(monkeypatch, tmp_path, content, says):
    if content is not None:
        (tmp_path / "token").write_text(content)
    monkeypatch.setenv("MODICUM_TOKEN_FILE", str(tmp_path / "token"))

    with pytest.raises(InvalidArgument, match=f"MODICUM_TOKEN_FILE: .*token: {says}"):
        resolved("host:1", token=None, local=False, data=None)


def test_a_token_is_not_shown_when_an_endpoint_is_printed():
    assert "secret" not in repr(Endpoint("example.org", 1, token="secret"))


def test_names_are_completed_shortened_and_suggested():
    assert resource_name("projects/p", "models", "m") == "projects/p/models/m"
    assert resource_name("projects/p", "models", "projects/q/models/m") == "projects/q/models/m"
    assert short_version("projects/p/models/m/versions/3") == "m/3"
    assert suggested_id("ResNet 18 (final)") == "resnet-18-final"
    assert suggested_id("写真") == "unnamed"
    with pytest.raises(InvalidArgument, match="1 to 63"):
        checked_id("Resnet", "model")


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 90, float("nan")])
def test_a_threshold_must_lie_between_0_and_1(threshold):
    with pytest.raises(InvalidArgument, match="threshold"):
        Search(threshold=threshold)


def test_a_control_is_a_name_with_optional_numbers():
    assert control_plan("fill") == ControlPlan(Control.FILL)
    assert control_plan("class_targeted:8:300") == ControlPlan(Control.CLASS_TARGETED, 8, 300)
    for text in ("filling", "fill:1:2:3", ""):
        with pytest.raises(InvalidArgument, match="NAME:IMAGES"):
            control_plan(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("class_targeted:x", "control 'class_targeted:x': expected IMAGES to be a whole number, 0 or more; got 'x'"),
        ("random:-3", "control 'random:-3': expected IMAGES to be a whole number, 0 or more; got '-3'"),
        ("random:", "expected IMAGES to be a whole number, 0 or more; got ''"),
        ("class_targeted:5:1e3", "expected PASSES to be a whole number, 0 or more; got '1e3'"),
        ("random:5:100", "random takes no budget, because it does not search; got 100"),
        (ControlPlan(Control.SHORTCUT, passes=1), "shortcut takes no budget, because it does not search; got 1"),
        ("class_targeted:5:9", "expected 0 (the budget of the search) or at least 10 for class_targeted; got 9"),
        ("fill_robust:5:40", "expected 0 (the budget of the search) or at least 41 for fill_robust; got 40"),
    ],
)
def test_wrong_numbers_of_a_control_are_refused_with_what_was_expected(text, says):
    with pytest.raises(InvalidArgument) as caught:
        control_plan(text)

    assert says in str(caught.value)


def test_unknown_methods_and_fills_are_refused_with_the_known_names():
    with pytest.raises(InvalidArgument, match="backselect"):
        search_method("gradient")
    with pytest.raises(InvalidArgument, match="marginal"):
        fill_of("grey")


@pytest.mark.parametrize(
    ("variable", "argument", "project"),
    [
        pytest.param("", None, "projects/default", id="neither"),
        pytest.param("vision", None, "projects/vision", id="the variable"),
        pytest.param("vision", "speech", "projects/speech", id="the argument first"),
        pytest.param("projects/vision", None, "projects/vision", id="a resource name"),
    ],
)
def test_the_project_is_that_of_the_argument_or_of_the_environment(monkeypatch, variable, argument, project):
    monkeypatch.setenv("MODICUM_PROJECT", variable)

    with Client("127.0.0.1:1", project=argument) as client:
        assert client._connection.project == project
