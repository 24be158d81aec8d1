"""What labelled files come to, before they are added."""

from dataclasses import replace
from unicodedata import normalize

from viseon.ports import LabelledFile
from viseon.schema import Invalid, Object, Task


def check_name(file: LabelledFile, seen: dict[str, LabelledFile]) -> None:
    """Raises Invalid when it would be one sample with a file seen before."""
    other = seen.setdefault(file.filename, file)
    if other is not file:
        raise Invalid(
            f"{file.filename!r} is there twice: as {file.path} and as {other.path}",
            fix="rename or remove one of them",
        )


def task_of(files: list[LabelledFile]) -> Task:
    """What the labels can be used for: the richest shape that all objects have.

    Keypoints, then rotated boxes, then outlines, then boxes; classes where there is no object.
    """
    labels = [file.annotation for file in files if file.annotation is not None]
    objects = [thing for label in labels for thing in label.objects]
    if not objects:
        return Task.CLASSIFY if any(label.classes for label in labels) else Task.DETECT
    if all(thing.keypoints for thing in objects):
        return Task.POSE
    if all(thing.rotated for thing in objects):
        return Task.OBB
    if all(thing.polygons or thing.mask for thing in objects):
        return Task.SEGMENT
    return Task.DETECT


def composed(file: LabelledFile) -> LabelledFile:
    """The file under its name's composed form: macOS takes letters and their accents apart."""
    if file.filename.isascii():
        return file
    return replace(file, filename=normalize("NFC", file.filename))


def check_shapes(file: LabelledFile) -> None:
    """Raises Invalid for shapes more than a picture outside their picture, and for other masks.

    A little outside is common and reported by `viseon health`; far outside is another unit.
    """
    if file.annotation is None or not (file.width and file.height):
        return
    for number, thing in enumerate(file.annotation.objects, 1):
        if why := _far(thing, (file.width, file.height)):
            raise Invalid(
                f"{file.filename}: object {number} ({thing.class_name!r}): {why}",
                fix="correct it: shapes are in pixels of their picture",
            )


def _far(thing: Object, size: tuple[int, int]) -> str:
    width, height = size
    shown = f"far outside the picture of {width}x{height} pixels"
    mask = thing.mask
    if mask is not None and (mask.width, mask.height) != size:
        return f"its mask has {mask.width}x{mask.height} pixels, the picture {width}x{height}"
    x1, y1, x2, y2 = thing.box
    if not (x1 >= -width and y1 >= -height and x2 <= 2 * width and y2 <= 2 * height):
        return f"box {thing.box} lies {shown}"
    points = [(x, y) for p in thing.polygons for x, y in zip(p[::2], p[1::2], strict=True)]
    points += [(x, y) for x, y, seen in thing.keypoints if seen]
    points += [thing.rotated[:2]] if thing.rotated else []
    for x, y in points:
        if not (-width <= x <= 2 * width and -height <= y <= 2 * height):
            return f"the point ({x:g}, {y:g}) lies {shown}"
    return ""
