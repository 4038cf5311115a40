"""The routes of the contract, read from its descriptors: a new RPC brings its route."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2  # type: ignore[import-untyped]
from google.protobuf.descriptor import MethodDescriptor

from modicum_server.transports.contract import ServedMethod
from modicum_server.transports.http.rest.templates import PathTemplate, decoded

VERBS = ("get", "put", "post", "delete", "patch")
WHOLE_BODY = "*"


@dataclass(frozen=True, slots=True)
class Binding:
    """One `google.api.http` rule of a method: verb, path, and the field in the body (`*`: the whole request)."""

    verb: str
    template: PathTemplate
    body: str
    method: MethodDescriptor

    @property
    def is_download(self) -> bool:
        """Whether it sends the bytes of an artifact, from an offset."""
        return bool(self.method.server_streaming) and "offset" in self.method.input_type.fields_by_name

    @property
    def is_watch(self) -> bool:
        """Whether it sends events until the last one."""
        return bool(self.method.server_streaming) and "data" not in self.method.output_type.fields_by_name


@dataclass(frozen=True, slots=True)
class Route:
    """A binding and the method that serves it."""

    binding: Binding
    method: ServedMethod


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, and the fields that its path binds, still percent-encoded."""

    route: Route
    captured: dict[str, str]

    def fields(self) -> dict[str, str]:
        """Return the fields that the path binds, decoded: a path may spell a name in several ways.

        Raises:
            FieldInvalid: one is not UTF-8.
        """
        return {field: decoded(field, raw) for field, raw in self.captured.items()}


def bindings_of(method: MethodDescriptor) -> Iterator[Binding]:
    """Yield the rules of a method, the main rule first."""
    rule: Any = method.GetOptions().Extensions[annotations_pb2.http]
    for one in (rule, *rule.additional_bindings):
        verb = one.WhichOneof("pattern")
        if verb in VERBS:
            yield Binding(verb.upper(), PathTemplate(getattr(one, verb)), one.body, method)


class RouteTable:
    """All routes. A path is looked up while still percent-encoded."""

    def __init__(self, methods: Iterable[ServedMethod]) -> None:
        self.routes = tuple(Route(binding, one) for one in methods for binding in bindings_of(one.descriptor))

    def find(self, verb: str, path: str) -> Found | None:
        """Return the route of a request; HEAD has the route of GET."""
        asked = "GET" if verb == "HEAD" else verb
        return next((found for found in self._of_path(path) if found.route.binding.verb == asked), None)

    def allowed(self, path: str) -> tuple[str, ...]:
        """Return the verbs that a path allows; none when the path is unknown."""
        verbs = {found.route.binding.verb for found in self._of_path(path)}
        if not verbs:
            return ()
        return tuple(sorted({*verbs, "OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())))

    def _of_path(self, path: str) -> Iterator[Found]:
        for route in self.routes:
            captured = route.binding.template.match(path)
            if captured is not None:
                yield Found(route, captured)
