"""Parsing of queries, bodies, paths and headers. An unknown field or invalid value is refused by its path."""

import json

import pytest
from google.protobuf.json_format import MessageToDict
from modicum_server.errors import FieldInvalid
from modicum_server.transports.contract import ServedMethod
from modicum_server.transports.http.rest import protojson
from modicum_server.transports.http.rest.protojson import read_json
from modicum_server.transports.http.rest.requests import request_of
from modicum_server.transports.http.rest.routes import Found, Route, bindings_of

from tests.rest.two_doors import METHODS

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
def test_a_query_accepts_both_spellings_of_a_field(name, value, became):
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
        ("ListAudits", "pageSizes", "1", "pageSizes", "its fields are parent, pageSize, pageToken, filter"),
        ("ListAudits", "parent", "projects/p", "parent", "the path has this field"),
        ("ListAudits", "filter.state", "1", "filter.state", "has no such field"),
        ("CreateAudit", "validateOnly", "yes", "validate_only", "true or false, got 'yes'"),
        ("CreateAudit", "audit.name", "x", "audit.name", "belongs in the body"),
        ("CreateAudit", "audit", "x", "audit", "has no such field"),
        ("CancelAudit", "name", "x", "name", "the path has this field"),
        ("GetAuditReport", "format", "pdf", "format", "one of REPORT_FORMAT_UNSPECIFIED, REPORT_FORMAT_JSON"),
        ("UploadArtifact", "data", "eA==", "data", "belongs in the body"),
    ],
)
def test_an_invalid_query_parameter_is_named(method, name, value, field, says):
    error = refusal(method, (name, value))

    assert error.field == field
    assert says in error.rule


def test_a_repeated_field_is_refused():
    assert "got 2" in refusal("ListAudits", ("pageSize", "1"), ("pageSize", "2")).rule


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ('{"foo": 1}', "audit.foo", "its fields are name, specification"),
        (
            '{"specification": {"searches": [{"threshold": 0.9}, {"treshold": 1}]}}',
            "audit.specification.searches[1].treshold",
            "",
        ),
        ('{"specification": {"searches": {"threshold": 0.9}}}', "audit.specification.searches", "expected a list"),
        ('{"specification": {"searches": [7]}}', "audit.specification.searches[0]", "expected an object, got 7"),
        ('{"specification": {"modelVersions": [7]}}', "audit.specification.model_versions[0]", "expected text, got 7"),
        ('{"specification": {"seed": "x"}}', "audit.specification.seed", "a string of digits, got 'x'"),
        ('{"specification": {"noControls": "yes"}}', "audit.specification.no_controls", "true or false"),
        (
            '{"specification": {"searches": [{"fill": "FILL_RED"}]}}',
            "audit.specification.searches[0].fill",
            "FILL_MEAN",
        ),
        ('{"createTime": "yesterday"}', "audit.create_time", "a time such as"),
        ('{"name": "a", "name": "b"}', "name", "has this field twice"),
        ('{"progress": {"meanSubsetFraction": NaN}}', "request", "NaN"),
        ("[]", "audit", "expected an object"),
        ("null", "audit", "expected an object"),
        ("{", "request", "cut off"),
        ("[" * 100_000, "request", "nested too deeply"),
        ('{"specification": ' * 200 + "1" + "}" * 200, "audit.specification.specification", "has no such field"),
        ('"\\ud800"', "audit", "expected an object"),
        ('{"name": "\\ud800"}', "audit.name", "expected text"),
        ('{"specification": {"seed": ' + "9" * 5000 + "}}", "request", "not valid JSON"),
    ],
)
def test_an_invalid_body_field_is_named(body, field, says):
    error = refusal("CreateAudit", body=body.encode())

    assert error.field == field
    assert says in error.rule
    assert len(str(error)) < 1500


def test_bytes_that_are_not_utf_8_are_refused():
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


def test_valid_json_is_read():
    assert read_json(b' {"a": [1, 2.5, null, "x"]} ') == {"a": [1, 2.5, None, "x"]}


def search(value: str) -> bytes:
    return f'{{"specification": {{"searches": [{{{value}}}]}}}}'.encode()


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (search('"threshold": true'), "threshold", "expected a number, got true"),
        (search('"threshold": "٣"'), "threshold", "expected a number, got '٣'"),
        (search('"threshold": " 0.9 "'), "threshold", "expected a number"),
        (search(f'"threshold": {"9" * 400}'), "threshold", "(400 characters)"),
        (search(f'"passes": {"9" * 400}'), "passes", "(400 characters)"),
        (search(f'"pixelsPerStep": {"9" * 400}'), "pixels_per_step", "(400 characters)"),
        (search(f'"method": {"9" * 400}'), "method", "(400 characters)"),
        (search('"method": 1.5'), "method", "SEARCH_METHOD_BACKSELECT"),
        (search('"method": true'), "method", "got true"),
        (search('"method": "1"'), "method", "got '1'"),
        (search('"method": "\\ud800"'), "method", "got '\\ud800'"),
        (search('"passes": true'), "passes", "got true"),
        (search('"passes": 1.5'), "passes", "got 1.5"),
        (search('"passes": "1_000"'), "passes", "got '1_000'"),
        (search('"pixelsPerStep": 1, "pixels_per_step": 2'), "pixels_per_step", "both of its names"),
        (search('"\\ud800": 1'), "\\ud800", "has no such field"),
    ],
)
def test_a_value_of_another_type_is_refused(body, field, says):
    error = refusal("CreateAudit", body=body)

    assert error.field == f"audit.specification.searches[0].{field}"
    assert says in error.rule


def test_a_key_that_is_not_valid_text_is_refused_at_any_depth():
    assert refusal("CreateAudit", body=b'{"\\ud800": 1}').field == "audit.\\ud800"
    assert refusal("CreateAudit", body=b'{"name": {"\\ud800": 1}}').field == "audit.name"


@pytest.mark.parametrize(
    ("came", "words"),
    [
        ("null", "null"),
        ("[]", "a list of 0 entries"),
        ("[1, 2]", "a list of 2 entries"),
        ("true", "true"),
        ('"a"', "'a'"),
    ],
)
def test_the_received_value_is_reported_in_json_terms(came, words):
    assert refusal("CreateAudit", body=came.encode()).rule == f"expected an object, got {words}"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ('{"weights": {}, "exported": {}}', "model_version.exported", "got weights and exported"),
        ('{"ensemble": {}, "input_dropout": {}}', "model_version.input_dropout", "got ensemble and inputDropout"),
    ],
)
def test_fields_that_exclude_each_other_are_named(body, field, says):
    error = refusal("CreateModelVersion", body=body.encode())

    assert error.field == field
    assert "expected at most one of weights, exported, torchscript, ensemble, inputDropout" in error.rule
    assert f"{says}; give only one of them" in error.rule


def test_a_field_that_excludes_another_is_accepted_beside_its_null():
    made = request("CreateModelVersion", body=b'{"exported": null, "weights": {"architecture": "a:b"}}')

    assert made["modelVersion"] == {"weights": {"architecture": "a:b"}}


@pytest.mark.parametrize("text", ["1e1", "2.0", "٣", " 3", "1_0", "0x1", ""])
def test_a_whole_number_in_a_query_is_its_digits(text):
    assert refusal("ListAudits", ("pageSize", text)).field == "page_size"


def test_both_spellings_of_a_field_are_one_field():
    assert "got 2" in refusal("ListAudits", ("page_size", "1"), ("pageSize", "2")).rule


@pytest.mark.parametrize("passes", ["100", "1e2", "100.0", '"100"'])
def test_a_whole_number_has_many_forms_in_json(passes):
    made = request("CreateAudit", body=search(f'"passes": {passes}'))

    assert made["audit"]["specification"]["searches"] == [{"passes": "100"}]


def test_finding_a_repeated_key_takes_linear_time():
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    pairs = [(Name(place), place) for place in range(999)] + [(Name(998), 0)]

    with pytest.raises(FieldInvalid, match="998: the object has this field twice"):
        protojson._object(pairs)

    assert compared < 20 * len(pairs)


def test_the_number_of_keys_of_an_object_is_limited():
    body = json.dumps({f"k{place}": 1 for place in range(1001)}).encode()

    assert refusal("CreateAudit", body=body).rule == "expected at most 1,000 fields in an object, got 1,001"
