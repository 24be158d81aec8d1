"""A comparison in words, for a terminal."""

from collections.abc import Iterator

from viseon.schema.comparison import Comparison, ObjectChange, SampleChange

_MARKS = {
    "added": "+", "removed": "-", "modified": "~", "relabelled": "L", "moved": ">",
    "described": "·",
}  # fmt: skip
_SHORT = 12


def in_words(found: Comparison) -> str:
    """Totals first, then each file with its objects."""
    return "\n".join(_lines(found))


def totals(found: Comparison) -> str:
    """One line about files and one about objects."""
    return "\n".join((_files(found), _objects(found)))


def object_in_words(thing: ObjectChange) -> str:
    """Such as `person moved 14 px`."""
    name = f"{thing.id or 'picture'}: "
    match thing.kind:
        case "added":
            return f"{name}{thing.new_class} added"
        case "removed":
            return f"{name}{thing.old_class} removed"
        case "moved":
            return f"{name}{thing.new_class} moved {thing.shift_px:g} px"
        case "edited":
            return f"{name}{thing.new_class}, other {' and '.join(thing.fields)}"
        case _:
            return f"{name}{thing.old_class} → {thing.new_class}"


def _lines(found: Comparison) -> Iterator[str]:
    for side, number, print in (
        ("old", found.old, found.old_fingerprint), ("new", found.new, found.new_fingerprint)
    ):  # fmt: skip
        ref = f"{found.dataset}@{number}" if number else ("nothing", "not committed")[side == "new"]
        yield f"{side}  {ref}  {print or ''}".rstrip()
    yield _files(found)
    yield _objects(found)
    yield from _classes(found)
    for turn in found.splits:
        yield f"split {turn.old} → {turn.new}: {turn.count} files"
    for change in found.changes:
        yield from _change(change)
    left = sum(found.files.values()) - len(found.changes)
    if found.next is not None and left > 0:
        yield f"… and {left} more files: --limit, or --json"


def _files(found: Comparison) -> str:
    counts = {**found.files}
    return (
        f"files: {counts['added']} added, {counts['removed']} removed, "
        f"{counts['modified']} with other bytes, {counts['relabelled']} relabelled, "
        f"{counts['moved']} moved to another split, {counts['described']} with other metadata"
    )


def _objects(found: Comparison) -> str:
    n = found.objects
    return (
        f"objects: {n.added} added, {n.removed} removed, {n.reclassified} of another class, "
        f"{n.renamed} renamed, {n.moved} moved by more than {found.moved_px:g} px "
        f"({n.nudged} by less), {n.edited} edited"
    )


def _classes(found: Comparison) -> Iterator[str]:
    listed = found.class_list
    yield from (f"class {old} renamed to {new}" for old, new in listed.renamed)
    yield from (f"class {name} added to the list" for name in listed.added)
    yield from (f"class {name} removed from the list" for name in listed.removed)
    if listed.reordered:
        yield "the classes are in another order: class ids differ"
    width = max((len(c.name) for c in found.classes), default=0)
    for c in found.classes:
        counts = {
            "added": c.added, "removed": c.removed, "joined": c.joined, "left": c.left,
            "moved": c.moved, "edited": c.edited,
        }  # fmt: skip
        said = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
        yield f"  {c.name.ljust(width)}  {said}"
    for turn in found.between:
        yield f"  {turn.old} → {turn.new}: {turn.count}"


def _change(change: SampleChange) -> Iterator[str]:
    old, new = change.old, change.new
    if change.kind == "relabelled":
        old, new = change.old_annotation, change.new_annotation
    shown = " → ".join(d[:_SHORT] if d else "none" for d in (old, new))
    if change.kind in ("moved", "described"):
        shown = ""
    if change.old and change.new and change.old_split != change.new_split:
        shown = f"{shown}  {change.old_split} → {change.new_split}".strip()
    yield f"{_MARKS[change.kind]} {change.filename}  {shown}".rstrip()
    if change.kind not in ("added", "removed"):
        yield from (f"    {object_in_words(thing)}" for thing in change.objects)
