"""Brings a store to the schema of this release, once, whoever opens it first."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from viseon.adapters.sql.engine import reading, writing
from viseon.schema import Conflict, Unavailable

HEAD = "0005"
"""The newest migration; a test compares it with the scripts."""


def migrate(engine: Engine) -> None:
    """Create or upgrade the tables. Raises Conflict for a store that a newer release wrote."""
    if _revision(engine) == HEAD:
        return
    with writing(engine, "viseon:migrate") as connection:
        _upgrade(connection)


def check(engine: Engine) -> None:
    """Raises Unavailable for a database that does not answer, Conflict for another schema."""
    try:
        with reading(engine) as connection:
            found = connection.scalar(text("select version_num from alembic_version"))
    except DBAPIError as error:
        raise Unavailable("the store has no tables", fix="restart the server") from error
    if found != HEAD:
        raise Conflict(
            f"the store has schema {found}, this release needs {HEAD}",
            fix="restart the server with the release that migrated it",
        )


def _revision(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            found = connection.scalar(text("select version_num from alembic_version"))
    except DBAPIError:
        return None  # no such table yet, or a real problem that the upgrade will run into
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "viseon.adapters.sql:migrations")
    config.attributes["connection"] = connection
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise Conflict(
            f"the store was written by a newer release (schema {found}, this one knows {HEAD})",
            fix="upgrade viseon: pip install --upgrade viseon; nothing was changed",
        )
    command.upgrade(config, "head")
