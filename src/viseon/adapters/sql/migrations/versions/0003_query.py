"""What can be asked about samples, and where to look for it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from viseon.adapters.sql.facts import facts_of
from viseon.schema import Sample, canonical_json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BATCH = 1000


def upgrade() -> None:
    """Add the column and fill it for the rows that are there."""
    _hints()
    op.add_column("sample", sa.Column("facts", sa.Text, nullable=False, server_default="{}"))
    table = sa.table("sample", *map(sa.column, ("dataset", "filename", "since", "line", "facts")))
    key = (table.c.dataset, table.c.filename, table.c.since)
    after: tuple[Any, ...] = (-1, "", -1)
    while rows := _rows(table, key, after):
        after = (rows[-1].dataset, rows[-1].filename, rows[-1].since)
        here = sa.and_(
            table.c.dataset == sa.bindparam("d"),
            table.c.filename == sa.bindparam("f"),
            table.c.since == sa.bindparam("s"),
        )
        op.get_bind().execute(
            sa.update(table).where(here).values(facts=sa.bindparam("said")),
            [{"d": r.dataset, "f": r.filename, "s": r.since, "said": _facts(r.line)} for r in rows],
        )


def _hints() -> None:
    words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "batch",
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("first", words, nullable=False),
        sa.Column("last", words, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("names", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hint",
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), primary_key=True),
        sa.Column("key", words, primary_key=True),
        sa.Column("low", words, primary_key=True),
        sa.Column("high", words, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("bits", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_hint_number", "hint", ["dataset", "number"])


def _rows(table: Any, key: Any, after: tuple[Any, ...]) -> Sequence[Any]:
    query = sa.select(*key, table.c.line).where(
        sa.tuple_(*key) > sa.tuple_(*map(sa.literal, after))
    )
    return op.get_bind().execute(query.order_by(*key).limit(BATCH)).all()


def _facts(line: str) -> str:
    return canonical_json(facts_of(Sample.model_validate_json(line))).decode()
