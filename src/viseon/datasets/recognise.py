"""Which format a folder is in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from viseon import plugins
from viseon.ports import Format
from viseon.schema import Invalid

_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_LABELS = (".xml", ".json", ".jsonl")


def format_for(root: Path, name: str | None, options: Mapping[str, Any]) -> Format:
    """The format named, with its options, or the only one that knows the layout.

    Raises Invalid for none and for several, and for labels that only a format that ignores them
    would take. Formats named `x-y` are `x` told more, so nobody guesses them.
    """
    if name is not None:
        chosen: Format = plugins.find("format", name).make(options)
        return chosen
    if options:
        raise Invalid("options are a format's, and none is named", fix="say which: format=…")
    found = _known(root)
    if len(found) > 1:
        found.pop("folder", None)
    if list(found) == ["folder"] and (unread := _labels_nobody_reads(root)) is not None:
        raise Invalid(
            f"{root}: there are pictures, but no format here reads {unread.relative_to(root)}",
            fix="--format folder imports the pictures without their labels",
        )
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise Invalid(f"{root} looks like {' and '.join(found)}", fix="say which: format=…")
    raise Invalid(
        f"{root}: no pictures and no annotations that any format knows",
        fix=f"check the path; known formats: {', '.join(sorted(plugins.names('format')))}",
    )


def _known(root: Path) -> dict[str, Format]:
    names = set(plugins.names("format"))
    found: dict[str, Format] = {}
    for name in sorted(n for n in names if n.rpartition("-")[0] not in names):
        candidate: Format = plugins.find("format", name).make({})
        if candidate.recognises(root):
            found[name] = candidate
    return found


def _labels_nobody_reads(root: Path) -> Path | None:
    """A file that looks like annotations; importing the pictures alone would lose them silently."""
    found: list[tuple[str, str, str, str]] = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)
            found.append((folder, name, stem, suffix.lower()))
    stems = {stem for _, _, stem, suffix in found if suffix in _PICTURES}
    for folder, name, stem, suffix in found:
        beside = suffix == ".txt" and stem in stems
        if (beside or suffix in _LABELS or name == "gt.txt") and not name.startswith("."):
            return Path(folder, name)
    return None
