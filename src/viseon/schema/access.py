"""Who may do what, where, and the record of what was done."""

from enum import StrEnum
from typing import Any

from viseon.schema.base import Digest, Name, Noun, Time


class Role(StrEnum):
    """What somebody may do in a workspace; each role includes the ones before it."""

    VIEWER = "viewer"
    LABELER = "labeler"
    REVIEWER = "reviewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what `other` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Workspace(Noun):
    """A wall: what is inside one workspace cannot be seen from another."""

    name: Name
    created: Time


class Principal(Noun):
    """Somebody or something that asks."""

    name: str
    role: Role


class Scope(Noun):
    """Who is asking, and in which workspace: what every handle is bound to."""

    principal: Principal
    workspace: Name = "default"


class Token(Noun):
    """An API token as it is shown: never its secret, which is said once when it is made."""

    id: str
    name: str
    role: Role
    workspace: Name
    created: Time
    revoked: bool = False


class NewToken(Noun):
    """A token together with its secret, which is not stored and cannot be shown again."""

    token: Token
    secret: str


class AuditRecord(Noun):
    """One write: who did what when. Each record's digest covers the one before it."""

    number: int
    at: Time
    principal: str
    workspace: Name
    operation: str
    arguments: dict[str, Any]
    previous: Digest
    digest: Digest


class Replay(Noun):
    """What an operation answered under an idempotency key, so that a retry does nothing twice."""

    key: str
    operation: str
    arguments: Digest
    started: Time
    answer: Any = None
    done: bool = False
