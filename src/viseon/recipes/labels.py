"""Labels follow the pixels: one matrix, then the window that is left. Pure."""

from collections.abc import Iterable
from typing import Any

from viseon.recipes.shapes import Swap, moved_keypoints, moved_shape
from viseon.schema import Annotation, Object
from viseon.vision.affine import Box, Matrix, clipped_box, moved_box

_THINNEST_PX = 1.0


def moved_labels(  # noqa: PLR0913 (one per fact)
    annotation: Annotation | None,
    matrix: Matrix,
    window: Box,
    *,
    size: tuple[int, int],
    min_visible: float,
    swap: Swap = None,
) -> Annotation | None:
    """The labels of the new picture of `size`; None stays None: nobody has looked.

    An object of which less than `min_visible` of its moved shape (where it has none, of its upright
    box) lies in the window is left out, and so is one that is left thinner than a pixel. The box
    of an object with an exact shape is drawn around what is left of the shape.
    """
    if annotation is None:
        return None
    kept = (_moved(o, matrix, window, size, (min_visible, swap)) for o in annotation.objects)
    return annotation.model_copy(update={"objects": tuple(o for o in kept if o is not None)})


def joined_labels(parts: Iterable[Annotation | None]) -> Annotation | None:
    """The labels of a picture put together from several; None if any part has none.

    Objects get new ids, and lose their track: it belongs to one video.
    """
    objects: list[Object] = []
    classes: dict[str, None] = {}
    reviewed = True
    for number, part in enumerate(parts):
        if part is None:
            return None
        reviewed = reviewed and part.reviewed
        classes |= dict.fromkeys(part.classes)
        objects += (
            thing.model_copy(update={"id": f"{number}-{thing.id}", "track_id": None})
            for thing in part.objects
        )
    return Annotation(objects=tuple(objects), classes=tuple(classes), reviewed=reviewed)


def _moved(
    thing: Object,
    matrix: Matrix,
    window: Box,
    size: tuple[int, int],
    rule: tuple[float, Swap],
) -> Object | None:
    min_visible, swap = rule
    fields: dict[str, Any] = {}
    shape = moved_shape(thing, matrix, window, size)
    if shape is None:
        box, share = clipped_box(moved_box(thing.box, matrix), window)
    else:
        fields, bounds, share = shape
        box = bounds or (0.0, 0.0, 0.0, 0.0)
    if share < min_visible or min(box[2] - box[0], box[3] - box[1]) < _THINNEST_PX:
        return None
    same = {"id", "class_name", "track_id", "attributes"}
    points = moved_keypoints(thing, matrix, window, swap)
    kept = thing.model_dump(include=same, exclude_defaults=True)
    return Object.model_validate({**kept, **fields, "box": box, "keypoints": points})
