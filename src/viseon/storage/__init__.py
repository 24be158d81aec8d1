"""What is stored and no longer wanted: collection, erasure, and deleted datasets."""

from viseon.storage.guard import guarded
from viseon.storage.service import Storage

__all__ = ["Storage", "guarded"]
