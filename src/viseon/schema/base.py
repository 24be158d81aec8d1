"""What every noun is made of."""

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from json.encoder import encode_basestring as _spelled
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of some bytes, in hex. The bytes' only name."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A name a person chose: fits a URL, a file name and a DNS label."""

Time = AwareDatetime
"""A moment, always with its time zone; stored and shown in UTC."""

Clock = Callable[[], datetime]
"""Where `now` comes from, so that tests can stop time."""

T = TypeVar("T")


class Noun(BaseModel):
    """A value that may be stored, sent or shown. Immutable; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Page(Noun, Generic[T]):
    """Some of a list, and where the rest begins."""

    items: tuple[T, ...]
    next: str | None = None
    """Pass it as `cursor` to get the following page; None at the end."""


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8 (compare RFC 8785)."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return _CANONICAL.encode(plain).encode()


_CANONICAL = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,  # what holds itself is a RecursionError; looking for it costs a third
)


def canonical_text(text: str) -> str:
    """A text as `canonical_json` spells it."""
    return _spelled(text)


def digest_of(data: bytes) -> Digest:
    """The SHA-256 of `data`, in hex."""
    return hashlib.sha256(data).hexdigest()


def new_id(now: datetime, *, entropy: bytes | None = None) -> str:
    """A UUID version 7 (RFC 9562): sorts by time, never repeats. Same `entropy`, same id."""
    random = entropy[:10] if entropy is not None else secrets.token_bytes(10)
    value = int(now.timestamp() * 1000) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
