"""What the declared tables are made of: their metadata, and kinds of columns and checks."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, MetaData, String, Text, func, text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

NAME = String(collation="C")
TIME = DateTime(timezone=True)
EMPTY_TEXTS = text("'{}'::text[]")


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """Return the check that a column holds the value of an enum."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value.value) for value in values)})", name=column)


def created() -> "Column[object]":
    """Return the column that says when a row was made."""
    return Column("create_time", TIME, nullable=False, server_default=func.now())


def maker() -> "Column[str]":
    """Return the column that says which principal made what a row stands for."""
    words = "who made it; empty before that was stored"
    return Column("principal", Text, nullable=False, server_default=text("''::text"), comment=words)


def counter(name: str) -> "Column[int]":
    """Return a column that counts from 0."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def kept_days(kind: StrEnum) -> "Column[int]":
    """Return the column of a project that says for how long it keeps something."""
    words = "days for which it keeps them; 0: for ever"
    return Column(f"{kind.lower()}_days", Integer, nullable=False, server_default=text("0"), comment=words)


def deleted(what: str) -> "Column[object]":
    """Return the column that says when the retention of the project deleted something."""
    return Column(f"{what}_delete_time", TIME, comment="when the retention deleted them; null while they are kept")
