"""Nouns, audit chain, events, samples with validity intervals, annotations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FOREVER = 2**31 - 1


def _text() -> sa.Text:
    plain = sa.Text()
    return plain.with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the first tables."""
    _nouns()
    _events()
    _samples()
    _annotations()


def _nouns() -> None:
    op.create_table(
        "noun",
        sa.Column("workspace", _text(), primary_key=True),
        sa.Column("kind", _text(), primary_key=True),
        sa.Column("key", _text(), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("workspace", _text(), primary_key=True),
        sa.Column("key", _text(), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("workspace", _text(), primary_key=True),
        sa.Column("id", _text(), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("stream", _text(), nullable=False),
        sa.Column("kind", _text(), nullable=False),
        sa.Column("place", _text(), nullable=False),
        sa.Column("direction", _text(), nullable=False),
        sa.Column("class_name", _text(), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("dwell_s", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_event_number", "event", ["workspace", "number"], unique=True)
    op.create_index("ix_event_time", "event", ["workspace", "at_us", "id"])
    op.create_index("ix_event_stream", "event", ["workspace", "stream", "at_us", "id"])


def _samples() -> None:
    op.create_table(
        "collection",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("workspace", _text(), nullable=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("head", sa.Integer, nullable=False),
        sa.UniqueConstraint("workspace", "name", name="uq_collection_name"),
    )
    table = op.create_table(
        "sample",
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), primary_key=True),
        sa.Column("filename", _text(), primary_key=True),
        sa.Column("since", sa.Integer, primary_key=True),
        sa.Column("until", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("annotation", sa.LargeBinary(32)),
        sa.Column("split", _text(), nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sample_since", "sample", ["dataset", "since"])
    op.create_index("ix_sample_digest", "sample", ["dataset", "digest"])
    ended = table.c.until < FOREVER
    op.create_index(
        "ix_sample_until",
        "sample",
        ["dataset", "until"],
        sqlite_where=ended,
        postgresql_where=ended,
    )


def _annotations() -> None:
    op.create_table(
        "annotation",
        sa.Column("workspace", _text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally",
        sa.Column("workspace", _text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("class_name", _text(), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
