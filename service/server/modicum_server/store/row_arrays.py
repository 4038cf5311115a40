"""Many new rows as an array for each column."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, FromClause, Table, func, literal

PLACE = "place"
"""The column of the place of a row among them, from 1."""


def new_rows(table: Table, columns: Mapping[str, Sequence[Any]]) -> FromClause:
    """Return rows to select from, of the values of some columns of a table, and of `PLACE`.

    The statement is the same for any number of rows, so it is compiled once. A list of rows is compiled anew each time.
    """
    arrays = [literal(list(values), ARRAY(table.c[name].type)) for name, values in columns.items()]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality=PLACE, name="rows").render_derived()
