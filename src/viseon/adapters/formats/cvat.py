"""CVAT XML 1.1 (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/): images, video.

`annotations.xml` beside `images/`; one `<image>` per picture, or one `<track>` per object.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from viseon.adapters.formats.cvat_shapes import (
    BOX,
    DRAWN,
    SHAPES,
    TRACK,
    Value,
    is_field,
    kind_of,
    read_shape,
    reduced,
    unsayable,
    write_shape,
)
from viseon.adapters.formats.cvat_tracks import read_video, write_tracks
from viseon.adapters.formats.losses import EVERYTHING, Drops, Says
from viseon.adapters.formats.pictures import (
    filename,
    inside,
    measure,
    pictures,
    place,
    split_of,
    those,
)
from viseon.adapters.formats.reading import described, xml_of
from viseon.adapters.formats.shapes import EXACT_PX, box_is_implied
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Object

PEEK = 1 << 12
_FIX = "correct it in CVAT and export again"


class CvatConfig(Drops):
    """Only writing has options."""


class CvatFormat:
    """Reads both kinds; writes images, or with `video` the tracks of one video."""

    def __init__(self, config: CvatConfig, *, video: bool = False) -> None:
        self._drop = config.drop
        self._video = video

    def recognises(self, root: Path) -> bool:
        return bool(_documents(root))

    def read(self, root: Path) -> Contents:
        documents = _documents(root)
        if not documents:
            raise Invalid(
                f"{root}: there is no CVAT file here", fix="export as CVAT for images or video"
            )
        classes: dict[str, None] = {}
        found: dict[Path, LabelledFile] = {}
        for path in documents:
            document = Document(root, path, xml_of(path, root))
            classes |= dict.fromkeys(document.classes)
            if document.is_video:
                found |= read_video(document)
            else:
                _read_images(document, found)
        for picture in pictures(root):
            if picture not in found:
                found[picture] = _unseen(picture, root)
        return Contents(tuple(classes), [file for _, file in sorted(found.items())])

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        says = Says("CVAT", EVERYTHING, classes=not self._video)
        top = Element("annotations")
        SubElement(top, "version").text = "1.1"
        meta = SubElement(top, "meta")
        known = [(file, _sayable(says, file, self._drop)) for file in files]
        for file, _ in known:
            place(file.path, root / "images" / file.filename)
        _labels(meta, classes, [found for _, found in known if found is not None], self._video)
        if self._video:
            write_tracks(top, known, drop=self._drop)
        else:
            for number, (file, found) in enumerate(known):
                _image(top, number, file, found)
        root.mkdir(parents=True, exist_ok=True)
        indent(top)
        ElementTree(top).write(root / "annotations.xml", "utf-8", xml_declaration=True)


class Document:
    """One XML file: its labels, and shapes that it explains."""

    def __init__(self, root: Path, path: Path, top: Element) -> None:
        self.root = root
        self.name = path.relative_to(root).as_posix()
        self.top = top
        pictured = top.find("image") is not None
        filmed = (top.findtext("meta/task/mode") or "").strip() == "interpolation"
        self.is_video = top.find("track") is not None or (filmed and not pictured)
        if self.is_video and pictured:
            raise self.wrong("it has both images and tracks", "export one task at a time")
        found = [e for e in top.iter("label") if e.find("name") is not None]
        self.classes = [_name(e) for e in found if not e.findtext("parent")]
        self._joints: dict[str, list[str]] = {}
        for label in found:
            if parent := label.findtext("parent"):
                self._joints.setdefault(parent.strip(), []).append(_name(label))
        self._kinds = {
            _name(e): {
                (a.findtext("name") or "").strip(): (a.findtext("input_type") or "").strip()
                for a in e.iter("attribute")
            }
            for e in found
        }

    def object(self, element: Element, id: str, size: tuple[int, int], where: str) -> Object:
        """The object of an element; Invalid that says where it makes no sense."""
        with described(f"{self.name}: {where}", _FIX):
            return read_shape(element, id, size, self._kinds, self._joints)

    def wrong(self, message: str, fix: str) -> Invalid:
        """An error in this file."""
        return Invalid(f"{self.name}: {message}", fix=fix)


def _read_images(document: Document, found: dict[Path, LabelledFile]) -> None:
    images = document.top.findall("image")
    if not images:
        raise document.wrong(
            "it has neither images nor tracks",
            "export again; --format folder imports the pictures without labels",
        )
    for image in images:
        path = _find(document, image)
        if path in found:
            raise document.wrong(f"it lists {image.get('name')} twice", "keep one of the two")
        found[path] = _read_image(document, image, path)


def _read_image(document: Document, image: Element, path: Path) -> LabelledFile:
    size = measure(path)
    shown = f"image {image.get('name')}"
    with described(f"{document.name}: {shown}", _FIX):
        claimed = (int(image.get("width", size[0])), int(image.get("height", size[1])))
    if claimed != size:
        raise document.wrong(
            f"{shown} was {claimed[0]}x{claimed[1]} pixels when it was labelled, the file has"
            f" {size[0]}x{size[1]}",
            "put the picture there that was labelled",
        )
    objects: list[Object] = []
    classes: dict[str, None] = {}
    for element in image:
        if element.tag == "tag":
            classes[_tag(document, element, shown)] = None
        elif element.tag in SHAPES:
            where = f"{shown}: {element.tag} {len(objects) + 1} ({element.get('label', '')})"
            objects.append(document.object(element, str(len(objects) + 1), size, where))
    label = None
    if objects or classes or image.get("unannotated") is None:
        label = Annotation(objects=tuple(objects), classes=tuple(classes))
    name = filename(path, document.root)
    split = split_of(image.get("subset", "")) or split_of(*name.split("/")[:-1])
    return LabelledFile(path, name, label, split, *size)


def _tag(document: Document, element: Element, shown: str) -> str:
    name = element.get("label", "")
    if not name:
        raise document.wrong(f"{shown}: a tag's label is empty", _FIX)
    if element.find("attribute") is not None:
        raise document.wrong(
            f"{shown}: the tag {name!r} has attributes; a class of the whole picture has none",
            "remove them, or make them tags of their own",
        )
    return name


def _find(document: Document, image: Element) -> Path:
    name = image.get("name", "").replace("\\", "/")
    subset = image.get("subset", "")
    images = document.root / "images"
    for folder in (*([inside(images, subset)] if subset else []), images, document.root):
        path = inside(folder, name)
        if path.is_file() and path.resolve().is_relative_to(document.root.resolve()):
            return path
    raise document.wrong(
        f"there is no picture {name!r}",
        "export again with `Save images`, or put the pictures in images/",
    )


def _unseen(path: Path, root: Path) -> LabelledFile:
    name = filename(path, root)
    return LabelledFile(path, name, None, split_of(*name.split("/")[:-1]), *measure(path))


def _documents(root: Path) -> list[Path]:
    return [path for path in those(root, "*.xml") if _is_cvat(path)]


def _is_cvat(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(PEEK).replace(b"\x00", b"")  # UTF-16, too
    return b"<annotations" in head


def _name(label: Element) -> str:
    return (label.findtext("name") or "").strip()


def _sayable(says: Says, file: LabelledFile, drop: bool) -> Annotation | None:
    found = says.fitted(file, drop=drop)
    if found is None:
        return None
    for number, thing in enumerate(found.objects, 1):
        if (why := unsayable(thing)) and not drop:
            raise says.refused(file, f"object {number} ({thing.class_name!r}) has {why}")
    objects = tuple(reduced(o) if unsayable(o) else o for o in found.objects)
    return found.model_copy(update={"objects": objects})


def _image(top: Element, number: int, file: LabelledFile, found: Annotation | None) -> None:
    size = {"width": str(file.width), "height": str(file.height)}
    element = SubElement(top, "image", {"id": str(number), "name": file.filename} | size)
    if file.split:
        element.set("subset", file.split)
    if found is None:
        element.set("unannotated", "1")
        return
    for name in found.classes:
        SubElement(element, "tag", label=name, source="manual")
    for thing in found.objects:
        write_shape(element, thing)


def _labels(
    meta: Element, classes: tuple[str, ...], found: Iterable[Annotation], video: bool
) -> None:
    """What CVAT must know of each label: its attributes and, of skeletons, its keypoints."""
    kinds: dict[str, dict[str, str]] = {}
    joints: dict[str, int] = {}
    for thing in (o for annotation in found for o in annotation.objects):
        _attribute_kinds(kinds.setdefault(thing.class_name, {}), thing)
        if DRAWN not in thing.attributes:
            joints[thing.class_name] = max(joints.get(thing.class_name, 0), len(thing.keypoints))
    task = SubElement(meta, "task")
    SubElement(task, "mode").text = "interpolation" if video else "annotation"
    labels = SubElement(task, "labels")
    for name in classes:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = "skeleton" if joints.get(name) else "any"
        attributes = SubElement(label, "attributes")
        for key, kind in kinds.get(name, {}).items():
            attribute = SubElement(attributes, "attribute")
            SubElement(attribute, "name").text = key
            SubElement(attribute, "mutable").text = "True"
            SubElement(attribute, "input_type").text = kind
        for number in range(joints.get(name, 0)):
            joint = SubElement(labels, "label")
            SubElement(joint, "name").text = str(number + 1)
            SubElement(joint, "type").text = "points"
            SubElement(joint, "parent").text = name


def _attribute_kinds(kinds: dict[str, str], thing: Object) -> None:
    given: dict[str, Value] = {k: v for k, v in thing.attributes.items() if not is_field(k, v)}
    if thing.track_id is not None:
        given[TRACK] = thing.track_id
    if not box_is_implied(thing, EXACT_PX):
        given[BOX] = ""
    for key, value in given.items():
        kind = kind_of(value)
        if kinds.setdefault(key, kind) != kind:
            raise Invalid(
                f"the attribute {key!r} of {thing.class_name!r} is {kinds[key]} here and {kind}"
                " there; CVAT has one type for both",
                fix="make them alike, or choose another format",
            )


plugin = Plugin("format", "cvat", CvatConfig, CvatFormat)
video = Plugin("format", "cvat-video", CvatConfig, lambda c: CvatFormat(c, video=True))
