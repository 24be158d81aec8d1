"""Files that a stream names: where they are, which may be touched, and that no two are one."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from viseon.schema import Forbidden, Noun

N = TypeVar("N", bound=Noun)


def path_fields(config: type[Noun]) -> list[str]:
    """The options of a plugin that name files: those of type `Path`."""
    fields = config.model_fields.items()
    return [n for n, f in fields if f.annotation is Path or Path in get_args(f.annotation)]


def named(options: Noun) -> Iterator[tuple[str, str]]:
    """Each option that names a file, with the name in its one spelling."""
    for name in path_fields(type(options)):
        if (value := getattr(options, name)) is not None:
            yield name, os.path.normpath(value)


def resolved(options: N, base: Path, within: Sequence[Path]) -> N:
    """The same options with every path beginning at `base`.

    Raises Forbidden for one that leads out of all of `within`, also through a link; empty is
    anywhere.
    """
    paths = {name: base / value for name, value in named(options)}
    for name, path in paths.items():
        real = path.resolve()
        if within and not any(real.is_relative_to(root.resolve()) for root in within):
            roots = ", ".join(str(root) for root in within)
            raise Forbidden(f"{name}: {path} is not a place for streams", fix=f"use {roots}")
    return options.model_copy(update=paths)
