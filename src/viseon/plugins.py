"""Plugins are values: a kind, a name, a config schema and a function that builds the thing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from viseon.schema import Invalid, NotFound, Noun

C = TypeVar("C", bound=Noun)
T = TypeVar("T")
Kind = Literal["trainer", "backend", "tracker", "source", "sink", "format", "exporter"]


@dataclass(frozen=True, slots=True)
class Plugin(Generic[C, T]):
    """`config`'s JSON schema is the YAML reference, the CLI help and the studio's form."""

    kind: Kind
    name: str
    config: type[C]
    build: Callable[..., T]
    """Called with the config, and with whatever the kind promises (`docs/plugins/<kind>.md`)."""

    def options(self, given: Mapping[str, Any]) -> C:
        """What a person wrote, checked; unknown or wrong options are Invalid."""
        try:
            return self.config.model_validate(given)
        except ValidationError as error:
            raise self._explained(error) from error

    def make(self, given: Mapping[str, Any], *more: Any) -> T:
        """Build from what a person wrote."""
        return self.build(self.options(given), *more)

    def _explained(self, error: ValidationError) -> Invalid:
        unknown = [e for e in error.errors() if e["type"] == "extra_forbidden"]
        detail = (unknown or error.errors())[0]  # a typo makes its option missing, too
        fix = ""
        if detail["type"] == "extra_forbidden":
            near = get_close_matches(str(detail["loc"][-1]), self.config.model_fields, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"known: {_names(self.config)}"
        return Invalid.because(detail, where=f"{self.kind} {self.name!r}: ", fix=fix)


def _names(config: type[Noun]) -> str:
    return ", ".join(config.model_fields) or "it takes no options"


def find(kind: Kind, name: str) -> Plugin[Any, Any]:
    """The installed plugin of that kind and name. Raises NotFound that lists what there is."""
    for entry in _installed():
        if entry.name == f"{kind}.{name}":
            plugin: Plugin[Any, Any] = entry.load()
            return plugin
    known = sorted(names(kind))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise NotFound(f"no {kind} named {name!r}", fix=f"{hint}installed: {', '.join(known)}")


def names(kind: Kind) -> Iterator[str]:
    """The names of the installed plugins of a kind."""
    for entry in _installed():
        if entry.name.startswith(f"{kind}."):
            yield entry.name.removeprefix(f"{kind}.")


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """Looked up once: it means reading a file of every installed package."""
    return tuple(entry_points(group="viseon.plugins"))
