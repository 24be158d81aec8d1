"""Events: what happened, when, and why the model thought so."""

from viseon.events.service import Events

__all__ = ["Events"]
