"""Catalog, samples and events on SQLite or PostgreSQL: one SQLAlchemy Core layer for both."""

from viseon.adapters.sql.store import Store, open_store

__all__ = ["Store", "open_store"]
