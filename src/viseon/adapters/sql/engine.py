"""Connections that behave the same on SQLite and PostgreSQL."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from viseon.schema import Busy, Conflict, Invalid, Unavailable, ViseonError

WAIT_S = 60
"""How long a writer waits for the one before it."""

SCRUB_TRIES = 50
"""Tenths of a second for which readers may hold on to the journal."""

_READ, _WRITE = {"viseon_begin": "BEGIN"}, {"viseon_begin": "BEGIN IMMEDIATE"}


def connect(url: str) -> Engine:
    """The engine for `sqlite:///path` or `postgresql://…`. Raises Invalid for anything else."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Invalid("the database address cannot be read", fix=_FORMS) from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgres(parsed)
    raise Invalid(f"no database of kind {parsed.get_backend_name()!r}", fix=_FORMS)


def upserting(connection: Connection) -> Callable[[Table], Any]:
    """The `insert` of a database, which knows `ON CONFLICT`; of no other anything is loaded."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert
    from sqlalchemy.dialects.postgresql import insert

    return insert


_FORMS = "use sqlite:////absolute/path/catalog.db or postgresql://user@host/database"


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": WAIT_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # the driver must not begin transactions on its own
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "fullfsync = on",
            "checkpoint_fullfsync = on",
            "foreign_keys = on",
            "secure_delete = on",
            "temp_store = memory",
            "cache_size = -65536",
            "mmap_size = 67108864",
        ):
            raw.execute(f"pragma {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        begin = connection.get_execution_options().get("viseon_begin", "BEGIN")
        connection.exec_driver_sql(begin)

    return engine


def _postgres(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)
    except ImportError:
        raise Unavailable(
            "PostgreSQL needs the psycopg package", fix="pip install 'viseon[postgres]'"
        ) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that waits for nobody."""
    options: dict[str, Any] = dict(_READ)
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        explained(),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def writing(engine: Engine, lock: str) -> Iterator[Connection]:
    """A transaction that is alone among those with the same `lock` (on SQLite: among all)."""
    with (
        explained(),
        engine.connect().execution_options(**_WRITE) as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            key = int.from_bytes(sha256(lock.encode()).digest()[:8], "big", signed=True)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))
        yield connection


def scrub(engine: Engine) -> bool:
    """What was deleted leaves the files of the database; False where it may still be there.

    SQLite overwrites deleted rows at once, and here its journal too. PostgreSQL only lets go of
    them: their bytes may stay in its files and in its own journal until those are rewritten.
    """
    with explained():
        raw = engine.raw_connection()
        try:
            if engine.dialect.name == "sqlite":
                return _truncated(raw)
            raw.driver_connection.autocommit = True  # type: ignore[union-attr]
            raw.cursor().execute("VACUUM noun, sample, annotation, tally, look")
            raw.invalidate()
            return False
        finally:
            raw.close()


def _truncated(raw: Any) -> bool:
    """Empty the journal; readers may still need it, so ask for a while."""
    for _ in range(SCRUB_TRIES):
        cursor = raw.cursor()
        busy = cursor.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        cursor.close()
        if not busy:
            return True
        time.sleep(0.1)
    return False


@contextmanager
def explained() -> Iterator[None]:
    """Database failures a caller can act on, in words, without SQL."""
    try:
        yield
    except DBAPIError as error:
        known = _known(error)
        if known is None:
            raise
        raise known from error


def _known(error: DBAPIError) -> ViseonError | None:
    raw = error.orig
    if isinstance(raw, sqlite3.Error):
        return _known_sqlite(raw)
    state = getattr(raw, "sqlstate", None)
    if state in ("55P03", "40001", "40P01"):  # lock timeout, serialisation failure, deadlock
        return Conflict("another process is writing to the same workspace", fix="try again")
    if state == "53100":
        return Busy("the database has no disk space left", fix="free some space, then try again")
    if state in ("08006", "08001", "08003", "57P01", "57P02", "57P03") or (
        state is None and (error.connection_invalidated or type(raw).__name__ == "OperationalError")
    ):
        return Unavailable("the database does not answer", fix="check that it runs, then try again")
    return None


def _known_sqlite(raw: sqlite3.Error) -> ViseonError | None:
    code = getattr(raw, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Conflict("another process is writing to the same store", fix="try again")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return Busy("the disk of the store is full or failing", fix="free some space")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return Unavailable("the database file cannot be written", fix="check path and permissions")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Unavailable("the database file is damaged", fix="restore it from a backup")
    return None


def restate(connection: Connection, *tables: Table) -> None:
    """Let PostgreSQL count what a long transaction put there; until then it plans for nothing.

    Does not wait: whoever counts already counts for all.
    """
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        connection.execute(text(f"analyze (skip_locked) {names}"))
