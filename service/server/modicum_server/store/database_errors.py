"""Errors of the database as errors of the domain: by class, and by the name of the constraint."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import exc

from modicum_server.errors import DatabaseFull, DependencyUnavailable, ModicumError, ProjectNotFound

AWAY = "the database is not available or overloaded; try again"

#: Foreign keys that a caller can run into, when what they name goes away in the same moment.
BY_CONSTRAINT: dict[str, type[ModicumError]] = {
    "artifacts_project_fkey": ProjectNotFound,
    "audits_project_fkey": ProjectNotFound,
    "datasets_project_fkey": ProjectNotFound,
    "models_project_fkey": ProjectNotFound,
    "requests_project_fkey": ProjectNotFound,
    "roles_project_fkey": ProjectNotFound,
    "tokens_project_fkey": ProjectNotFound,
    "verdicts_project_fkey": ProjectNotFound,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the domain's error for one of the database. An error of our own SQL passes unchanged.

    Raises:
        DependencyUnavailable: No connection, none free in time, a server that stops, a deadlock; DatabaseFull: its
            disk is full.
        ProjectNotFound: The project was deleted in the same moment.
    """
    try:
        yield
    except exc.IntegrityError as error:
        raise _of_constraint(error) from error
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise _away(error) from error
    except exc.DBAPIError as error:
        if error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError):
            raise DependencyUnavailable(AWAY) from error
        raise


def _away(error: Exception) -> DependencyUnavailable:
    full = isinstance(getattr(error, "orig", None) or error.__cause__, psycopg.errors.DiskFull)
    return DatabaseFull() if full else DependencyUnavailable(AWAY)


def _of_constraint(error: exc.IntegrityError) -> Exception:
    name = error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None
    known = BY_CONSTRAINT.get(name or "")
    return known() if known else error
