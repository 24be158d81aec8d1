"""Workspaces, API tokens and the audit log."""

import hashlib
import secrets

from viseon.operation import Limit, operation
from viseon.ports import Catalog
from viseon.schema import (
    AuditRecord,
    Clock,
    Conflict,
    Digest,
    Forbidden,
    Name,
    NewToken,
    NotFound,
    Noun,
    Page,
    Principal,
    Role,
    Scope,
    Token,
    Unauthorized,
    Workspace,
    new_id,
)

HOME = "default"
"""The workspace that always exists; its admins look after the whole installation."""


class Credential(Noun):
    """A token and the digest of its secret."""

    id: str
    token: Token
    digest: Digest


class Access:
    """Workspaces, API tokens and the audit log."""

    def __init__(self, registry: Catalog, catalog: Catalog, scope: Scope, now: Clock) -> None:
        self._registry, self._catalog = registry, catalog
        self._scope, self._now = scope, now

    @operation("GET", "/access/workspaces", needs=Role.ADMIN)
    def workspaces(self, *, cursor: str = "", limit: Limit = 50) -> Page[Workspace]:
        """The workspaces you may enter, by name."""
        with self._registry.read() as records:
            found = records.find(Workspace, after=cursor, limit=limit + 1)
        if not self._everywhere:
            found = [w for w in found if w.name == self._scope.workspace]
        more = found[limit - 1].name if len(found) > limit else None
        return Page[Workspace](items=tuple(found[:limit]), next=more)

    @operation("POST", "/access/workspaces", needs=Role.ADMIN)
    def create_workspace(self, *, name: Name) -> Workspace:
        """Create an empty workspace; nothing in it can be seen from another."""
        self._must_be_everywhere("create a workspace")
        workspace = Workspace(name=name, created=self._now())
        with self._registry.transaction() as records:
            if records.seek(Workspace, name) is not None:
                raise Conflict(f"workspace {name!r} already exists")
            records.put(name, workspace)
        return workspace

    @operation("GET", "/access/tokens", needs=Role.ADMIN)
    def tokens(self, *, cursor: str = "", limit: Limit = 50) -> Page[Token]:
        """The workspace's tokens, without their secrets."""
        with self._registry.read() as records:
            found = [c.token for c in records.find(Credential)]
        mine = sorted(
            (t for t in found if t.workspace == self._scope.workspace and t.id > cursor),
            key=lambda t: t.id,
        )
        more = mine[limit - 1].id if len(mine) > limit else None
        return Page[Token](items=tuple(mine[:limit]), next=more)

    @operation("POST", "/access/tokens", needs=Role.ADMIN, secret=True)
    def create_token(self, *, name: str, role: Role, workspace: Name | None = None) -> NewToken:
        """Make a token; its secret is in the answer and cannot be shown again."""
        where = workspace or self._scope.workspace
        if where != self._scope.workspace:
            self._must_be_everywhere(f"make a token for workspace {where!r}")
        secret = "vis_" + secrets.token_urlsafe(32)
        token = Token(
            id=new_id(self._now()), name=name, role=role, workspace=where, created=self._now()
        )
        with self._registry.transaction() as records:
            if where != HOME:
                records.get(Workspace, where)
            credential = Credential(id=token.id, token=token, digest=_digest(secret))
            records.put(credential.digest, credential)
        return NewToken(token=token, secret=secret)

    @operation("DELETE", "/access/tokens/{id}", needs=Role.ADMIN)
    def revoke_token(self, id: str) -> Token:
        """End a token at once."""
        with self._registry.transaction() as records:
            found = records.find(Credential, where={"id": id}, limit=1)
            if not found or found[0].token.workspace != self._scope.workspace:
                raise NotFound(f"no token {id!r} in this workspace", fix="viseon access tokens")
            token = found[0].token.model_copy(update={"revoked": True})
            records.put(found[0].digest, found[0].model_copy(update={"token": token}))
        return token

    @operation("GET", "/access/audit", needs=Role.ADMIN)
    def audit(self, *, cursor: str = "", limit: Limit = 100) -> Page[AuditRecord]:
        """Who did what, oldest first."""
        with self._catalog.read() as records:
            found = records.find(AuditRecord, after=cursor, limit=limit + 1)
        more = f"{found[limit - 1].number:012d}" if len(found) > limit else None
        return Page[AuditRecord](items=tuple(found[:limit]), next=more)

    @property
    def _everywhere(self) -> bool:
        admin = self._scope.principal.role is Role.ADMIN
        return admin and self._scope.workspace == HOME

    def _must_be_everywhere(self, what: str) -> None:
        if not self._everywhere:
            raise Forbidden(
                f"only an admin of the workspace {HOME!r} may {what}",
                fix=f"use a token of workspace {HOME!r}",
            )


def authenticate(registry: Catalog, secret: str) -> Scope:
    """Whom a token's secret stands for. Raises Unauthorized."""
    with registry.read() as records:
        credential = records.seek(Credential, _digest(secret))
    if credential is None or credential.token.revoked:
        raise Unauthorized(
            "the token is not known or was revoked", fix="viseon access create-token --help"
        )
    token = credential.token
    return Scope(principal=Principal(name=token.name, role=token.role), workspace=token.workspace)


def _digest(secret: str) -> Digest:
    return hashlib.sha256(secret.encode()).hexdigest()
