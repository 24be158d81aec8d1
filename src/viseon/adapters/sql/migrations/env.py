"""Runs the migrations on the connection, and inside the transaction, of whoever asks."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
