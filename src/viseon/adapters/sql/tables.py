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

addition = Table(
    "addition",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset", Integer, ForeignKey(collection.c.id), nullable=False),
    Column("by", text(), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("operation", text(), nullable=False),
)
"""Who brought rows into a dataset, and when: one row for each transaction, however many samples."""

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
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("addition", Integer),
    Index("ix_sample_since", "dataset", "since"),
    Index("ix_sample_digest", "dataset", "digest"),
    sqlite_with_rowid=False,
)
"""A row belongs to every version v with since <= v < until: a commit writes only what changed.

`line` is the sample's line of the manifest; the other columns repeat parts of it for searching,
`facts` in a spelling that both databases compare alike (see `facts.py`).
The working area is the version after the head.
"""
Index(
    "ix_sample_until",
    sample.c.dataset,
    sample.c.until,
    sqlite_where=sample.c.until < FOREVER,
    postgresql_where=sample.c.until < FOREVER,
)

batch = Table(
    "batch",
    METADATA,
    Column("dataset", Integer, ForeignKey(collection.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("first", text(), nullable=False),
    Column("last", text(), nullable=False),
    Column("size", Integer, nullable=False),
    Column("names", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Filenames that were added together; hints refer to them by place."""

hint = Table(
    "hint",
    METADATA,
    Column("dataset", Integer, ForeignKey(collection.c.id), primary_key=True),
    Column("key", text(), primary_key=True),
    Column("low", text(), primary_key=True),
    Column("high", text(), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("bits", LargeBinary, nullable=False),
    Index("ix_hint_number", "dataset", "number"),
    sqlite_with_rowid=False,
)
"""Which names of a batch may have a value between low and high (see `hints.py`)."""

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

label_change = Table(
    "label_change",
    METADATA,
    Column("workspace", text(), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("dataset", Integer, ForeignKey(collection.c.id), nullable=False),
    Column("filename", text(), nullable=False),
    Column("file", LargeBinary(32), nullable=False),
    Column("part", text(), nullable=False),
    Column("object", text(), nullable=False),
    Column("old", Text),
    Column("new", Text),
    Column("before", LargeBinary(32)),
    Column("after", LargeBinary(32)),
    Column("by", text(), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("session", text(), nullable=False),
    Column("source", text(), nullable=False),
    Column("model", text(), nullable=False),
    Column("score", Float),
    Column("undoes", BigInteger),
    Index("ix_label_change_filename", "dataset", "filename", "number"),
    Index("ix_label_change_by", "dataset", "by", "number"),
    Index("ix_label_change_session", "dataset", "session", "number"),
    Index("ix_label_change_file", "workspace", "file"),
    sqlite_with_rowid=False,
)
"""Edits of annotations, part by part; rows are never changed, and removed only by erasure."""
