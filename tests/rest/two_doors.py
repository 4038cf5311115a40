"""One call through either interface, by the method's name and its request as ProtoJSON, with a common outcome."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from modicum_server.transports.contract import services_of_contract
from modicum_server.transports.http.rest.routes import bindings_of

from tests.rest.rest_stage import Reply, Rest

METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method for service in services_of_contract() for method in service.methods
}
STATUS_TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class Outcome:
    """How a call ended. `reply` is a message as JSON, bytes, or the events of a stream."""

    reply: Any = None
    media_type: str = ""
    reason: str = ""
    text: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    http_status: int | None = field(default=None, compare=False)
    code: grpc.StatusCode | None = field(default=None, compare=False)

    def in_words(self, reply: Any, even: Callable[[str], str]) -> Outcome:
        """The outcome with this reply, and each text of it made comparable by `even`."""
        return replace(
            self,
            reply=reply,
            text=even(self.text),
            metadata={key: even(value) for key, value in self.metadata.items()},
            violations=tuple((name, even(text)) for name, text in self.violations),
        )


def in_json_names(outcome: Outcome) -> Outcome:
    """An outcome through gRPC as REST tells it: each field under its name in JSON."""
    fact = {"field": _renamed(outcome.metadata["field"])} if "field" in outcome.metadata else {}
    path, _, rest = outcome.text.partition(": ")
    known = any(name == path for name, _ in outcome.violations)
    return replace(
        outcome,
        text=_marked(f"{_renamed(path)}: {rest}" if known else outcome.text),
        metadata={**outcome.metadata, **fact},
        violations=tuple((_renamed(name), _marked(text)) for name, text in outcome.violations),
    )


def names_in_json() -> dict[str, str]:
    """The names in JSON of the fields of all requests, by their names in the contract."""
    found, seen = {}, [method.input_type for method in METHODS.values()]
    for message in seen:
        found |= {field.name: field.json_name for field in message.fields}
        seen += [field.message_type for field in message.fields if field.message_type not in (None, *seen)]
    return found


def _renamed(path: str) -> str:
    names = names_in_json()
    return re.sub(r"\w+", lambda found: names.get(found[0], found[0]), path)


def _marked(text: str) -> str:
    return re.sub(r"`\w+`", lambda found: _renamed(found[0]), text)


async def by_grpc(channel: grpc.aio.Channel, token: str | None, name: str, request: Any, data: bytes = b"") -> Outcome:
    """Call a method through gRPC."""
    method = METHODS[name]
    path = f"/{method.containing_service.full_name}/{name}"
    kind = GetMessageClass(method.input_type)
    sent = json_format.ParseDict(request, kind())
    options: Any = {"metadata": () if token is None else (("authorization", f"Bearer {token}"),)}
    parse = GetMessageClass(method.output_type).FromString
    try:
        if method.client_streaming:
            parts = [sent.SerializeToString(), *([kind(data=data).SerializeToString()] if data else [])]
            return Outcome(_plain(parse(await channel.stream_unary(path)(parts, **options))))
        call = sent.SerializeToString()
        if method.server_streaming:
            return _streamed([parse(part) async for part in channel.unary_stream(path)(call, **options)])
        return Outcome(_plain(parse(await channel.unary_unary(path)(call, **options))))
    except grpc.aio.AioRpcError as error:
        return _refused(error)


async def by_rest(rest: Rest, name: str, request: Any, data: bytes = b"") -> Outcome:
    """Call a method through HTTP, by the first rule of its annotation."""
    method = METHODS[name]
    verb, path, body = _transcoded(method, json.loads(json.dumps(request)))
    raw = data if method.client_streaming else None
    reply = await rest.ask(verb, path, body, raw=raw)
    if reply.status >= 400:
        return _problem(reply)
    if not method.server_streaming:
        return Outcome(_plain(json_format.Parse(reply.body, GetMessageClass(method.output_type)())))
    media_type = reply.headers["Content-Type"]
    if media_type == "text/event-stream":
        kind = GetMessageClass(method.output_type)
        events = [event.split(b"data: ")[1] for event in reply.body.split(b"\n\n") if event]
        return _streamed([json_format.ParseDict({"audit": json.loads(event)}, kind()) for event in events])
    return Outcome(reply.body, "" if media_type == "application/octet-stream" else media_type)


def _transcoded(method: MethodDescriptor, request: dict[str, Any]) -> tuple[str, str, Any]:
    """Return verb, path with query, and body of a request."""
    binding = next(bindings_of(method))
    path = binding.template.text
    for variable, pattern in binding.template.variables:
        holder = request
        *parents, last = variable.split(".")
        for parent in parents:
            holder = holder[parent]
        whole = "{" + variable + ("" if pattern == "*" else f"={pattern}") + "}"
        path = path.replace(whole, quote(holder.pop(last)))
    if binding.body == "*":
        return binding.verb, path, request
    body = request.pop(method.input_type.fields_by_name[binding.body].json_name, None) if binding.body else None
    pairs = [(name, _texts(value)) for name, value in _flat(request)]
    return binding.verb, path + (f"?{urlencode(pairs, doseq=True)}" if pairs else ""), body


def _flat(request: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in request.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, value)]
    return found


def _texts(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool) else value


def _streamed(messages: list[Message]) -> Outcome:
    if messages and "data" in messages[0].DESCRIPTOR.fields_by_name:
        media_type = getattr(messages[0], "media_type", "")
        return Outcome(b"".join(message.data for message in messages), media_type)  # type: ignore[attr-defined]
    return Outcome([_plain(message) for message in messages])


def _plain(message: Message) -> Any:
    return json_format.MessageToDict(message)


def _refused(error: grpc.aio.AioRpcError) -> Outcome:
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers[STATUS_TRAILER])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return Outcome(
        reason=info.reason,
        text=status.message,
        metadata=dict(info.metadata),
        violations=tuple((one.field, one.description) for one in bad.field_violations),
        code=error.code(),
    )


def _problem(reply: Reply) -> Outcome:
    problem = reply.json
    return Outcome(
        reason=reply.reason,
        text=problem["detail"],
        metadata=problem["metadata"],
        violations=tuple((one["field"], one["description"]) for one in problem.get("violations", ())),
        http_status=reply.status,
    )
