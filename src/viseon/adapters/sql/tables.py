"""The tables. Text compares by codepoint on both databases, so both sort alike."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

FOREVER = 2**31 - 1
"""`until` of a row that no version has dropped."""

METADATA = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)


def text() -> Text:
    """Text in codepoint order: SQLite's BINARY collation, PostgreSQL's "C"."""
    plain = Text()
    return plain.with_variant(Text(collation="C"), "postgresql")


noun = Table(
    "noun",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("kind", text(), primary_key=True),
    Column("key", text(), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("key", text(), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("id", text(), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("stream", text(), nullable=False),
    Column("kind", text(), nullable=False),
    Column("place", text(), nullable=False),
    Column("direction", text(), nullable=False),
    Column("class_name", text(), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("dwell_s", Float, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_event_number", "workspace", "number", unique=True),
    Index("ix_event_time", "workspace", "at_us", "id"),
    Index("ix_event_stream", "workspace", "stream", "at_us", "id"),
)

collection = Table(
    "collection",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace", text(), nullable=False),
    Column("name", text(), nullable=False),
    Column("head", Integer, nullable=False),
    UniqueConstraint("workspace", "name", name="uq_collection_name"),
)
"""A dataset's number and its latest version, next to its rows."""

sample = Table(
    "sample",
    METADATA,
    Column("dataset", Integer, ForeignKey(collection.c.id), primary_key=True),
    Column("filename", text(), primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("until", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("annotation", LargeBinary(32)),
    Column("split", text(), nullable=False),
    Column("line", Text, nullable=False),
    Index("ix_sample_since", "dataset", "since"),
    Index("ix_sample_digest", "dataset", "digest"),
    sqlite_with_rowid=False,
)
"""A row belongs to every version v with since <= v < until: a commit writes only what changed.

`line` is the sample's line of the manifest; the other columns repeat parts of it for searching.
The working area is the version after the head.
"""
Index(
    "ix_sample_until",
    sample.c.dataset,
    sample.c.until,
    sqlite_where=sample.c.until < FOREVER,
    postgresql_where=sample.c.until < FOREVER,
)

annotation = Table(
    "annotation",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Annotations by the digest of their canonical JSON: as immutable as blobs, but searchable."""

tally = Table(
    "tally",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("class_name", text(), primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many objects of each class an annotation has."""

look = Table(
    "look",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Perceptual hashes of files; empty for files that show nothing."""

home = Table(
    "home",
    METADATA,
    Column("dataset", Integer, ForeignKey(collection.c.id), primary_key=True),
    Column("key", text(), primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("split", text(), nullable=False),
    sqlite_with_rowid=False,
)
"""The split that a capture session, or a camera at a moment, went to; never forgotten."""
