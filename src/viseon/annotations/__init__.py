"""What people and models say about samples: edits, their history, and the way back."""

from viseon.annotations.service import Annotations

__all__ = ["Annotations"]
