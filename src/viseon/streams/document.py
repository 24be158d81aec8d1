"""YAML that remembers on which line everything stands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from viseon.schema import Invalid

Location = tuple[str | int, ...]

_PYTHON = "tag:yaml.org,2002:python"
_LONGEST = 1_000_000
_MOST_VALUES = 20_000
"""More than any stream needs; aliases of aliases would otherwise grow without bound."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a person wrote, as plain values, and where."""

    name: str
    """The file's name, for messages."""
    plain: dict[str, Any]
    lines: Mapping[Location, int] = field(repr=False)
    """Line (from 1) of every key and list entry."""

    def line(self, location: Sequence[str | int]) -> int:
        """The line of a place, or of the nearest thing around it."""
        place = tuple(location)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def error(self, location: Sequence[str | int], problem: str, *, fix: str = "") -> Invalid:
        """An Invalid that names file, line and key."""
        key = ".".join(str(part) for part in location)
        at = f"{self.name}:{self.line(location)}: "
        return Invalid(f"{at}{key}: {problem}" if key else f"{at}{problem}", fix=fix)


def read(text: str, *, name: str = "stream.yaml") -> Document:
    """Parse YAML (or JSON). Raises Invalid with file and line, also for a key given twice."""
    if len(text) > _LONGEST:
        raise Invalid(f"{name}: {len(text)} characters are too many for a stream")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _unreadable(name, error) from error
    if not isinstance(root, yaml.MappingNode):
        raise Invalid(
            f"{name}: a stream is a mapping of keys to values",
            fix="begin with `stream: a-name`, then `source:`, `model:`, …",
        )
    reader = _Reader(name)
    plain = reader.mapping(root, ())
    return Document(name, plain, reader.lines)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Location, int] = {(): 1}
        self._constructor = yaml.constructor.SafeConstructor()
        self._left = _MOST_VALUES

    def value(self, node: yaml.Node, at: Location) -> Any:
        self._left -= 1
        if self._left < 0 or len(at) > 20:
            raise Invalid(f"{self.name}: far too large for a stream", fix="do not nest aliases")
        if node.tag.startswith(("!", _PYTHON)):
            raise self._wrong(node.start_mark.line + 1, at, f"tag {node.tag!r} means nothing here")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self._entry(child, (*at, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, at)

    def mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, at)
            line = key_node.start_mark.line + 1
            if key in plain:
                first = self.lines[*at, key]
                raise self._wrong(line, at, f"key {key!r} is already given in line {first}")
            self.lines[*at, key] = line
            plain[key] = self.value(value_node, (*at, key))
        return plain

    def _entry(self, node: yaml.Node, at: Location) -> Any:
        self.lines[at] = node.start_mark.line + 1
        return self.value(node, at)

    def _key(self, node: yaml.Node, at: Location) -> str:
        key = self._scalar(node, at) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list"
            problem = f"key {shown} is not text"
            raise self._wrong(
                node.start_mark.line + 1, at, problem, fix=f'put it in quotes: "{shown}"'
            )
        return key

    def _scalar(self, node: yaml.Node, at: Location) -> Any:
        try:
            plain = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise self._wrong(
                node.start_mark.line + 1, at, f"cannot read {node.value!r}"
            ) from error
        if isinstance(plain, float) and not math.isfinite(plain):
            raise self._wrong(node.start_mark.line + 1, at, f"{node.value} is not a number")
        if plain is None or isinstance(plain, int | float | bool):
            return plain
        text = plain if isinstance(plain, str) else str(node.value)  # a date stays as written
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
            raise self._wrong(node.start_mark.line + 1, at, "holds a character no text may hold")
        return text

    def _wrong(self, line: int, at: Location, problem: str, *, fix: str = "") -> Invalid:
        key = ".".join(map(str, at))
        return Invalid(f"{self.name}:{line}: {key + ': ' if key else ''}{problem}", fix=fix)


def _unreadable(name: str, error: Exception) -> Invalid:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Invalid(f"{name}{line}: not YAML: {problem}", fix="check indentation, colons and quotes")
