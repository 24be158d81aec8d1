"""Who said what about which sample, and who brought it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and the column that links a row to what brought it."""
    words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "addition",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), nullable=False),
        sa.Column("by", words, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("operation", words, nullable=False),
    )
    op.add_column("sample", sa.Column("addition", sa.Integer))
    op.create_table(
        "label_change",
        sa.Column("workspace", words, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("dataset", sa.Integer, sa.ForeignKey("collection.id"), nullable=False),
        sa.Column("filename", words, nullable=False),
        sa.Column("file", sa.LargeBinary(32), nullable=False),
        sa.Column("part", words, nullable=False),
        sa.Column("object", words, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.Column("before", sa.LargeBinary(32)),
        sa.Column("after", sa.LargeBinary(32)),
        sa.Column("by", words, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("session", words, nullable=False),
        sa.Column("source", words, nullable=False),
        sa.Column("model", words, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("undoes", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_label_change_filename", "label_change", ["dataset", "filename", "number"])
    op.create_index("ix_label_change_by", "label_change", ["dataset", "by", "number"])
    op.create_index("ix_label_change_session", "label_change", ["dataset", "session", "number"])
    op.create_index("ix_label_change_file", "label_change", ["workspace", "file"])
