"""An annotation as its parts, and back; the order of objects is part of its digest."""

from collections.abc import Iterable, Mapping, Sequence

from viseon.schema import Annotation, Object
from viseon.schema.label import CLASSES, REVIEWED, LabelEdit, Part, Source, Value, spelled

Parts = dict[Part, Value]
"""What is said about a sample; nothing at all is not the same as an empty annotation."""


def parts_of(annotation: Annotation | None) -> Parts:
    """The parts that are there; always `REVIEWED` when there is an annotation."""
    if annotation is None:
        return {}
    found: Parts = {("object", o.id): _bare(o) for o in annotation.objects}
    found[REVIEWED] = annotation.reviewed
    if annotation.classes:
        found[CLASSES] = annotation.classes
    return found


def annotation_of(parts: Mapping[Part, Value], order: Iterable[str]) -> Annotation | None:
    """The annotation with its objects in `order`, those not named there last; None for no parts."""
    if not parts:
        return None
    objects = {key[1]: value for key, value in parts.items() if isinstance(value, Object)}
    places = {id: place for place, id in enumerate(dict.fromkeys([*order, *objects]))}
    classes = parts.get(CLASSES, ())
    return Annotation(
        objects=tuple(sorted(objects.values(), key=lambda o: places[o.id])),
        classes=classes if isinstance(classes, tuple) else (),
        reviewed=parts.get(REVIEWED, False) is True,
    )


def edited(now: Parts, edit: LabelEdit, source: Source) -> Parts:
    """The parts after an edit; those that were there keep their place."""
    if edit.annotation is not None:
        return parts_of(edit.annotation)
    after = dict(now)
    for id in edit.remove:
        after.pop(("object", id), None)
    after |= {("object", o.id): _bare(o) for o in edit.put}
    if edit.classes is not None:
        after[CLASSES] = edit.classes
        if not edit.classes:
            del after[CLASSES]
    if edit.reviewed is not None:
        after[REVIEWED] = edit.reviewed
    elif REVIEWED not in after and after:
        after[REVIEWED] = source == "person"
    return after


def differences(
    before: Mapping[Part, Value], after: Mapping[Part, Value]
) -> list[tuple[Part, Value | None, Value | None]]:
    """The parts that are not the same, with what they were and are."""
    keys = dict.fromkeys([*before, *after])
    pairs = [(key, before.get(key), after.get(key)) for key in keys]
    return [pair for pair in pairs if spelled(pair[1]) != spelled(pair[2])]


def ids_of(annotation: Annotation | None) -> Sequence[str]:
    """The objects' ids in their order."""
    return [] if annotation is None else [o.id for o in annotation.objects]


def _bare(thing: Object) -> Object:
    return thing if thing.provenance is None else thing.model_copy(update={"provenance": None})
