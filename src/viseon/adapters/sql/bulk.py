"""Many rows at once."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, insert


def insert_many(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """As `db.execute(insert(table), rows)`, without looking at every value of every row.

    All rows have the same keys, two or more, and values that drivers take as they are: text,
    numbers, bytes, None.
    """
    compiled = insert(table).compile(dialect=db.dialect, column_keys=list(rows[0]))
    if compiled.positional:
        values = itemgetter(*(compiled.positiontup or ()))
        db.exec_driver_sql(compiled.string, [values(row) for row in rows])
    else:
        db.exec_driver_sql(compiled.string, [dict(row) for row in rows])
