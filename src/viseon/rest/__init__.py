"""HTTP: the derived routes and the few that carry bytes or live video."""

from viseon.rest.app import create_app
from viseon.rest.front import Front

__all__ = ["Front", "create_app"]
