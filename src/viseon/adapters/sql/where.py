"""Turns a tree of `viseon.ports.where` into SQL that means the same on either database.

Every value is a bound parameter. Every test is wrapped so that it is true or false, never NULL.
"""

import operator
from collections.abc import Callable
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)

from viseon.adapters.sql.facts import code_of, key_of
from viseon.adapters.sql.tables import annotation, sample, tally
from viseon.ports.where import (
    All,
    Among,
    Compare,
    Count,
    Fact,
    Labelled,
    Matches,
    Member,
    Missing,
    Not,
    Operator,
    Some,
    Term,
    Value,
    Where,
)

Test = ColumnElement[bool]
Text = ColumnElement[Any]

UNREVIEWED = '"reviewed":false}'
"""How the canonical JSON of an annotation ends that nobody has looked at: the key sorts last."""


class Translator:
    """For the annotations of one workspace, in one dialect."""

    def __init__(self, workspace: str, dialect: str) -> None:
        self._workspace = workspace
        self._sqlite = dialect == "sqlite"

    def test(self, where: Where) -> Test:
        """The condition on rows of `sample`."""
        match where:
            case All():
                return and_(true(), *map(self.test, where.of))
            case Some():
                return or_(false(), *map(self.test, where.of))
            case Not():
                return not_(self.test(where.of))
            case Missing():
                return self._code(where.term).is_(None)
            case Labelled():
                return self._labelled(where)
            case Count():
                return _related(self._tally(where.class_name), where.operator, where.value)
            case Member():
                return self._member(where)
        return func.coalesce(self._relation(where), false())

    def _relation(self, where: Compare | Among | Matches) -> Test:
        code = self._code(where.term)
        if isinstance(where, Matches):
            return self._matches(where, code)
        if isinstance(where, Among):
            values = [_spelled(where.term, v) for v in where.values]
            if where.inverted:
                return and_(_typed(where.term, code, values[0]), code.not_in(values))
            return code.in_(values)
        value = _spelled(where.term, where.value)
        related = _related(code, where.operator, value)
        if where.operator == "==":
            return related
        return and_(_typed(where.term, code, value), related)

    def _matches(self, where: Matches, code: Text) -> Test:
        parts = where.parts if isinstance(where.term, str) else ("t", *where.parts)
        return pattern(code, parts, sqlite=self._sqlite)

    def _member(self, where: Member) -> Test:
        key, code = key_of(where.term), code_of(where.value)
        if self._sqlite:
            each = func.json_each(sample.c.facts, _path(key)).table_valued("value")
            return select(1).select_from(each).where(each.c.value == code).exists()
        from sqlalchemy.dialects.postgresql import JSONB

        inside = cast(sample.c.facts, JSONB)[key]
        return func.coalesce(func.jsonb_exists(inside, code), false())

    def _labelled(self, where: Labelled) -> Test:
        if not where.reviewed:
            return sample.c.annotation.is_not(None)
        unseen = select(1).where(
            annotation.c.workspace == self._workspace,
            annotation.c.digest == sample.c.annotation,
            annotation.c.body.endswith(UNREVIEWED, autoescape=True),
        )
        return and_(sample.c.annotation.is_not(None), not_(unseen.exists()))

    def _tally(self, class_name: str | None) -> Text:
        counted = select(func.coalesce(func.sum(tally.c.count), 0)).where(
            tally.c.workspace == self._workspace, tally.c.digest == sample.c.annotation
        )
        if class_name is not None:
            counted = counted.where(tally.c.class_name == class_name)
        return counted.scalar_subquery()

    def _code(self, term: Term) -> Text:
        if term == "filename":
            return sample.c.filename
        if term == "split":
            return func.nullif(sample.c.split, "")
        if term == "digest":
            if self._sqlite:
                return func.lower(func.hex(sample.c.digest))
            return func.encode(sample.c.digest, "hex").collate("C")
        assert isinstance(term, Fact)  # noqa: S101 - the other terms are columns
        if self._sqlite:
            return func.json_extract(sample.c.facts, _path(key_of(term)))
        found = func.json_extract_path_text(cast(sample.c.facts, JSON), key_of(term))
        return found.collate("C")


def pattern(text: Text, parts: tuple[str | Literal[1] | None, ...], *, sqlite: bool) -> Test:
    """The text is made of these parts (see `Matches`)."""
    if sqlite:
        return text.op("GLOB", is_comparison=True)("".join(map(_glob, parts)))
    return text.like("".join(map(_like, parts)), escape="\\")


def _path(key: str) -> str:
    return f'$."{key}"'


def _spelled(term: Term, value: Value) -> str:
    return str(value) if isinstance(term, str) else code_of(value)


def _typed(term: Term, code: Text, value: str) -> Test:
    """The code is of the same type as the value."""
    if isinstance(term, str):
        return code.is_not(null())
    return and_(code >= literal(value[0]), code < literal(chr(ord(value[0]) + 1)))


_RELATIONS: dict[Operator, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _related(left: Text, how: Operator, value: Any) -> Test:
    found: Test = _RELATIONS[how](left, value)
    return found


def _glob(part: str | Literal[1] | None) -> str:
    if part is None:
        return "*"
    return "?" if part == 1 else "".join(f"[{c}]" if c in "*?[" else c for c in str(part))


def _like(part: str | Literal[1] | None) -> str:
    if part is None:
        return "%"
    return "_" if part == 1 else "".join(f"\\{c}" if c in "%_\\" else c for c in str(part))
