"""Failures a caller can act on. Anything else that escapes is a bug."""

from collections.abc import Mapping
from math import ceil
from typing import Any, ClassVar, Self

_LONGEST_RETRY_S = 60
"""A guess about what lies further ahead would keep callers away from a server that recovered."""


class ViseonError(Exception):
    """Says what happened and, where known, what to do about it."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message


class NotFound(ViseonError):
    """The thing named does not exist."""

    code, status = "not_found", 404


class Conflict(ViseonError):
    """The request is well-formed but the current state forbids it."""

    code, status = "conflict", 409


class Invalid(ViseonError):
    """The request cannot be understood or breaks a rule."""

    code, status = "invalid", 422

    @classmethod
    def because(cls, detail: Mapping[str, Any], *, where: str = "", fix: str = "") -> Self:
        """From one entry of pydantic's error list; `detail` names the field at fault."""
        parts = [str(part) for part in detail["loc"] if part != ""]
        if len(parts) > 1 and parts[0] in ("body", "query", "path"):
            parts = parts[1:]
        field = where + ".".join(parts) if parts else where.rstrip(".: ")
        said = str(detail["msg"]).removeprefix("Value error, ")
        return cls(f"{field}: {said}" if field else said, fix=fix)


class Unauthorized(ViseonError):
    """Nobody known is asking."""

    code, status = "unauthorized", 401


class Forbidden(ViseonError):
    """Somebody known is asking, but their role does not allow it."""

    code, status = "forbidden", 403


class TooLarge(ViseonError):
    """More bytes than this installation accepts."""

    code, status = "too_large", 413


class Busy(ViseonError):
    """Not enough memory, GPU, disk or queue right now; later may work."""

    code, status = "busy", 503

    def __init__(self, message: str, *, fix: str = "", after_s: float = 0.0) -> None:
        """`after_s` is when what is in the way should be over, as far as is known."""
        super().__init__(message, fix=fix)
        self.after_s = after_s

    @property
    def retry_s(self) -> int:
        """Whole seconds to wait before trying again, 1 to 60."""
        return max(1, ceil(min(self.after_s, _LONGEST_RETRY_S)))


class Unavailable(ViseonError):
    """Something outside does not answer, or a tool that is needed is not installed."""

    code, status = "unavailable", 502


class Failed(ViseonError):
    """Work was started and ended in failure; the message is the work's own reason."""

    code, status = "failed", 500


ERRORS: dict[str, type[ViseonError]] = {
    e.code: e
    for e in (
        NotFound,
        Conflict,
        Invalid,
        Unauthorized,
        Forbidden,
        TooLarge,
        Busy,
        Unavailable,
        Failed,
    )
}
"""Error classes by the code they carry over the wire."""
