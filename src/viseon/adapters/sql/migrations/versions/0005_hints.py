"""Hints for rows that were there before hints, and which rows lack a key."""

import sqlalchemy as sa
from alembic import op

from viseon.adapters.sql.hints import SqlHints
from viseon.adapters.sql.tables import collection

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say everything again from the rows."""
    connection = op.get_bind()
    query = sa.select(collection.c.id, collection.c.workspace).order_by(collection.c.id)
    for id, workspace in connection.execute(query).all():
        SqlHints(connection).rebuild(id, workspace)
