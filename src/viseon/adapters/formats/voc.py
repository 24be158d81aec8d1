"""Pascal VOC: one XML file per picture.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.pictures import inside, measured, pictures, place
from viseon.adapters.formats.reading import described, text_of, xml_of
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import SPLITS, Annotation, Invalid, Object, Split

FLAGS = ("truncated", "difficult", "occluded")


class VocConfig(Drops):
    """Only writing has options."""


_SAYS = Says("VOC", attributes=FLAGS)


class VocFormat:
    """`Annotations/`, `JPEGImages/` and `ImageSets/Main/<split>.txt`."""

    def __init__(self, config: VocConfig) -> None:
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        first = next((root / "Annotations").rglob("*.xml"), None)
        return first is not None and b"<imagesize>" not in first.read_bytes()

    def read(self, root: Path) -> Contents:
        labels = {_stem(p, root / "Annotations"): p for p in (root / "Annotations").rglob("*.xml")}
        folder = root / "JPEGImages"
        images = pictures(folder) if folder.is_dir() else []
        there = {_stem(path, folder) for path in images}
        for stem, path in sorted(labels.items()):
            if stem not in there:
                raise Invalid(
                    f"{path.relative_to(root)}: there is no picture {stem!r} in JPEGImages",
                    fix="add the picture or remove the file",
                )
        found = {stem: _annotation(path, root) for stem, path in sorted(labels.items())}
        used = {o.class_name for a in found.values() for o in a.objects}
        splits = _splits(root)
        files = (
            LabelledFile(
                path, path.relative_to(folder).as_posix(), found.get(_stem(path, folder)),
                splits.get(_stem(path, folder)), *size,
            )
            for path, size in measured(images)
        )  # fmt: skip
        return Contents(classes=_classes(root, used), files=files)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        lists: dict[Split, list[str]] = {}
        for file in files:
            place(file.path, root / "JPEGImages" / file.filename)
            stem = file.filename.rpartition(".")[0]
            if file.split:
                lists.setdefault(file.split, []).append(f"{stem}\n")
            found = _SAYS.fitted(file, drop=self._drop)
            if found is not None:
                path = root / "Annotations" / f"{stem}.xml"
                path.parent.mkdir(parents=True, exist_ok=True)
                ElementTree.ElementTree(_document(file, found)).write(path, "utf-8")
        sets = root / "ImageSets" / "Main"
        sets.mkdir(parents=True, exist_ok=True)
        for split, stems in lists.items():
            (sets / f"{split}.txt").write_text("".join(stems), encoding="utf-8")
        lines = ("# label:color_rgb:parts:actions", *(f"{name}:::" for name in classes))
        (root / "labelmap.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _annotation(path: Path, root: Path) -> Annotation:
    where = path.relative_to(root).as_posix()
    document = xml_of(path, root)
    things = enumerate(document.findall("object"), 1)
    return Annotation(objects=tuple(_object(number, thing, where) for number, thing in things))


def _object(number: int, thing: ElementTree.Element, where: str) -> Object:
    name = (thing.findtext("name") or "").strip()
    corners = [thing.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    shown = name or "without a name"
    with described(f"{where}: object {number} ({shown})", _BNDBOX):
        if None in corners:
            raise ValueError("a number is missing")
        x1, y1, x2, y2 = (float(c or "") for c in corners)
        flags = {f: True for f in FLAGS if (thing.findtext(f) or "0").strip() in ("1", "true")}
        return Object(id=str(number), class_name=name, box=(x1, y1, x2, y2), attributes=dict(flags))


_BNDBOX = "bndbox needs xmin < xmax and ymin < ymax, in pixels"


def _document(file: LabelledFile, annotation: Annotation) -> ElementTree.Element:
    top = ElementTree.Element("annotation")
    _text(top, "filename", file.filename)
    size = ElementTree.SubElement(top, "size")
    for name, value in (("width", file.width), ("height", file.height), ("depth", 3)):
        _text(size, name, str(value))
    for thing in annotation.objects:
        element = ElementTree.SubElement(top, "object")
        _text(element, "name", thing.class_name)
        for flag in FLAGS:
            _text(element, flag, str(int(bool(thing.attributes.get(flag)))))
        box = ElementTree.SubElement(element, "bndbox")
        for side, edge in zip(("xmin", "ymin", "xmax", "ymax"), thing.box, strict=True):
            _text(box, side, repr(edge))
    return top


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _splits(root: Path) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for split, name in (("train", "trainval"), *((s, s) for s in SPLITS)):
        path = inside(root, f"ImageSets/Main/{name}.txt")
        if path.is_file():
            for line in text_of(path, root).splitlines():
                if line.strip():
                    found[line.strip()] = split
    return found


def _classes(root: Path, used: set[str]) -> tuple[str, ...]:
    path = root / "labelmap.txt"
    if not path.is_file():
        return tuple(sorted(used))
    lines = text_of(path, root).splitlines()
    named = [line.rsplit(":", 3)[0] for line in lines if line and not line.startswith("#")]
    return tuple(dict.fromkeys([*named, *sorted(used - set(named))]))


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().rpartition(".")[0]


plugin = Plugin("format", "voc", VocConfig, VocFormat)
