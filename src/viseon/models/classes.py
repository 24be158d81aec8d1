"""Class names, from whatever people keep them in."""

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from viseon.schema import Invalid


def read_classes(text: str, *, where: str = "classes") -> tuple[str, ...]:
    """Names from one per line, a JSON list, or YAML with `names:` as data.yaml has it.

    Raises Invalid for two equal names or none.
    """
    stripped = text.strip()
    if stripped.startswith(("[", "{")) or "names:" in stripped:
        names = _structured(stripped, where)
    else:
        names = tuple(line.strip() for line in stripped.splitlines() if line.strip())
    if not names:
        raise Invalid(f"{where}: no class names", fix="write one name per line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"{where}: {twice[0]!r} stands there twice", fix="make the names differ")
    return names


def classes_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Names an exporter wrote into the file, or none. Ultralytics writes a Python dict."""
    text = metadata.get("names") or metadata.get("classes") or metadata.get("labels") or ""
    try:
        return _ordered(ast.literal_eval(text)) if text else ()
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return tuple(n.strip() for n in text.split(",") if n.strip()) if "," in text else ()


def _structured(text: str, where: str) -> tuple[str, ...]:
    try:
        value = json.loads(text) if text.startswith(("[", "{")) else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{where}: {error}", fix="write one name per line") from error
    if isinstance(value, dict) and "names" in value:
        value = value["names"]
    try:
        return _ordered(value)
    except (TypeError, ValueError) as error:
        raise Invalid(f"{where}: {error}", fix="write one name per line") from error


def _ordered(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        numbered = sorted((int(number), str(name)) for number, name in value.items())
        if [number for number, _ in numbered] != list(range(len(numbered))):
            raise ValueError("class numbers must be 0, 1, 2, … without gaps")
        return tuple(name for _, name in numbered)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(name) for name in value)
    raise TypeError("expected a list of names")
