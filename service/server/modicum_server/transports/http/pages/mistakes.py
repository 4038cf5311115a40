"""Mistakes in a form, in words for whoever filled it in: fields are called by their labels, and marked."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.responses import Response

from modicum_server.errors import FieldInvalid, ModicumError, PermissionDenied
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.pages.visits import Show, Visit


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a form, and the name of the field that is to be marked; empty where it is about none.

    Mistakes in other fields stand beside the first one.
    """

    text: str
    field: str = ""
    others: tuple["Mistake", ...] = ()

    @property
    def all(self) -> tuple["Mistake", ...]:
        """The first mistake and the others."""
        return (self, *self.others)

    def marks(self, field: str) -> bool:
        """Return whether a field of the form is to be marked."""
        return any(one.field == field for one in self.all)

    def place_of(self, field: str) -> str:
        """Return the id of the element that says what is wrong with a field that is marked."""
        return f"problem-{field}" if self.others else "problem"


class Told(Protocol):
    """A page that has a form and says what is wrong with what was sent."""

    def __call__(self, visit: Visit, *, problem: Mistake) -> Awaitable[Response]:
        """Show the page with the problem above its form."""


def telling(act: Show, page: Told, labels: Mapping[str, str]) -> Show:
    """Return the action as one that shows its page again, with the message of `mistake`, where its form has one."""

    async def show(visit: Visit) -> Response:
        try:
            return await act(visit)
        except ModicumError as error:
            return await page(visit, problem=mistake(error, labels))

    return show


def mistake(error: ModicumError, labels: Mapping[str, str]) -> Mistake:
    """Return what is wrong with a form. Any other error, such as a missing role, is raised again.

    `labels` are those of the fields, by their name in the form and by the last part of their path in the API. Of the
    names with the same label, the first is that in the form. Of several mistakes under one label, the first is
    told. They come in the order of the labels.
    """
    if isinstance(error, PermissionDenied) or not status_of_error(type(error)).public:
        raise error
    if not isinstance(error, FieldInvalid):
        return Mistake(str(error))
    told: dict[str, Mistake] = {}
    for one in (_in_words(each, labels) for each in (error, *error.also)):
        told.setdefault(one.field or one.text, one)
    order = list(labels)
    first, *others = sorted(told.values(), key=lambda one: order.index(one.field) if one.field else len(order))
    return replace(first, others=tuple(others))


def _in_words(error: FieldInvalid, labels: Mapping[str, str]) -> Mistake:
    """Return one mistake, with the field called by its label."""
    last = error.field.rpartition(".")[2].partition("[")[0]
    label = labels.get(last, error.field)
    field = next((name for name, one in labels.items() if one == label), "")
    return Mistake(f"{label}: {str(error).removeprefix(f'{error.field}: ')}", field)
