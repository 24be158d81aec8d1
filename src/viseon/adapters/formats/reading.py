"""Text, XML and JSON that others wrote: read safely, and named when they make no sense."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from pydantic import ValidationError

from viseon.schema import Invalid


def text_of(path: Path, root: Path) -> str:
    """A file's text, without a byte order mark. Raises Invalid when it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{path.relative_to(root)}: this is not UTF-8: {error.reason} at byte {error.start}",
            fix="save it as UTF-8",
        ) from error


def json_of(path: Path, root: Path) -> Any:
    """A JSON document. Raises Invalid that says where it breaks."""
    try:
        return json.loads(text_of(path, root))
    except (ValueError, RecursionError) as error:
        raise Invalid(
            f"{path.relative_to(root)}: this is not JSON: {error}", fix="export it again"
        ) from error


class _Declares(Exception):
    pass


def xml_of(path: Path, root: Path) -> Element:
    """The root element. A document type is refused in any encoding, and entities with it."""
    where = path.relative_to(root).as_posix()
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _declares
    try:
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except _Declares:
        raise Invalid(
            f"{where}: it declares a document type or entities", fix="remove its DOCTYPE"
        ) from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Invalid(f"{where}: this is not XML: {error}", fix="export it again") from error


def _declares(*_: Any) -> None:
    raise _Declares


@contextmanager
def described(where: str, fix: str) -> Iterator[None]:
    """What a tool wrote wrongly becomes Invalid that says where and how to mend it."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise Invalid(f"{where}: {_why(error)}", fix=fix) from error


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error)
