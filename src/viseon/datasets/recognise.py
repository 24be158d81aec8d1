"""Which format a folder is in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from viseon import plugins
from viseon.ports import Format
from viseon.schema import Invalid

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_LABELS = (".xml", ".json", ".jsonl")
_PARTS = {
    "annotations", "images", "imagesets", "gt", "det", "img1", "jpegimages", "labels", "masks",
    "obj_train_data", "scribbles",
}  # fmt: skip
"""Folders that are a part of a dataset in some layout, and never the whole."""


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
    if list(found) == ["folder"] and (unread := _labels_nobody_reads(root)) is not None:
        raise _unread(root, unread)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        if len(_datasets_below(root)) > 1 and (several := _several(root)):
            raise several
        raise Invalid(f"{root} looks like {' and '.join(found)}", fix="say which: format=…")
    raise _nothing(root)


def _unread(root: Path, path: Path) -> Invalid:
    """Why labels would be lost: several datasets in one folder, an empty file, a foreign one."""
    if several := _several(root):
        return several
    shown = path.relative_to(root)
    if path.suffix != ".txt" and not path.stat().st_size:
        return Invalid(f"{root}: {shown} is empty: 0 bytes", fix="export it again, or remove it")
    if part := _part_of(root):
        return part
    return Invalid(
        f"{root}: there are pictures, but no format here reads {shown}",
        fix="--format folder imports the pictures without their labels",
    )


def _several(root: Path) -> Invalid | None:
    """That the folders in this one are datasets of their own."""
    inner = _datasets_below(root)
    if len(inner) == 1:
        return Invalid(f"{root} holds the dataset {inner[0]}", fix="import that folder")
    if inner:
        shown = ", ".join(inner)
        return Invalid(f"{root} holds several datasets: {shown}", fix="import them one by one")
    return None


def _nothing(root: Path) -> Invalid:
    """Why there is nothing to import: a part of a dataset, or no dataset at all."""
    return _part_of(root) or Invalid(
        f"{root}: no pictures and no annotations that any format knows",
        fix=f"check the path; known formats: {', '.join(sorted(plugins.names('format')))}",
    )


def _part_of(root: Path) -> Invalid | None:
    """That a folder such as `labels` belongs to the dataset above it."""
    for above in (root.parent, root.parent.parent):
        named = root.relative_to(above).parts[:1]
        formats = _labelled(above) if named and named[0].lower() in _PARTS else []
        if len(formats) == 1:
            return Invalid(
                f"{root}: this is a part of a dataset in the format {formats[0]}",
                fix=f"import the whole of it: {above}",
            )
    return None


def _datasets_below(root: Path) -> list[str]:
    """Folders, at most two levels down, that are datasets, as `name (format)`."""
    found: list[str] = []
    for folder in _folders(root):
        here = _labelled(folder)
        inner = {folder: here} if here else {p: _labelled(p) for p in _folders(folder)}
        for path, formats in inner.items():
            if formats:
                found.append(f"{path.relative_to(root).as_posix()} ({' or '.join(formats)})")
    return found


def _folders(root: Path) -> list[Path]:
    with os.scandir(root) as entries:
        inner = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
    return [Path(path) for path in sorted(inner) if not os.path.basename(path).startswith(".")]


def _labelled(root: Path) -> list[str]:
    """Names of the formats that find labels in a folder."""
    try:
        return list(_known(root, but="folder"))
    except OSError:  # a folder that nobody asked for and that may not be read
        return []


def _known(root: Path, but: str = "") -> dict[str, Format]:
    names = set(plugins.names("format")) - {but}
    found: dict[str, Format] = {}
    for name in sorted(n for n in names if n.rpartition("-")[0] not in names):
        candidate: Format = plugins.find("format", name).make({})
        if candidate.recognises(root):
            found[name] = candidate
    if len(found) > 1:
        found.pop("folder", None)
    return found


def _labels_nobody_reads(root: Path) -> Path | None:
    """A file that looks like annotations; importing the pictures alone would lose them silently."""
    found: list[tuple[str, str]] = []
    stems: set[str] | None = None
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [(folder, n) for n in sorted(files) if n.lower().endswith((".txt", *_LABELS))]
    for folder, name in found:
        stem, suffix = os.path.splitext(name)
        if name.startswith("."):
            continue
        if suffix.lower() in _LABELS or name == "gt.txt":
            return Path(folder, name)
        if stems is None:
            stems = _stems(root)
        if stem in stems:
            return Path(folder, name)
    return None


def _stems(root: Path) -> set[str]:
    """The names of all pictures that are not in hidden folders, without their endings."""
    stems: set[str] = set()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        split = map(os.path.splitext, files)
        stems.update(stem for stem, suffix in split if suffix.lower() in PICTURES)
    return stems
