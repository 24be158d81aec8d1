"""A database, opened once; catalogs and event logs for any scope are cheap views of it."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, make_url

from viseon.adapters.sql.catalog import SqlCatalog
from viseon.adapters.sql.engine import connect
from viseon.adapters.sql.eventlog import SqlEventLog
from viseon.adapters.sql.migrate import check, migrate
from viseon.operation import Call, current
from viseon.ports import Catalog, EventLog
from viseon.schema import Clock, Scope, Unavailable


class Store:
    """The long-lived part: a pool of connections to a migrated database."""

    def __init__(self, engine: Engine, now: Clock, call: Callable[[], Call | None]) -> None:
        self._engine = engine
        self._now = now
        self._call = call

    def catalog(self, scope: Scope) -> Catalog:
        """The nouns and samples of one workspace, for one principal."""
        return SqlCatalog(self._engine, scope, self._now, self._call)

    def events(self, scope: Scope) -> EventLog:
        """The events of one workspace."""
        return SqlEventLog(self._engine, scope.workspace)

    def check(self) -> None:
        """Ask it something. Raises Unavailable, or Conflict where another release migrated it."""
        check(self._engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def open_store(
    url: str,
    *,
    now: Clock = lambda: datetime.now(UTC),
    call: Callable[[], Call | None] = current,
) -> Store:
    """Open, creating or upgrading the tables. `sqlite://` alone lasts as long as the object.

    Raises Conflict for a store of a newer release, Invalid for an address nobody understands,
    Unavailable when the database does not answer.
    """
    fleeting = url == "sqlite://"
    folder = tempfile.mkdtemp(prefix="viseon-") if fleeting else None
    engine = connect(f"sqlite:///{folder}/catalog.db" if folder else url)
    database = make_url(url).database
    if engine.dialect.name == "sqlite" and database and not folder:
        _make_room(Path(database).parent)
    store = Store(engine, now, call)
    if folder:
        weakref.finalize(store, _forget, engine, folder)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return store


def _make_room(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the folder {folder} cannot be made: {error.strerror}",
            fix="check path and permissions",
        ) from None


def _forget(engine: Engine, folder: str) -> None:
    engine.dispose()
    shutil.rmtree(folder, ignore_errors=True)
