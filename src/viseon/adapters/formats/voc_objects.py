"""Pascal VOC's objects as XML: box, flags, pose, actions and parts."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

from viseon.adapters.formats.losses import Says
from viseon.adapters.formats.reading import described
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Object

FLAGS = ("truncated", "difficult", "occluded")
ACTIONS = (
    "jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse", "running",
    "takingphoto", "usingcomputer", "walking", "other",
)  # fmt: skip
POSE = "pose"
PART_OF = "part_of"
"""The id of the object that an object is a part of, such as the head of a person."""

SAYS = Says("VOC", attributes=(*FLAGS, *ACTIONS, POSE, PART_OF))
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BNDBOX = "bndbox needs xmin < xmax and ymin < ymax, in pixels"
_YES = ("1", "true")


def read_objects(top: Element, where: str) -> Iterator[Object]:
    """Each object, and after it its parts. Raises Invalid that names the object."""
    ids = 0
    for number, element in enumerate(top.findall("object"), 1):
        ids += 1
        whole = str(ids)
        yield _read(element, whole, f"{where}: object {number}")
        for part in element.findall("part"):
            ids += 1
            thing = _read(part, str(ids), f"{where}: object {number}: part")
            yield thing.model_copy(update={"attributes": thing.attributes | {PART_OF: whole}})


def write_objects(top: Element, file: LabelledFile, annotation: Annotation, *, drop: bool) -> None:
    """An element for each object, with its parts. Raises Invalid for what would be lost."""
    elements: dict[str, Element] = {}
    for number, thing in enumerate(annotation.objects, 1):
        whole = thing.attributes.get(PART_OF)
        why = _unsayable(thing, elements)
        if why and not drop:
            raise SAYS.refused(file, f"object {number} ({thing.class_name!r}) has {why}")
        if whole is None or why:
            elements[thing.id] = element = SubElement(top, "object")
        else:
            element = SubElement(elements[str(whole)], "part")
        _write(element, thing, is_part=element.tag == "part")


def _read(element: Element, id: str, where: str) -> Object:
    name = (element.findtext("name") or "").strip()
    corners = [element.findtext(f"bndbox/{side}") for side in _SIDES]
    with described(f"{where} ({name or 'without a name'})", _BNDBOX):
        if not name:
            raise ValueError("its name is missing")
        if None in corners:
            raise ValueError("a number is missing")
        x1, y1, x2, y2 = (float(c or "") for c in corners)
        said: dict[str, str | int | float | bool] = {
            flag: True for flag in FLAGS if (element.findtext(flag) or "0").strip() in _YES
        }
        pose = (element.findtext(POSE) or "").strip()
        if pose and pose != "Unspecified":
            said[POSE] = pose
        said |= {
            action: True
            for action in ACTIONS
            if (element.findtext(f"actions/{action}") or "0").strip() in _YES
        }
        return Object(id=id, class_name=name, box=(x1, y1, x2, y2), attributes=said)


def _write(element: Element, thing: Object, *, is_part: bool) -> None:
    _text(element, "name", thing.class_name)
    if not is_part:
        if POSE in thing.attributes:
            _text(element, POSE, str(thing.attributes[POSE]))
        for flag in FLAGS:
            _text(element, flag, str(int(thing.attributes.get(flag) is True)))
    box = SubElement(element, "bndbox")
    for side, edge in zip(_SIDES, thing.box, strict=True):
        _text(box, side, repr(edge))
    done = [action for action in ACTIONS if thing.attributes.get(action) is True]
    if done:
        actions = SubElement(element, "actions")
        for action in ACTIONS:
            _text(actions, action, str(int(action in done)))


def _unsayable(thing: Object, elements: dict[str, Element]) -> str:
    """What is not as VOC has it; a flag that is false is as good as none."""
    said = thing.attributes
    for name in (*FLAGS, *ACTIONS):
        if name in said and not isinstance(said[name], bool):
            return f"{name} {said[name]!r}, not true or false"
    pose = said.get(POSE, "Left")
    if not isinstance(pose, str) or not pose.strip() or pose != pose.strip():
        return f"the pose {pose!r}"
    if PART_OF in said:
        others = [name for name in said if name != PART_OF]
        if others:
            return f"{others[0]} and is a part of another"
        if str(said[PART_OF]) not in elements:
            return f"part_of {said[PART_OF]!r}, which is no whole object before it"
    return ""


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text
