"""What belongs together: perceptual hashes of files, and where sessions and cameras have a home."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "look",
        sa.Column("workspace", words, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "home",
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), primary_key=True),
        sa.Column("key", words, primary_key=True),
        sa.Column("at_us", sa.BigInteger, primary_key=True),
        sa.Column("split", words, nullable=False),
        sqlite_with_rowid=False,
    )
