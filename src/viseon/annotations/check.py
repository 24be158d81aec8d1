"""Edits checked against the picture and the dataset before they touch anything."""

from collections.abc import Iterable
from difflib import get_close_matches

from viseon.schema import Dataset, Invalid, Object, Sample
from viseon.vision.errors import BadDetections
from viseon.vision.masks import from_coco_rle

SLACK_PX = 1e-3
"""What rounding may push over the edge."""


def check_objects(objects: Iterable[Object], sample: Sample, dataset: Dataset) -> None:
    """Raises Invalid that names the object: its class must be known, its shape in the picture.

    Nothing is said of shapes when the size of the picture is not known.
    """
    for thing in objects:
        where = f"{sample.filename}: object {thing.id!r}"
        if not thing.id.strip():
            raise Invalid(f"{where} has an empty id", fix="give each object an id of its own")
        check_class(thing.class_name, where, dataset)
        if sample.width and sample.height:
            _check_shapes(thing, where, sample.width, sample.height)


def check_class(name: str, where: str, dataset: Dataset) -> None:
    """Raises Invalid that says how to add the class, or which one was meant."""
    if name in dataset.classes:
        return
    near = get_close_matches(name, dataset.classes, n=1)
    hint = f"did you mean {near[0]!r}? otherwise " if near else ""
    raise Invalid(
        f"{where} is a {name!r}, which dataset {dataset.name!r} does not know",
        fix=f"{hint}viseon datasets add-classes {dataset.name} --classes {name!r}; it has: "
        + (", ".join(dataset.classes) or "none"),
    )


def _check_shapes(thing: Object, where: str, width: int, height: int) -> None:
    x1, y1, x2, y2 = thing.box
    points = {"box": [(x1, y1), (x2, y2)]}
    if thing.rotated is not None:
        points["the centre of its rotated box"] = [thing.rotated[:2]]
    points["polygons"] = [
        point for p in thing.polygons for point in zip(p[::2], p[1::2], strict=True)
    ]
    points["keypoints"] = [(x, y) for x, y, v in thing.keypoints if v]
    for what, among in points.items():
        for x, y in among:
            if not (-SLACK_PX <= x <= width + SLACK_PX and -SLACK_PX <= y <= height + SLACK_PX):
                raise Invalid(
                    f"{where}: {what} reaches ({x:g}, {y:g}), outside the picture of "
                    f"{width} by {height} pixels",
                    fix="clip it to the picture",
                )
    if thing.mask is not None:
        _check_mask(thing, where, width, height)


def _check_mask(thing: Object, where: str, width: int, height: int) -> None:
    mask = thing.mask
    if mask is None:
        return
    if (mask.width, mask.height) != (width, height):
        raise Invalid(
            f"{where}: its mask is {mask.width} by {mask.height} pixels, "
            f"the picture {width} by {height}",
            fix="encode the mask at the picture's size",
        )
    try:
        from_coco_rle([{"size": [mask.height, mask.width], "counts": mask.counts}])
    except (BadDetections, OverflowError) as error:
        raise Invalid(
            f"{where}: {error}", fix="encode the mask at the picture's size, as COCO does"
        ) from error
