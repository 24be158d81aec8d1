"""Labels follow the pixels: one matrix, then the window that is left. Pure."""

from collections.abc import Iterable

from viseon.schema import Annotation, Invalid, Object
from viseon.vision.affine import Box, Matrix, clipped_box, moved_box

_MOVABLE = frozenset({"id", "class_name", "box", "track_id", "attributes", "provenance"})
_THINNEST_PX = 1.0


def moved_labels(
    annotation: Annotation | None, matrix: Matrix, window: Box, *, min_visible: float
) -> Annotation | None:
    """The labels of the new picture; None stays None: nobody has looked.

    An object of which less than `min_visible` of its (moved, upright) box lies in the window is
    left out, and so is one that is left thinner than a pixel.
    """
    if annotation is None:
        return None
    kept = (_moved(thing, matrix, window, min_visible) for thing in annotation.objects)
    return annotation.model_copy(update={"objects": tuple(o for o in kept if o is not None)})


def joined_labels(parts: Iterable[Annotation | None]) -> Annotation | None:
    """The labels of a picture put together from several; None if any part has none.

    Objects get new ids, and lose their track: it belongs to one video.
    """
    objects: list[Object] = []
    reviewed = True
    for number, part in enumerate(parts):
        if part is None:
            return None
        reviewed = reviewed and part.reviewed
        objects += (
            thing.model_copy(update={"id": f"{number}-{thing.id}", "track_id": None})
            for thing in part.objects
        )
    return Annotation(objects=tuple(objects), reviewed=reviewed)


def _moved(thing: Object, matrix: Matrix, window: Box, min_visible: float) -> Object | None:
    foreign = thing.model_fields_set - _MOVABLE
    set_ones = [name for name in foreign if getattr(thing, name) not in (None, (), {}, "")]
    if set_ones:
        raise Invalid(
            f"object {thing.id!r} has {set_ones[0]!r}, which recipes cannot move yet",
            fix="use stages that move nothing (grayscale, brightness), or only boxes",
        )
    box, share = clipped_box(moved_box(thing.box, matrix), window)
    if share < min_visible or min(box[2] - box[0], box[3] - box[1]) < _THINNEST_PX:
        return None
    return Object(
        id=thing.id,
        class_name=thing.class_name,
        box=box,
        track_id=thing.track_id,
        attributes=thing.attributes,
    )
