"""Whether a value fits what it is compared with, and what a pattern means."""

import re
from datetime import date
from difflib import get_close_matches
from typing import Literal

from viseon.datasets.query.names import Named
from viseon.datasets.query.tokens import Token, refuse
from viseon.ports.where import Value
from viseon.schema.dataset import moment_of

MOST_STARS = 8

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def checked(subject: Named, token: Token, value: Value) -> Value:
    """The value as the subject's type. Raises Invalid where the two cannot be compared."""
    match subject.type:
        case "number":
            if isinstance(value, bool) or not isinstance(value, float):
                refuse(token.at, f"{subject.name} is a number; {token} is not", "such as 22")
        case "boolean":
            if not isinstance(value, bool):
                refuse(token.at, f"{subject.name} is true or false; {token} is neither")
        case "time":
            return _moment(subject, token, value)
        case "any" | "list":
            pass
        case _:
            if not isinstance(value, str):
                refuse(token.at, f"{subject.name} is a text; {token} is not", "put it in quotes")
            _spelled(subject, token, value)
    return value


def _moment(subject: Named, token: Token, value: Value) -> Value:
    found = moment_of(value) if isinstance(value, str) else None
    if found is None:
        refuse(
            token.at,
            f"{subject.name} is a time; {token} is not",
            'such as "2030-01-01" or "2030-01-01T22:00:00+01:00"; without zone it is UTC',
        )
    return found


def _spelled(subject: Named, token: Token, value: str) -> None:
    if subject.choices and value not in subject.choices:
        near = get_close_matches(value, subject.choices, n=1)
        fix = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(subject.choices)
        refuse(token.at, f"{subject.name} is never {token.word}", f"{fix}it may be: {known}")
    if subject.type == "date" and not _is_date(value):
        refuse(token.at, f"{subject.name} is a date; {token} is not", 'such as "2030-01-31"')


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def pattern(function: str, token: Token) -> tuple[str | Literal[1] | None, ...]:
    """The parts of `Matches`; `matches` reads `*` as any characters and `?` as one."""
    text = token.text
    if function != "matches":
        before = () if function == "startswith" else (None,)
        after = () if function == "endswith" else (None,)
        return (*before, text, *after)
    if text.count("*") > MOST_STARS:
        refuse(token.at, f"more than {MOST_STARS} stars", "match less at once")
    parts: list[str | Literal[1] | None] = []
    for part in re.split(r"([*?])", text):
        if part == "*" and (not parts or parts[-1] is not None):
            parts.append(None)
        elif part == "?":
            parts.append(1)
        elif part and part != "*":
            parts.append(part)
    return tuple(parts)
