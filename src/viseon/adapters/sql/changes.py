"""What differs between two versions, read off the rows' validity intervals."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import CompoundSelect, and_, literal, select, union_all

from viseon.adapters.sql.rows import same
from viseon.adapters.sql.tables import sample
from viseon.schema import Change, Sample

Kind = Literal["added", "removed", "modified", "relabelled", "moved", "described"]


def changed_rows(id: int, old: int, new: int, after: str) -> CompoundSelect[Any]:
    """Rows that one of the two versions has and the other has not, in filename order."""
    low, high = sorted((old, new))
    named = and_(sample.c.dataset == id, sample.c.filename > after)
    ended = select(sample.c.filename, sample.c.line, literal(low == old).label("old")).where(
        named, sample.c.since <= low, sample.c.until > low, sample.c.until <= high
    )
    begun = select(sample.c.filename, sample.c.line, literal(low != old).label("old")).where(
        named, sample.c.since > low, sample.c.since <= high, sample.c.until > high
    )
    return union_all(ended, begun).order_by("filename")


def change_of(rows: Sequence[Any]) -> Change | None:
    """The change that one filename's rows, at most one of either version, amount to."""
    old = next((Sample.model_validate_json(r.line) for r in rows if r.old), None)
    new = next((Sample.model_validate_json(r.line) for r in rows if not r.old), None)
    kind = _kind(old, new)
    if kind is None:
        return None
    some = old or new
    assert some is not None  # noqa: S101 - a group is never empty
    return Change(
        kind=kind,
        filename=some.filename,
        old=old.digest if old else None,
        new=new.digest if new else None,
        old_annotation=old.annotation if old else None,
        new_annotation=new.annotation if new else None,
        old_split=old.split if old else None,
        new_split=new.split if new else None,
    )


def _kind(old: Sample | None, new: Sample | None) -> Kind | None:
    if old is None or new is None:
        return "added" if old is None else "removed"
    if old.digest != new.digest:
        return "modified"
    if old.annotation != new.annotation:
        return "relabelled"
    if old.split != new.split:
        return "moved"
    return None if same(old, new) else "described"
