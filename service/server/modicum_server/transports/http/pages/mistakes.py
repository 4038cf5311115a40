"""Mistakes in a form, in words for whoever filled it in: fields are called by their labels."""

from collections.abc import Mapping

from modicum_server.errors import FieldInvalid, ModicumError, PermissionDenied
from modicum_server.transports.errors import status_of_error


def mistake(error: ModicumError, labels: Mapping[str, str]) -> str:
    """Return the message of a mistake; raise again what is none, such as a missing role.

    `labels` are those of the fields, by the last part of their path in the API.
    """
    if isinstance(error, PermissionDenied) or not status_of_error(type(error)).public:
        raise error
    if not isinstance(error, FieldInvalid):
        return str(error)
    last = error.field.rpartition(".")[2].partition("[")[0]
    label = labels.get(last, error.field)
    return f"{label}: {str(error).removeprefix(f'{error.field}: ')}"
