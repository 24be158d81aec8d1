"""What can be asked about a sample, spelled so that both databases compare it alike.

A fact is a key and a code: a letter for the type, then the value in a form whose codepoint order
is the value's order. `t` text; `n` a number (its IEEE 754 bits, sign made to sort); `b` boolean;
`d` a moment (microseconds since 1970, shifted to be positive).
A key that begins with `@` is not from the metadata: the sample's size, and the moments that
texts spell, beside the texts themselves.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from viseon.ports.where import Fact, Value
from viseon.schema import Sample
from viseon.schema.dataset import moment_of

LONGEST = 1000
"""Characters of a text, and entries of a list, that can be searched."""
MOST_KEYS = 200
DEEPEST = 4
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Code = str
Facts = dict[str, Code | list[Code]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_SHIFT = 1 << 62
_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def code_of(value: Value) -> Code:
    """Raises OverflowError for an integer that no float comes near."""
    if isinstance(value, str):
        return "t" + value
    if isinstance(value, bool):
        return "b1" if value else "b0"
    if isinstance(value, datetime):
        return f"d{(value - _EPOCH) // _US + _SHIFT:016x}"
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
    bits = bits ^ _ALL if bits & _SIGN else bits | _SIGN
    return "n" + f"{bits:016x}".rstrip("0")


def key_of(fact: Fact) -> str:
    """Where the facts have it."""
    return f"@{fact.key}" if fact.time else fact.key


def facts_of(sample: Sample) -> Facts:
    """Everything that can be asked about a sample but for its columns and its annotation."""
    found: Facts = {}
    for key, value in _flat(sample.metadata, "", DEEPEST):
        if len(found) >= MOST_KEYS:
            break
        if key not in found and _is_plain(key):
            _state(found, key, value)
    if isinstance(tags := found.get("tags"), str):
        found["tags"] = [tags]
    taken = _taken(sample.metadata.get("captured_at"))
    found.pop("captured_at", None)
    if taken is not None:
        found["@captured_at"] = code_of(taken)
        found.setdefault("hour", code_of(float(taken.hour)))
        found.setdefault("weekday", code_of(WEEKDAYS[taken.weekday()]))
        found.setdefault("date", code_of(taken.date().isoformat()))
    for key, pixels in ("@width", sample.width), ("@height", sample.height):
        if pixels and (code := _size(pixels)):
            found[key] = code
    return found


@lru_cache(10_000)
def _size(pixels: int) -> Code | None:
    return _code(pixels)


def _flat(metadata: Mapping[str, Any], prefix: str, deep: int) -> Iterator[tuple[str, Any]]:
    """Keys in order, those inside others joined by dots; whole values before parts of others."""
    inner: list[tuple[str, Mapping[str, Any]]] = []
    for key, value in metadata.items():
        if isinstance(value, Mapping):
            inner.append((f"{prefix}{key}.", value))
        else:
            yield prefix + key, value
    if deep > 1:
        for name, value in inner:
            yield from _flat(value, name, deep - 1)


def _state(found: Facts, key: str, value: Any) -> None:
    if isinstance(value, list | tuple):
        codes = [_code(v) for v in value]
        if len(codes) <= LONGEST and None not in codes:
            found[key] = [c for c in codes if c is not None]
        return
    code = _code(value)
    if code is None:
        return
    found[key] = code
    moment = moment_of(value)
    if moment is not None:
        found[f"@{key}"] = code_of(moment)


def _code(value: Any) -> Code | None:
    if not isinstance(value, str | int | float) or (
        isinstance(value, str) and len(value) > LONGEST
    ):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None  # a manifest says null
    try:
        return code_of(value)
    except OverflowError:
        return None


def _taken(value: Any) -> datetime | None:
    """A moment in its own zone; seconds since 1970 are read too."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    return moment_of(value)


def _is_plain(key: str) -> bool:
    """A key that needs no escaping in JSON, and is none of our own."""
    return key.isprintable() and not key.startswith("@") and '"' not in key and "\\" not in key
