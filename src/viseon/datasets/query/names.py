"""What the names in an expression stand for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from viseon.datasets.query.tokens import Token, refuse
from viseon.ports.where import Fact, Term
from viseon.schema import CustomField

Type = Literal["text", "number", "boolean", "time", "date", "weekday", "choice", "list", "any"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FUNCTIONS = ("count", "has", "meta")
FLAGS = ("labelled", "reviewed")
KEYWORDS = ("and", "or", "not", "in", "is", "missing", "true", "false", "True", "False")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for, and what it may be compared with."""

    name: str
    term: Term
    type: Type
    choices: tuple[str, ...] = ()


FIXED = {
    n.name: n
    for n in (
        Named("filename", "filename", "text"),
        Named("digest", "digest", "text"),
        Named("split", "split", "choice", ("train", "val", "test")),
        Named("width", Fact("@width"), "number"),
        Named("height", Fact("@height"), "number"),
        Named("tags", Fact("tags"), "list"),
        Named("captured_at", Fact("captured_at", time=True), "time"),
    )
}
"""Nothing in the metadata can take these names away."""

DERIVED = {
    n.name: n
    for n in (
        Named("hour", Fact("hour"), "number"),
        Named("weekday", Fact("weekday"), "weekday", WEEKDAYS),
        Named("date", Fact("date"), "date"),
    )
}
"""From `captured_at`, unless the metadata says it itself: `meta["hour"]` takes it as it is."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one dataset."""

    fields: Mapping[str, CustomField] = field(default_factory=dict)
    keys: Collection[str] = ()
    """Metadata keys that some sample has or had."""
    classes: Collection[str] = ()

    def find(self, token: Token, name: str) -> Named:
        """Raises Invalid with the closest name there is."""
        if name in FIXED:
            return FIXED[name]
        if name in DERIVED and name not in self.fields:
            return DERIVED[name]
        if name in self.fields or name in self.keys:
            return self.meta(name)
        return refuse(
            token.at,
            f"no sample has anything called {name!r}",
            _suggestion(name, self._all()),
        )

    def meta(self, name: str) -> Named:
        """A metadata key, whether anybody has it or not."""
        if name == "captured_at":
            return FIXED[name]
        custom = self.fields.get(name)
        if custom is None:
            return Named(name, Fact(name), "any")
        return Named(name, Fact(name, time=custom.type == "time"), custom.type, custom.choices)

    def check_class(self, token: Token) -> str:
        """The class a text names. Raises Invalid with the closest one."""
        if token.text not in self.classes:
            known = ", ".join(list(self.classes)[:20]) or "none"
            near = get_close_matches(token.text, self.classes, n=1)
            fix = f"did you mean {near[0]!r}? " if near else ""
            refuse(token.at, f"there is no class {token.text!r}", f"{fix}it has: {known}")
        return token.text

    def _all(self) -> list[str]:
        return [*FIXED, *DERIVED, *self.fields, *self.keys, *FLAGS, *FUNCTIONS]


def _suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f'put texts in quotes; meta["{name}"] asks for metadata that nobody has yet'
