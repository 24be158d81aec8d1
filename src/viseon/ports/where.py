"""What may be asked of samples: a small tree that adapters turn into their own language.

A test is true or false, never unknown: one that needs a value the sample lacks, or has in another
type, is false. `Not` turns true and false around and nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Value = str | float | bool | datetime
"""Numbers compare as 64-bit floats, texts by codepoint, times as moments, false before true."""

Column = Literal["filename", "digest", "split"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A value by its key among a sample's facts: metadata, what follows from it, and its size."""

    key: str
    time: bool = False
    """Read the value as a moment."""


Term = Column | Fact


@dataclass(frozen=True, slots=True)
class Compare:
    """The term's value stands in this relation to `value`."""

    term: Term
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Among:
    """The term's value is one of `values`, which are of one type; or, inverted, none of them."""

    term: Term
    values: tuple[Value, ...]
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Matches:
    """The term's text is made of `parts` in turn: text, or how many characters.

    `None` is any number of characters, `1` exactly one.
    """

    term: Term
    parts: tuple[str | Literal[1] | None, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """The term's list has `value` in it; a single value counts as a list of one."""

    term: Fact
    value: Value


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no value."""

    term: Term


@dataclass(frozen=True, slots=True)
class Count:
    """How often the annotation says a class, of its objects and of the picture as a whole.

    `class_name` None counts all. A sample without annotation has 0.
    """

    class_name: str | None
    operator: Operator
    value: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """The sample has an annotation; `reviewed`: one that a person has looked at."""

    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Where"


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them."""

    of: tuple["Where", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    of: tuple["Where", ...]


Where = Compare | Among | Matches | Member | Missing | Count | Labelled | Not | All | Some
