"""Which object of one annotation is which of another, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from viseon.schema import Annotation, Object
from viseon.schema.comparison import ObjectChange
from viseon.vision.assign import assign
from viseon.vision.boxes import iou

SAME_IOU = 0.5
"""Boxes that overlap so much may be the same object."""

_OTHER = ("rotated", "polygons", "mask", "keypoints", "track_id", "attributes")


@dataclass(frozen=True, slots=True)
class Matched:
    """The objects that differ, in the order of the old annotation, then the new one's."""

    changes: tuple[ObjectChange, ...]
    nudged: int = 0
    """Boxes that moved by no more than the limit, and nothing else about them changed."""


def match(
    old: Annotation, new: Annotation, *, moved_px: float, renames: Mapping[str, str]
) -> Matched:
    """What happened to each object.

    Objects that are equal but for their id are the same: files that number their lines renumber
    them. Then those with the same id that overlap, then the best overlaps (of one class first;
    Jonker and Volgenant's assignment), then those of the same id and class, wherever they went.
    """
    pairs, gone, come = _paired(old.objects, new.objects)
    changes, nudged = [], 0
    for one, other in pairs:
        change = _change(one, other, moved_px, renames)
        if change is not None:
            changes.append(change)
        elif one.box != other.box:
            nudged += 1
    changes += [
        ObjectChange(kind="removed", id=o.id, old_class=o.class_name, old_box=o.box) for o in gone
    ]
    changes += [
        ObjectChange(kind="added", id=o.id, new_class=o.class_name, new_box=o.box) for o in come
    ]
    return Matched((*changes, *_picture(old.classes, new.classes, renames)), nudged)


def alone(annotation: Annotation, *, added: bool) -> tuple[ObjectChange, ...]:
    """Everything in an annotation that came or went with its file."""
    nothing = Annotation()
    old, new = (nothing, annotation) if added else (annotation, nothing)
    return match(old, new, moved_px=0, renames={}).changes


_Pairs = list[tuple[Object, Object]]


def _paired(
    old: Sequence[Object], new: Sequence[Object]
) -> tuple[_Pairs, list[Object], list[Object]]:
    left, right = _without_equals(old, new)
    pairs: _Pairs = []
    for rule in (_by_id, _by_overlap_in_class, _by_overlap, _by_id_and_class):
        if left and right:
            found = rule(left, right)
            pairs += [(left[i], right[j]) for i, j in found]
            taken_i, taken_j = {i for i, _ in found}, {j for _, j in found}
            left = [o for i, o in enumerate(left) if i not in taken_i]
            right = [o for j, o in enumerate(right) if j not in taken_j]
    order = {o.id: n for n, o in enumerate(old)}
    return sorted(pairs, key=lambda pair: order[pair[0].id]), left, right


def _without_equals(
    old: Sequence[Object], new: Sequence[Object]
) -> tuple[list[Object], list[Object]]:
    """What is left of both when equal objects are taken out, of the same id first."""
    by_id = {o.id: _content(o) for o in new}
    same = {o.id for o in old if by_id.get(o.id) == _content(o)}
    left = [o for o in old if o.id not in same]
    right: list[Object] = []
    waiting: dict[Any, list[Object]] = {}
    for o in left:
        waiting.setdefault(_content(o), []).append(o)
    for o in new:
        if o.id in same:
            continue
        if equals := waiting.get(_content(o)):
            equals.pop(0)
        else:
            right.append(o)
    kept = {o.id for equals in waiting.values() for o in equals}
    return [o for o in left if o.id in kept], right


def _content(o: Object) -> Any:
    """All but the id, to be compared and hashed."""
    attributes = tuple(sorted((k, type(v).__name__, v) for k, v in o.attributes.items()))
    return (
        o.class_name, o.box, o.rotated, o.polygons, o.mask, o.keypoints, o.track_id, attributes,
    )  # fmt: skip


def _by_id(left: Sequence[Object], right: Sequence[Object]) -> list[tuple[int, int]]:
    at = {o.id: j for j, o in enumerate(right)}
    overlap = _overlap(left, right)
    known = [(i, at[o.id]) for i, o in enumerate(left) if o.id in at]
    return [(i, j) for i, j in known if overlap[i, j] >= SAME_IOU]


def _by_overlap_in_class(left: Sequence[Object], right: Sequence[Object]) -> list[tuple[int, int]]:
    names = np.array([o.class_name for o in left])[:, None]
    same = names == np.array([o.class_name for o in right])
    rows, cols = assign(np.where(same, _overlap(left, right), 0.0), SAME_IOU)
    return list(zip(rows.tolist(), cols.tolist(), strict=True))


def _by_overlap(left: Sequence[Object], right: Sequence[Object]) -> list[tuple[int, int]]:
    rows, cols = assign(_overlap(left, right), SAME_IOU)
    return list(zip(rows.tolist(), cols.tolist(), strict=True))


def _by_id_and_class(left: Sequence[Object], right: Sequence[Object]) -> list[tuple[int, int]]:
    at = {(o.id, o.class_name): j for j, o in enumerate(right)}
    keys = [(o.id, o.class_name) for o in left]
    return [(i, at[key]) for i, key in enumerate(keys) if key in at]


def _overlap(left: Sequence[Object], right: Sequence[Object]) -> np.ndarray[Any, Any]:
    one, other = (np.array([o.box for o in side], np.float32) for side in (left, right))
    return iou(one, other)


def _change(
    old: Object, new: Object, moved_px: float, renames: Mapping[str, str]
) -> ObjectChange | None:
    shift = max(abs(a - b) for a, b in zip(old.box, new.box, strict=True))
    fields = tuple(name for name in _OTHER if getattr(old, name) != getattr(new, name))
    if old.class_name != new.class_name:
        kind = "renamed" if renames.get(old.class_name) == new.class_name else "reclassified"
    elif shift > moved_px:
        kind = "moved"
    elif fields:
        kind = "edited"
    else:
        return None
    return ObjectChange.model_validate(
        {
            "kind": kind,
            "id": new.id,
            "old_class": old.class_name,
            "new_class": new.class_name,
            "old_box": old.box,
            "new_box": new.box,
            "shift_px": round(shift, 4),
            "fields": fields,
        }
    )


def _picture(
    old: Sequence[str], new: Sequence[str], renames: Mapping[str, str]
) -> list[ObjectChange]:
    """Classes of the whole picture: one for another is a change of class."""
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    changes = []
    for name in [n for n in gone if renames.get(n) in come]:
        gone.remove(name)
        come.remove(renames[name])
        changes.append(ObjectChange(kind="renamed", old_class=name, new_class=renames[name]))
    if len(gone) == len(come) == 1:
        turned = ObjectChange(kind="reclassified", old_class=gone[0], new_class=come[0])
        return [*changes, turned]
    changes += [ObjectChange(kind="removed", old_class=name) for name in gone]
    changes += [ObjectChange(kind="added", new_class=name) for name in come]
    return changes
