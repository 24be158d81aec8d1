"""What HTTP needs of the house: a platform per caller, and who the caller is."""

from pathlib import Path
from typing import Protocol

from fastapi import Request, WebSocket

from viseon.deployments import ModelServer
from viseon.platform import Platform
from viseon.ports import EventLog
from viseon.rest.fetch import Fetcher
from viseon.schema import Forbidden, Role, Scope
from viseon.streams import Hub


class Checked(Protocol):
    """A database."""

    def check(self) -> None:
        """Raises what is wrong with it."""
        ...


class Front(Protocol):
    """The house, seen from its front door."""

    @property
    def hub(self) -> Hub:
        """Where running streams say what they see."""
        ...

    @property
    def fetcher(self) -> Fetcher | None:
        """What may fetch pictures from elsewhere; None if nothing may."""
        ...

    @property
    def store(self) -> Checked:
        """Where nouns and events are kept."""
        ...

    @property
    def model_server(self) -> ModelServer:
        """What answers predictions."""
        ...

    def event_log(self, scope: Scope) -> EventLog:
        """The events of the caller's workspace, in the order they came."""
        ...

    def platform(self, scope: Scope) -> Platform:
        """Cheap: made anew for every request."""
        ...

    def uploads(self, scope: Scope) -> Path:
        """Where files that clients are sending wait until they are whole."""
        ...

    def admit(self, secret: str, workspace: str | None) -> Scope:
        """Whom a token (or none) stands for, and where. Raises Unauthorized or Forbidden."""
        ...


def platform_of(connection: Request | WebSocket, needs: Role) -> Platform:
    """The caller's platform, for routes written by hand. Raises Forbidden."""
    return platform_for(connection.app.state.front, connection.state.scope, needs)


def platform_for(front: Front, scope: Scope, needs: Role) -> Platform:
    """The platform of who was let in. Raises Forbidden where their role is not enough."""
    if not scope.principal.role.includes(needs):
        raise Forbidden(
            f"this needs the role {needs.value!r}; "
            f"{scope.principal.name!r} has {scope.principal.role.value!r}",
            fix="ask an admin for a token with that role",
        )
    return front.platform(scope)
