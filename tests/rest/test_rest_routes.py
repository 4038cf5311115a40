"""Routes come from the contract's annotations: all of them and nothing else."""

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from modicum_server.errors import FieldInvalid
from modicum_server.transports.contract import ServedMethod
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.operations import path_of
from modicum_server.transports.http.rest.routes import RouteTable, bindings_of
from modicum_server.transports.http.rest.templates import PathTemplate, decoded

from tests.rest.two_doors import METHODS

ANNOTATED = {
    name: rule
    for name, method in METHODS.items()
    if (rule := method.GetOptions().Extensions[annotations_pb2.http]).WhichOneof("pattern")
}


async def nothing(*_args):
    """Serves no calls."""


@pytest.fixture
def table() -> RouteTable:
    return RouteTable([ServedMethod(method, nothing) for method in METHODS.values()])


def test_every_rpc_has_its_route_and_every_route_its_rpc(table):
    counted = {name: 1 + len(rule.additional_bindings) for name, rule in ANNOTATED.items()}
    routed = [route.binding.method.name for route in table.routes]

    assert ANNOTATED.keys() == METHODS.keys()
    assert {name: routed.count(name) for name in routed} == counted


def test_every_route_is_described_and_nothing_else_is(table):
    described = {(verb, path) for path, verbs in document()["paths"].items() for verb in verbs}

    assert described == {(route.binding.verb.lower(), path_of(route.binding)) for route in table.routes}


def test_no_two_routes_take_the_same_request(table):
    for route in table.routes:
        path = "/" + "/".join(route.binding.template.segments).replace("*", "x")
        taking = [one for one in table.routes if one.binding.verb == route.binding.verb]
        assert [one for one in taking if one.binding.template.match(path) is not None] == [route]


def test_an_rpc_that_is_added_brings_its_route():
    file = descriptor_pb2.FileDescriptorProto(name="later.proto", package="later", syntax="proto3")
    file.message_type.add(name="Note").field.add(name="name", number=1, type=9, label=1)
    method = file.service.add(name="NoteService").method.add(name="PinNote", input_type=".later.Note")
    method.output_type = ".later.Note"
    rule = http_pb2.HttpRule(post="/v1/{name=projects/*/notes/*}:pin", body="*")
    method.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    (described,) = pool.FindServiceByName("later.NoteService").methods

    # a different descriptor pool does not know our extensions: parse the options again, as for the contract
    options = descriptor_pb2.MethodOptions.FromString(described.GetOptions().SerializeToString())
    table = RouteTable([ServedMethod(Described(described, options), nothing)])
    found = table.find("POST", "/v1/projects/p/notes/n:pin")

    assert found is not None
    assert found.captured == {"name": "projects/p/notes/n"}


class Described:
    """A method with its options."""

    def __init__(self, method, options):
        self.name, self.input_type, self.output_type = method.name, method.input_type, method.output_type
        self.GetOptions = lambda: options


def test_every_stream_has_a_shape_that_http_knows():
    for method in METHODS.values():
        fields = method.output_type.fields_by_name
        if method.server_streaming and "data" not in fields:
            (only,) = method.output_type.fields
            assert {"sequence", "end_time"} <= set(only.message_type.fields_by_name)
            assert "after_sequence" in method.input_type.fields_by_name
        if method.client_streaming:
            assert {"header", "data"} == set(method.input_type.fields_by_name)
            assert all(binding.body == "data" for binding in bindings_of(method))


@pytest.mark.parametrize(
    ("template", "path", "captured"),
    [
        ("/v1/projects", "/v1/projects", {}),
        ("/v1/projects", "/v1/projects/", None),
        ("/v1/{name=projects/*}", "/v1/projects/p", {"name": "projects/p"}),
        ("/v1/{name=projects/*}", "/v1/projects/p/models", None),
        ("/v1/{name=projects/*}", "/v1/projects/p%2Fq", {"name": "projects/p%2Fq"}),
        ("/v1/{name=projects/*}", "/v1/projects/p:pin", None),
        ("/v1/{name=projects/*}:pin", "/v1/projects/p:pin", {"name": "projects/p"}),
        ("/v1/{a.b=projects/*}/x/{c}", "/v1/projects/p/x/1", {"a.b": "projects/p", "c": "1"}),
        ("/v1/{name=projects/*}", "/v2/projects/p", None),
    ],
)
def test_a_template_matches_paths_as_they_were_sent(template, path, captured):
    assert PathTemplate(template).match(path) == captured


def test_a_path_that_is_not_utf_8_is_refused():
    assert decoded("name", "projects/%C3%A4") == "projects/ä"
    with pytest.raises(FieldInvalid, match="UTF-8"):
        decoded("name", "projects/%FF")


def test_a_path_lists_its_methods(table):
    assert table.allowed("/v1/projects") == ("GET", "HEAD", "OPTIONS", "POST")
    assert table.allowed("/v1/projects/p/audits/a:cancel") == ("OPTIONS", "POST")
    assert table.allowed("/v1/nothing") == ()
