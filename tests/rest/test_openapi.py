"""The description of the REST interface is valid, complete, and correct as far as schemathesis can tell."""

import asyncio
import base64
import hashlib
import json
import re
import shlex
import sys
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from google.protobuf import json_format, symbol_database
from google.protobuf.message_factory import GetMessageClass
from modicum_server.transports.contract import services_of_contract
from modicum_server.transports.errors import reason_of
from modicum_server.transports.http.rest.openapi.comments import comment_on
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.examples import EXAMPLES, IDS
from modicum_server.transports.http.rest.openapi.operations import body_of
from modicum_server.transports.http.rest.openapi.page import prose, reasons, render_page, resolved
from modicum_server.transports.http.rest.openapi.refusals import OF_PAGES
from modicum_server.transports.http.rest.openapi.trying import tried
from modicum_server.transports.http.rest.routes import bindings_of
from modicum_server.usecases.resource_names import project_of
from openapi_spec_validator import validate

from tests.rest.rest_stage import PROJECT, TOKENS, Rest
from tests.rest.two_doors import METHODS
from tests.tiers import long

#: Settings for schemathesis, each with its reason.
CONFIGURATION = """
[checks.not_a_server_error]  # 501: what is not served yet; 504: a caller's own deadline, of a nanosecond
expected-statuses = ["2xx", "3xx", "4xx", "501", "504"]

[checks.positive_data_acceptance]
enabled = false  # the rules of fields are more than a schema can say

[[operations]]
include-operation-id = "GetAuditReport"
parameters = { "query.format" = "json" }  # the page takes a whole result document, which the stage has not
"""
LONGEST_RUN_SECONDS = 100


@pytest.fixture(scope="module")
def described():
    return document()


def test_the_document_is_valid_openapi_3_1(described):
    validate(described)

    assert described["openapi"].startswith("3.1")


def test_every_method_field_and_value_is_explained(described):
    assert all(comment_on(service.full_name) for service in services_of_contract())
    assert all(comment_on(method.full_name) for method in METHODS.values())
    for name, schema in described["components"]["schemas"].items():
        assert schema["description"] or name == "Empty"
        for field, one in schema.get("properties", {}).items():
            assert one.get("description") or "const" in one, (name, field)
        if "enum" in schema:
            assert schema["description"].count("`: ") == len(schema["enum"])
            assert "`: \n" not in schema["description"] + "\n"


def test_every_body_has_a_valid_example():
    bodies = [body for method in METHODS.values() for one in bindings_of(method) if (body := body_of(one))]

    assert {body.message.full_name for body in bodies} == EXAMPLES.keys()
    for name, example in EXAMPLES.items():
        kind = GetMessageClass(symbol_database.Default().pool.FindMessageTypeByName(name))
        json_format.ParseDict(example, kind())


def test_paths_are_named_after_their_collections(described):
    assert "/v1/projects/{project}/models/{model}/versions/{version}" in described["paths"]
    assert "/v1/projects/{project}/audits/{audit}:cancel" in described["paths"]


def test_integers_of_64_bits_are_text_and_enums_go_by_name(described):
    properties = described["components"]["schemas"]["AuditProgress"]["properties"]

    assert properties["passesDone"]["type"] == "string"
    assert re.search(properties["passesDone"]["pattern"], str(-(2**63)))
    assert re.search(described["components"]["parameters"]["LastEventId"]["schema"]["pattern"], str(2**63 - 1))
    assert properties["imagesDone"]["type"] == "integer"
    assert "STATE_QUEUED" in described["components"]["schemas"]["Audit.State"]["enum"]
    assert described["components"]["schemas"]["Audit"]["properties"]["state"]["readOnly"]


def test_every_operation_has_a_name_of_its_own(described):
    names = [one["operationId"] for verbs in described["paths"].values() for one in verbs.values()]

    assert len(set(names)) == len(names)
    assert METHODS.keys() <= set(names)


def test_headers_of_responses_are_described(described):
    def headers(response):
        return set(response.get("headers", ()))

    download = described["paths"]["/v1/projects/{project}/artifacts/{artifact}:download"]["get"]["responses"]
    problem = described["components"]["responses"]["Problem"]

    assert {"ETag", "Content-Range", "X-Request-ID"} == headers(download["206"])
    assert {"ETag"} == headers(download["304"])
    assert {"Retry-After", "WWW-Authenticate", "Content-Range", "X-Request-ID"} == headers(problem)


def test_a_watch_is_described_as_a_stream_of_events(described):
    responses = described["paths"]["/v1/projects/{project}/audits/{audit}:watch"]["get"]["responses"]
    schema = responses["200"]["content"]["text/event-stream"]["schema"]
    event = described["components"]["schemas"]["Event"]

    assert responses["200"]["content"].keys() == {"text/event-stream"}
    stream, one = schema["anyOf"]
    assert (stream["type"], stream["contentMediaType"]) == ("string", "text/event-stream")
    assert one == {"$ref": "#/components/schemas/Event"}
    assert stream["contentSchema"] == {"type": "array", "items": one}
    assert event["properties"]["data"]["contentSchema"] == {
        "anyOf": [{"$ref": "#/components/schemas/Audit"}, {"$ref": "#/components/schemas/Problem"}]
    }
    assert 'stream of <a href="#schema-Event">Event</a>' in render_page(described, "/pages.css")


def refused(described, operation_id: str) -> set[str]:
    """The statuses with which an operation may refuse a call."""
    [operation] = [
        one for verbs in described["paths"].values() for one in verbs.values() if one["operationId"] == operation_id
    ]
    return {status for status in operation["responses"] if status >= "4"}


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("ListProjects", "400 401 429 500 503 504"),
        ("GetAudit", "400 401 404 429 500 503 504"),
        ("CreateAudit", "400 401 403 404 409 413 415 429 500 503 504"),
        ("DeleteModel", "400 401 403 404 429 500 503 504"),
        ("UploadArtifactByPut", "400 401 403 404 409 413 415 422 429 500 503 504 507"),
        ("DownloadArtifact", "400 401 404 416 429 500 503 504"),
        ("WatchAudit", "400 401 404 429 500 503 504"),
        ("JudgeAudit", "400 401 403 404 409 413 415 429 500 503 504 507"),
    ],
)
def test_an_operation_describes_the_statuses_of_its_refusals(described, operation, statuses):
    assert refused(described, operation) == {*statuses.split(), "default"}


def test_every_refusal_that_is_described_is_a_problem_with_the_reasons_of_its_status(described):
    known = {(status, reason) for reason, status, *_ in reasons()}
    responses = described["components"]["responses"]
    refusals = {
        (status, response["$ref"].rpartition("/")[2])
        for verbs in described["paths"].values()
        for operation in verbs.values()
        for status, response in operation["responses"].items()
        if status >= "4"
    }

    assert refusals == {(name.removeprefix("Problem") or "default", name) for name in responses}
    for name, response in responses.items():
        assert response["content"].keys() == {"application/problem+json"}
        named = re.findall("`([A-Z_]+)`", response["description"])
        assert bool(named) == (name != "Problem")
        assert {(int(name.removeprefix("Problem")), reason) for reason in named} <= known
    named = {reason for response in responses.values() for reason in re.findall("`([A-Z_]+)`", response["description"])}
    of_no_operation = {"PATH_UNKNOWN", "METHOD_NOT_ALLOWED", "REQUEST_MALFORMED"}
    of_pages = {reason_of(kind) for kind in OF_PAGES}
    assert {reason for _, reason in known} - named == of_no_operation | of_pages | {"TOO_MANY_CALLS"}  # only gRPC


def test_headers_of_a_refusal_are_those_of_its_status(described):
    headers = {name: set(one["headers"]) for name, one in described["components"]["responses"].items()}

    assert headers["Problem401"] == {"X-Request-ID", "WWW-Authenticate"}
    assert headers["Problem404"] == {"X-Request-ID"}
    assert headers["Problem416"] == {"X-Request-ID", "Content-Range"}
    assert headers["Problem429"] == headers["Problem503"] == {"X-Request-ID", "Retry-After"}


def test_backticks_become_code_on_the_page(described):
    page = render_page(described, "/pages.css")

    assert "`" not in page.partition("<script>")[0]
    assert "<code>next_page_token</code> of the previous page." in page
    assert prose("<b> `a<b`") == "&lt;b&gt; <code>a&lt;b</code>"


def test_every_reason_is_described_once():
    known = [reason for reason, *_ in reasons()]

    assert len(set(known)) == len(known)
    assert {
        "FIELD_INVALID",
        "AUDIT_NOT_FOUND",
        "PATH_UNKNOWN",
        "INTERNAL",
        "DEPENDENCY_UNAVAILABLE",
    } <= set(known)


async def test_document_and_page_are_public_and_load_nothing_foreign(served):
    rest = Rest(served.http_port, token=None)
    as_json = await rest.ask("GET", "/openapi.json")
    page = await rest.ask("GET", "/docs")
    text = page.body.decode()

    assert as_json.json == json.loads(json.dumps(document()))
    policy = page.headers["Content-Security-Policy"]
    style, script = (
        base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        for tag in ("style", "script")
        for one in re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    )
    assert policy.startswith(f"default-src 'none'; style-src 'self' 'sha256-{style}'; script-src 'sha256-{script}'; ")
    assert "unsafe" not in policy
    assert " style=" not in text
    assert " src=" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert 'id="AUDIT_NOT_FOUND"' in text
    assert 'id="CreateAudit"' in text


def test_every_operation_has_a_line_of_curl_without_gaps():
    resolve = partial(resolved, document())

    for path, verbs in document()["paths"].items():
        for verb, operation in verbs.items():
            words = shlex.split(tried(verb.upper(), path, operation, resolve).curl)
            needed = {one["name"] for one in map(resolve, operation["parameters"]) if one.get("required")}
            address, _, query = words[-1].partition("?")
            assert address.startswith("$SERVER/v1/projects")
            assert not {"{", "}"} & set(address)
            assert "//" not in address
            assert {name for name in needed if f"{{{name}}}" not in path} == parse_qs(query).keys()


@pytest.mark.parametrize("kind", ["project", "model", "dataset", "member"])
def test_a_line_of_curl_names_what_it_creates(described, kind):
    create = described["paths"]["/v1/projects" if kind == "project" else f"/v1/projects/{{project}}/{kind}s"]["post"]
    (given,) = [one for one in create["parameters"] if one.get("in") == "query" and one.get("required")]

    assert given["name"] == f"{kind}Id"
    assert project_of(kind, "/".join((*parents(kind), f"{kind}s", given["example"])))
    assert f'value="{given["example"]}" required' in render_page(described, "/pages.css")


def parents(kind: str) -> tuple[str, ...]:
    return () if kind == "project" else ("projects", IDS["projects"])


def test_a_form_sends_no_file_and_waits_for_no_endless_stream():
    resolve = partial(resolved, document())
    all_tried = {
        operation["operationId"]: tried(verb.upper(), path, operation, resolve)
        for path, verbs in document()["paths"].items()
        for verb, operation in verbs.items()
    }

    assert {name for name, one in all_tried.items() if not one.by_form} == {
        "UploadArtifact",
        "UploadArtifactByPut",
        "WatchAudit",
    }


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("phases", "untested"),  # one method has nothing to give an example of
    [pytest.param("examples", 1, id="examples"), long("examples,coverage,fuzzing", 0, id="all")],
)
async def test_schemathesis_finds_no_fault(served, tmp_path, phases, untested):
    audit = await served.audit(IDS["audits"], model=IDS["models"], dataset=IDS["datasets"])
    await served.succeed(audit, findings=4)
    assert IDS["artifacts"] == hashlib.sha256(b"test").hexdigest() == await served.upload(b"test")
    assert f"projects/{IDS['projects']}" == PROJECT
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run"]
    command += [f"http://127.0.0.1:{served.http_port}/openapi.json", "-H", f"Authorization: Bearer {TOKENS['admin']}"]
    command += ["--phases", phases, "-n", "2", "--max-time", str(LONGEST_RUN_SECONDS)]
    command += ["--seed", "1", "--no-shrink", "--no-color", "--continue-on-failure", "--generation-database", "none"]

    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode()

    assert process.returncode == 0, said[-8000:]
    assert f"Tested: {sum(len(list(bindings_of(one))) for one in METHODS.values()) - untested}" in said
