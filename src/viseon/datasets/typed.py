"""Whether metadata fit the custom fields that a dataset declares."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from viseon.schema import CustomField, Dataset, Invalid, canonical_json
from viseon.schema.dataset import moment_of

LONGEST = 1000
"""Characters of a text that can be searched."""
SHOWN = 60
"""Characters of a value in a message."""

_WANTED = {
    "text": ("a text", "put it in quotes"),
    "number": ("a number", "such as 3.5, without quotes"),
    "boolean": ("true or false", "true or false, without quotes"),
    "time": ("a time", 'such as "2030-01-01T22:00:00Z"; without zone it is UTC'),
    "date": ("a date", 'such as "2030-01-31"'),
    "choice": ("one of its choices", ""),
}


def check_fields(filename: str, metadata: Mapping[str, Any], dataset: Dataset) -> None:
    """Raises Invalid that names file, field, value and fix for a value of another type."""
    for key, field in dataset.fields.items():
        for value in said(metadata, key):
            if not fits(value, field):
                raise Invalid(
                    f"{filename}: field {key!r} is {spelled(value)}, "
                    f"which is not {_WANTED[field.type][0]}",
                    fix=_fix(value, field),
                )


def spelled(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = canonical_json(value).decode()
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def said(metadata: Mapping[str, Any], key: str) -> Iterator[Any]:
    """What stands under a key: written with its dots, or nested. Null says nothing."""
    if metadata.get(key) is not None:
        yield metadata[key]
    for outer, inner in _ways(key):
        if isinstance(within := metadata.get(outer), Mapping):
            yield from said(within, inner)


def placed(metadata: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The metadata with a value under a key, where that key is or its folder is."""
    changed = dict(metadata)
    if key not in metadata:
        for outer, inner in _ways(key):
            if isinstance(within := metadata.get(outer), Mapping):
                changed[outer] = placed(within, inner, value)
                return changed
    changed[key] = value
    return changed


def without(metadata: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The metadata without a key, however it is written; emptied folders go too."""
    changed = {k: v for k, v in metadata.items() if k != key}
    for outer, inner in _ways(key):
        if isinstance(within := changed.get(outer), Mapping) and within:
            changed[outer] = without(within, inner)
            if not changed[outer]:
                del changed[outer]
    return changed


def fits(value: Any, field: CustomField) -> bool:
    """Whether a value is of the field's type."""
    match field.type:
        case "number":
            return _is_number(value)
        case "boolean":
            return isinstance(value, bool)
    if not isinstance(value, str) or len(value) > LONGEST:
        return False
    match field.type:
        case "time":
            return moment_of(value) is not None
        case "date":
            return _is_date(value)
        case "choice":
            return value in field.choices
    return True


def _ways(key: str) -> Iterator[tuple[str, str]]:
    """`a.b.c` is `b.c` in `a`, and `c` in `a.b`."""
    at = key.find(".")
    while at >= 0:
        yield key[:at], key[at + 1 :]
        at = key.find(".", at + 1)


def _fix(value: Any, field: CustomField) -> str:
    if field.type == "choice":
        near = get_close_matches(value, field.choices, n=1) if isinstance(value, str) else []
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{hint}it may be: {', '.join(field.choices)}"
    if field.type == "text" and isinstance(value, str):
        return f"at most {LONGEST} characters"
    return _WANTED[field.type][1]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
