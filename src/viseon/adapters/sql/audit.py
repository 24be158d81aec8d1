"""The audit chain: every record's digest covers the one before it."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from viseon.adapters.sql.tables import audit
from viseon.operation import Call
from viseon.schema import AuditRecord, Scope, canonical_json, digest_of

GENESIS = "0" * 64
"""What the first record of a workspace follows."""

MOST_ARGUMENTS = 16_384
"""Bytes of arguments kept in words; longer ones are named by their digest."""


def append(connection: Connection, scope: Scope, call: Call | None, at: datetime) -> None:
    """Write who did what, in the same transaction as the deed."""
    last = connection.scalar(
        select(audit.c.body)
        .where(audit.c.workspace == scope.workspace)
        .order_by(audit.c.key.desc())
        .limit(1)
    )
    before = AuditRecord.model_validate_json(last) if last else None
    record = seal(
        AuditRecord(
            number=before.number + 1 if before else 1,
            at=at,
            principal=scope.principal.name,
            workspace=scope.workspace,
            operation=call.name if call else "",
            arguments=_bounded(call),
            previous=before.digest if before else GENESIS,
            digest=GENESIS,
        )
    )
    row = {
        "workspace": scope.workspace,
        "key": f"{record.number:016d}",
        "body": canonical_json(record).decode(),
    }
    connection.execute(insert(audit), [row])


def seal(record: AuditRecord) -> AuditRecord:
    """The record with its digest: SHA-256 of the canonical JSON of everything else in it."""
    rest = record.model_dump(mode="json", exclude={"digest"})
    return record.model_copy(update={"digest": digest_of(canonical_json(rest))})


def _bounded(call: Call | None) -> dict[str, object]:
    if call is None:
        return {}
    text = canonical_json(call.arguments)
    if len(text) <= MOST_ARGUMENTS:
        return call.arguments
    return {"digest": digest_of(text), "bytes": len(text)}
