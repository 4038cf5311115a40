"""What becomes of a query, a body, a path and headers; what is no field or no value is refused by its path."""

import json

import pytest
from google.protobuf.json_format import MessageToDict
from modicum_server.errors import FieldInvalid
from modicum_server.transports.contract import ServedMethod
from modicum_server.transports.http.rest.protojson import read_json
from modicum_server.transports.http.rest.requests import request_of
from modicum_server.transports.http.rest.routes import Found, Route, bindings_of
from two_doors import METHODS

ID = "00000000-0000-4000-8000-000000000001"


def request(method, *query, body=b"", key="", **captured):
    binding = next(bindings_of(METHODS[method]))
    found = Found(Route(binding, ServedMethod(METHODS[method], print)), captured)
    return MessageToDict(request_of(found, query, body, key))


def refusal(method, *query, body=b"", key="", **captured):
    with pytest.raises(FieldInvalid) as caught:
        request(method, *query, body=body, key=key, **captured)
    return caught.value


@pytest.mark.parametrize(
    ("name", "value", "became"),
    [
        ("pageSize", "7", {"pageSize": 7}),
        ("page_size", "7", {"pageSize": 7}),
        ("filter", "state = RUNNING", {"filter": "state = RUNNING"}),
        ("filter", "", {}),
    ],
)
def test_a_query_takes_both_spellings_of_a_field(name, value, became):
    assert request("ListAudits", (name, value)) == became


@pytest.mark.parametrize("text", ["html", "HTML", "REPORT_FORMAT_HTML", "2"])
def test_an_enum_in_a_query_goes_by_its_name(text):
    assert request("GetAuditReport", ("format", text)) == {"format": "REPORT_FORMAT_HTML"}


def test_a_query_reaches_into_messages_and_repeats():
    made = request("CreateAudit", ("validateOnly", "true"), ("no_reuse", "false"), body=b"{}")
    assert made == {"validateOnly": True, "audit": {}}
    assert request("UploadArtifact", ("header.sizeBytes", "12"), ("header.digest", "d"))["header"]["sizeBytes"] == "12"


@pytest.mark.parametrize(
    ("method", "name", "value", "field", "says"),
    [
        ("ListAudits", "pageSize", "many", "page_size", "a whole number of 32 bits, got 'many'"),
        ("ListAudits", "pageSize", "99999999999", "page_size", "32 bits"),
        ("ListAudits", "pageSizes", "1", "pageSizes", "it has parent, pageSize, pageToken, filter"),
        ("ListAudits", "parent", "projects/p", "parent", "in the path only"),
        ("ListAudits", "filter.state", "1", "filter.state", "got a name that is none"),
        ("CreateAudit", "validateOnly", "yes", "validate_only", "true or false, got 'yes'"),
        ("CreateAudit", "audit.name", "x", "audit.name", "expected in the body"),
        ("CreateAudit", "audit", "x", "audit", "got a name that is none"),
        ("CancelAudit", "name", "x", "name", "in the path only"),
        ("GetAuditReport", "format", "pdf", "format", "one of REPORT_FORMAT_UNSPECIFIED, REPORT_FORMAT_JSON"),
        ("UploadArtifact", "data", "eA==", "data", "expected in the body"),
    ],
)
def test_what_a_query_may_not_say_is_named(method, name, value, field, says):
    error = refusal(method, (name, value))

    assert error.field == field
    assert says in error.rule


def test_a_field_stands_once():
    assert "got 2" in refusal("ListAudits", ("pageSize", "1"), ("pageSize", "2")).rule


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ('{"foo": 1}', "audit.foo", "it has name, specification"),
        (
            '{"specification": {"searches": [{"threshold": 0.9}, {"treshold": 1}]}}',
            "audit.specification.searches[1].treshold",
            "",
        ),
        ('{"specification": {"searches": {"threshold": 0.9}}}', "audit.specification.searches", "expected a list"),
        ('{"specification": {"searches": [7]}}', "audit.specification.searches[0]", "expected an object, got 7"),
        ('{"specification": {"modelVersions": [7]}}', "audit.specification.model_versions[0]", "expected text, got 7"),
        ('{"specification": {"seed": "x"}}', "audit.specification.seed", "its digits in a string, got 'x'"),
        ('{"specification": {"noControls": "yes"}}', "audit.specification.no_controls", "true or false"),
        (
            '{"specification": {"searches": [{"fill": "FILL_RED"}]}}',
            "audit.specification.searches[0].fill",
            "FILL_MEAN",
        ),
        ('{"createTime": "yesterday"}', "audit.create_time", "a time such as"),
        ('{"name": "a", "name": "b"}', "name", "got it twice"),
        ('{"progress": {"meanSubsetFraction": NaN}}', "request", "NaN"),
        ("[]", "audit", "expected an object"),
        ("null", "audit", "expected an object"),
        ("{", "request", "broken off"),
        ("[" * 100_000, "request", "nested too deeply"),
        ('{"specification": ' * 200 + "1" + "}" * 200, "audit.specification.specification", "a name that is none"),
        ('"\\ud800"', "audit", "expected an object"),
        ('{"name": "\\ud800"}', "audit.name", "expected text"),
        ('{"specification": {"seed": ' + "9" * 5000 + "}}", "request", "expected JSON"),
    ],
)
def test_what_a_body_may_not_say_is_named(body, field, says):
    error = refusal("CreateAudit", body=body.encode())

    assert error.field == field
    assert says in error.rule
    assert len(str(error)) < 1500


def test_bytes_that_are_no_text_are_refused():
    assert refusal("CreateAudit", body=b"\xff\xfe{}").field == "request"


def test_numbers_of_64_bits_come_as_digits_or_as_numbers():
    for seed in ("9007199254740993", 9007199254740993):
        body = json.dumps({"specification": {"seed": seed}}).encode()
        assert request("CreateAudit", body=body)["audit"]["specification"]["seed"] == "9007199254740993"


def test_a_method_without_a_body_takes_none():
    assert "got 2 bytes" in refusal("GetAudit", body=b"{}", name="projects/p/audits/a").rule


def test_a_body_may_be_left_out():
    assert request("CancelAudit", name="projects/p/audits/a") == {"name": "projects/p/audits/a"}
    assert request("CreateModel", ("modelId", "net")) == {"modelId": "net"}


def test_a_body_that_contradicts_the_path_is_refused():
    error = refusal("CancelAudit", body=b'{"name": "projects/p/audits/b"}', name="projects/p/audits/a")

    assert error.field == "name"


def test_the_idempotency_key_is_the_request_id():
    for key in (ID, f'"{ID}"'):
        assert request("CreateModel", key=key) == {"requestId": ID}
    assert request("CreateModel", ("requestId", ID.upper()), key=ID)["requestId"] == ID
    assert refusal("CreateModel", ("requestId", ID), key=ID[:-1] + "2").field == "request_id"
    assert request("GetModel", key="whatever") == {}


def test_json_is_read_as_it_is():
    assert read_json(b' {"a": [1, 2.5, null, "x"]} ') == {"a": [1, 2.5, None, "x"]}
