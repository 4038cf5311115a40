"""HTTP features of a response: ETags, links, compression, origins, HEAD and OPTIONS, limits, request ids, metrics."""

import asyncio
import gzip
import json
import re

import pytest
import structlog
from modicum_server.settings import Settings
from modicum_server.transports.http.compression import takes_gzip

from tests.rest.rest_stage import PROJECT, Rest

ID = "00000000-0000-4000-8000-000000000001"


async def test_a_resource_has_an_etag_until_it_changes(served):
    rest = served.rest()
    path = f"/v1/{await served.audit()}"
    first = await rest.ask("GET", path)
    etag = first.headers["ETag"]

    assert etag.startswith('"')
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = await rest.ask("GET", path, headers={"If-None-Match": given})
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
    await rest.ask("POST", f"{path}:cancel")
    changed = await rest.ask("GET", path, headers={"If-None-Match": etag})
    assert changed.status == 200
    assert changed.headers["ETag"] != etag
    assert "ETag" not in (await rest.ask("GET", f"/v1/{PROJECT}/audits")).headers


async def test_pages_are_linked(served):
    rest = served.rest()
    for name in ("a", "b", "c"):
        await rest.ask("POST", f"/v1/{PROJECT}/models?modelId={name}", {})

    path, names = f"/v1/{PROJECT}/models?pageSize=2", []
    while path:
        reply = await rest.ask("GET", path)
        names += [model["name"].rsplit("/", 1)[-1] for model in reply.json["models"]]
        link = reply.headers.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        assert bool(link) == bool(reply.json["nextPageToken"])
        path = link.partition(">")[0].removeprefix("<")

    assert names == ["a", "b", "c"]


async def test_an_idempotency_key_repeats_a_create(served):
    audit = await served.audit()
    rest, specification = served.rest(), (await served.rest().ask("GET", f"/v1/{audit}")).json["specification"]
    key = {"Idempotency-Key": ID}
    made = [
        await rest.ask("POST", f"/v1/{PROJECT}/audits", {"specification": {**specification, "seed": "1"}}, headers=key)
        for _ in range(2)
    ]
    other = await rest.ask(
        "POST", f"/v1/{PROJECT}/audits", {"specification": {**specification, "seed": "2"}}, headers=key
    )
    wrong = await rest.ask("POST", f"/v1/{PROJECT}/models?modelId=m", {}, headers={"Idempotency-Key": "mine"})

    assert made[0].json["name"] == made[1].json["name"]
    assert (other.status, other.reason) == (409, "REQUEST_ID_REUSED")
    assert wrong.json["violations"][0]["field"] == "requestId"


@pytest.mark.long
async def test_only_json_is_compressed(served):
    rest, takes = served.rest(), {"Accept-Encoding": "gzip"}
    audit = await served.audit()
    digest = await served.upload(b"a" * 10_000)
    await served.succeed(audit, findings=200)

    plain = await rest.ask("GET", f"/v1/{audit}/findings?pageSize=50")
    packed = await rest.ask("GET", f"/v1/{audit}/findings?pageSize=50", headers=takes)
    report = await rest.ask("GET", f"/v1/{audit}:report", headers=takes)
    events = await rest.ask("GET", f"/v1/{audit}:watch", headers=takes)
    artifact = await rest.ask("GET", f"/v1/{PROJECT}/artifacts/{digest}:download", headers=takes)

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(json.loads(gzip.decompress(report.body))["rows"]) == 200
    assert "Content-Encoding" not in events.headers
    assert "Content-Encoding" not in artifact.headers
    assert artifact.body == b"a" * 10_000


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP ; q=0.5", True),
        ("gzip;q=0", False),
        ("deflate, gzip; q=0.000", False),
        ("gzip;q=much", False),
        ("notgzip", False),
        ("", False),
    ],
)
def test_gzip_is_used_only_for_clients_that_accept_it(header, takes):
    assert takes_gzip(header) is takes


@pytest.mark.long
async def test_the_etag_of_a_compressed_response_is_weak_and_is_accepted_again(served):
    audit, takes = await served.audit(), {"Accept-Encoding": "gzip"}
    plain = await served.rest().ask("GET", f"/v1/{audit}", headers={"Accept-Encoding": "gzip;q=0"})
    packed = await served.rest().ask("GET", f"/v1/{audit}", headers=takes)
    etag = packed.headers["ETag"]
    same = await served.rest().ask("GET", f"/v1/{audit}", headers={**takes, "If-None-Match": etag})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert etag == f"W/{plain.headers['ETag']}"
    assert same.status == 304


@pytest.mark.long
async def test_a_report_has_its_own_media_type(served):
    audit = await served.audit()
    await served.succeed(audit, findings=2)
    reply = await served.rest().ask("GET", f"/v1/{audit}:report?format=json")

    assert reply.headers["Content-Type"] == "application/json"
    assert [row["item"] for row in reply.json["rows"]] == ["0.png", "1.png"]
    assert "sandbox allow-scripts; " in reply.headers["Content-Security-Policy"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]


@pytest.mark.long
async def test_head_responds_without_a_body(served):
    rest = served.rest()
    audit = await served.audit()
    for path in (f"/v1/{PROJECT}", f"/v1/{PROJECT}/models", f"/v1/{audit}:watch", "/openapi.json", "/healthz"):
        head = await rest.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
    assert (await rest.ask("HEAD", f"/v1/{audit}x")).status == 404


async def test_options_and_405_list_the_methods_of_a_path(served):
    rest = served.rest()
    options = await rest.ask("OPTIONS", "/v1/projects")
    refused = await rest.ask("PATCH", "/v1/projects")
    probe = await rest.ask("POST", "/healthz")
    of_probe = await rest.ask("OPTIONS", "/healthz", headers={"X-Request-ID": "mine-1"})

    assert (of_probe.status, of_probe.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert of_probe.headers["X-Request-ID"] == "mine-1"
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert (refused.status, refused.reason) == (405, "METHOD_NOT_ALLOWED")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert (probe.status, probe.reason, probe.headers["Allow"]) == (405, "METHOD_NOT_ALLOWED", "GET, HEAD, OPTIONS")


async def test_an_unknown_path_is_a_problem(served):
    for path in ("/v1/nothing", "/v2/projects", "/v1/projects/p/audits/a:dance", "/v1/projects/"):
        reply = await served.rest().ask("GET", path, headers={"X-Request-ID": "mine-1"})
        assert (reply.status, reply.reason, reply.headers["X-Request-ID"]) == (404, "PATH_UNKNOWN", "mine-1")


async def test_a_path_with_an_extra_or_missing_slash_is_unknown(served):
    for path in ("/v1", "/docs/", "/healthz/", "/openapi.json/"):
        reply = await served.rest().ask("GET", path, headers={"Host": "evil.example"})
        assert (reply.status, reply.reason) == (404, "PATH_UNKNOWN")
        assert "Location" not in reply.headers


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/v1/nothing?key=secret", 404),
        ("PATCH", "/v1/projects", 405),
        ("GET", "/elsewhere%0Aforged", 404),
        ("POST", "/healthz", 405),
    ],
)
async def test_an_unknown_path_is_logged_with_its_request_id(served, verb, path, status):
    with structlog.testing.capture_logs() as lines:
        await served.rest().ask(verb, path, headers={"X-Request-ID": "find-me"})

    (line,) = [line for line in lines if line["event"] == "rpc"]
    assert line["request_id"] == "find-me"
    assert (line["verb"], line["path"], line["status"]) == (verb, path.partition("?")[0], status)


async def test_an_unknown_path_is_counted_by_transport_and_reason_only(served):
    rest = served.rest()
    for verb, path in (("GET", "/v1/secret"), ("GET", "/v1/other"), ("PATCH", "/v1/projects"), ("POST", "/healthz")):
        await rest.ask(verb, path)
    await rest.ask("GET", "/wp-login.php")
    await rest.ask("OPTIONS", "/v1/projects")
    await served.channel.unary_unary("/modicum.v1.AuditService/Invent")(b"").code()

    text = (await rest.ask("GET", "/metrics")).body.decode()

    for name, label in (("modicum_requests_unrouted_total", "transport"), ("modicum_requests_lost_total", "door")):
        counted = re.findall(rf"^{name}\{{(.+)\}} (\S+)$", text, re.MULTILINE)
        assert {frozenset(labels.split(",")): count for labels, count in counted} == {
            frozenset({f'{label}="rest"', 'reason="path_unknown"'}): "2.0",
            frozenset({f'{label}="rest"', 'reason="method_not_allowed"'}): "1.0",
            frozenset({f'{label}="http"', 'reason="path_unknown"'}): "1.0",
            frozenset({f'{label}="http"', 'reason="method_not_allowed"'}): "1.0",
            frozenset({f'{label}="grpc"', 'reason="path_unknown"'}): "1.0",
        }
    assert "secret" not in text


async def test_a_long_path_is_cut_in_the_log(served):
    with structlog.testing.capture_logs() as lines:
        await served.rest().ask("GET", "/v1/" + "x" * 3000)

    (line,) = [line for line in lines if line["event"] == "rpc"]
    assert line["path"] == "/v1/" + "x" * 196


async def test_a_token_is_required(served):
    reply = await Rest(served.http_port, token=None).ask("GET", "/v1/projects")

    assert (reply.status, reply.reason) == (401, "TOKEN_MISSING")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_request_id_is_returned_unless_it_could_forge_a_log(served):
    rest = served.rest()
    mine = await rest.ask("GET", "/v1/projects", headers={"X-Request-ID": "mine-1"})
    forged = await rest.ask("GET", "/v1/projects", headers={"X-Request-ID": "a b{}"})

    assert mine.headers["X-Request-ID"] == "mine-1"
    assert len(forged.headers["X-Request-ID"]) == 32


async def test_a_body_is_json_and_not_too_large(served):
    rest, path = served.rest(), f"/v1/{PROJECT}/artifacts:findMissing"
    form = await rest.ask("POST", path, raw=b"digests=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    large = await rest.ask("POST", path, {"digests": ["x" * 4_200_000]})
    endless = await rest.ask(
        "POST", path, raw=iter([b" " * 1_000_000] * 6), headers={"Content-Type": "application/json"}
    )

    assert (form.status, form.reason) == (415, "MEDIA_TYPE_UNKNOWN")
    assert (large.status, large.reason) == (413, "REQUEST_TOO_LARGE")
    assert (endless.status, endless.reason) == (413, "REQUEST_TOO_LARGE")


@pytest.mark.long_after(2)
@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", ""])
async def test_a_deadline_is_a_number_of_seconds(served, text):
    reply = await served.rest().ask("GET", "/v1/projects", headers={"Request-Timeout": text})

    assert reply.json["violations"][0]["field"] == "Request-Timeout"


@pytest.mark.long
async def test_a_forbidden_caller_is_refused_whatever_the_deadline(served):
    for token, reason in ((None, "TOKEN_MISSING"), ("wrong", "TOKEN_INVALID")):
        reply = await Rest(served.http_port, token).ask("GET", "/v1/projects", headers={"Request-Timeout": "soon"})
        assert reply.reason == reason


async def test_metrics_require_a_bearer_token(served, monkeypatch):
    monkeypatch.setattr("modicum_server.transports.http.scrapers.is_direct_on_loopback", lambda _request: False)
    reply = await Rest(served.http_port, None).ask("GET", "/metrics")

    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="modicum"')


async def test_a_callers_deadline_is_kept(served, monkeypatch):
    async def slow(*_args, **_options):
        await asyncio.sleep(600)

    monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", slow)
    reply = await served.rest().ask("GET", "/v1/projects", headers={"Request-Timeout": "0.2"})

    assert (reply.status, reply.reason) == (504, "DEADLINE_EXCEEDED")


async def test_a_retryable_error_says_when_to_retry(served, monkeypatch):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as one, served.rest().events(f"/v1/{audit}:watch") as two:
        await one.next()
        await two.next()
        full = await served.rest().ask("GET", f"/v1/{audit}:watch")

    assert (full.status, full.reason, full.headers["Retry-After"]) == (429, "TOO_MANY_WATCHERS", "5")


async def test_calls_of_both_doors_are_counted_alike(served):
    await served.rest().ask("GET", "/v1/projects?pageSize=x")
    text = (await served.rest().ask("GET", "/metrics")).body.decode()

    assert 'modicum_rpcs_total{code="INVALID_ARGUMENT",method="/modicum.v1.ProjectService/ListProjects"} 1.0' in text


async def test_a_bug_is_described_only_in_the_log(served, monkeypatch, capsys):
    async def broken(*_args, **_options):
        raise RuntimeError("secret of /etc/modicum")

    monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", broken)
    reply = await served.rest().ask("GET", "/v1/projects", headers={"X-Request-ID": "find-me"})
    logged = capsys.readouterr()

    assert (reply.status, reply.reason) == (500, "INTERNAL")
    assert b"secret" not in reply.body
    assert "secret of /etc/modicum" in logged.out + logged.err


async def test_only_origins_of_the_setting_are_allowed(served):
    reply = await served.rest().ask("GET", "/v1/projects", headers={"Origin": "https://a.example"})

    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_origins_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("MODICUM_CORS_ORIGINS", "https://a.example/, http://localhost:5173")

    assert Settings().cors_origins == ("https://a.example", "http://localhost:5173")


class TestOrigins:
    """With allowed origins."""

    @pytest.fixture
    def settings(self):
        return Settings(grpc_port=0, http_port=0, cors_origins=("https://a.example",))

    async def test_an_origin_that_is_named_may_call(self, served):
        rest = served.rest()
        named = await rest.ask("GET", "/v1/projects", headers={"Origin": "https://a.example"})
        other = await rest.ask("GET", "/v1/projects", headers={"Origin": "https://b.example"})
        preflight_headers = {
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization, content-range",
        }
        preflight = await rest.ask(
            "OPTIONS", "/v1/projects", headers={"Origin": "https://a.example", **preflight_headers}
        )

        assert named.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert "ETag" in named.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Origin" not in other.headers
        assert preflight.status == 200
        assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]

    async def test_a_problem_reaches_the_origin_too(self, served):
        reply = await Rest(served.http_port, token=None).ask(
            "GET", "/v1/projects", headers={"Origin": "https://a.example"}
        )

        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (401, "https://a.example")


async def test_a_missing_token_is_refused_before_a_deadline_that_has_passed(served):
    reply = await Rest(served.http_port, "").ask("GET", "/v1/projects", headers={"Request-Timeout": "5e-324"})

    assert (reply.status, reply.json["reason"]) == (401, "TOKEN_MISSING")
