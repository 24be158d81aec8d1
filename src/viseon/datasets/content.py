"""What labelled files come to, before they are added."""

from viseon.ports import LabelledFile
from viseon.schema import Invalid, Task


def check_names(files: list[LabelledFile]) -> None:
    """Raises Invalid when two files would be one sample."""
    seen: dict[str, LabelledFile] = {}
    for file in files:
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
