"""Pascal VOC: one XML file per picture.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf
"""

from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize
from xml.etree import ElementTree

from viseon.adapters.formats.losses import Drops
from viseon.adapters.formats.pictures import inside, measured, pictures, place, those
from viseon.adapters.formats.reading import described, text_of, xml_of
from viseon.adapters.formats.voc_masks import Segmentations
from viseon.adapters.formats.voc_objects import SAYS, read_objects, write_objects
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import SPLITS, Annotation, Invalid, Split


class VocConfig(Drops):
    """Only writing has options."""


class VocFormat:
    """`Annotations/`, `JPEGImages/` and `ImageSets/Main/<split>.txt`."""

    def __init__(self, config: VocConfig) -> None:
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        first = next(iter(those(root / "Annotations", "**/*.xml")), None)
        if first is None:
            return bool(those(root / "SegmentationClass", "**/*.png"))
        return b"<imagesize>" not in first.read_bytes()

    def read(self, root: Path) -> Contents:
        labels = {
            _stem(p, root / "Annotations"): p for p in those(root / "Annotations", "**/*.xml")
        }
        folder = root / "JPEGImages"
        images = pictures(folder) if folder.is_dir() else []
        there = _by_stem(images, folder)
        for stem, path in sorted(labels.items()):
            if stem not in there:
                raise Invalid(
                    f"{path.relative_to(root)}: there is no picture {stem!r} in JPEGImages",
                    fix="add the picture or remove the file",
                )
        found = {stem: _annotation(path, root) for stem, path in sorted(labels.items())}
        colours, named = _labelmap(root)
        masks = Segmentations(root, colours)
        found |= {s: masks.applied(s, found.get(s)) for s in sorted(masks.stems() & set(there))}
        used = {o.class_name for a in found.values() for o in a.objects}
        splits = _splits(root)
        files = (
            LabelledFile(
                path, path.relative_to(folder).as_posix(),
                _as_large(found.get(_stem(path, folder)), path, size),
                splits.get(_stem(path, folder)), *size,
            )
            for path, size in measured(images)
        )  # fmt: skip
        classes = tuple(dict.fromkeys([*named, *sorted(used - set(named))]))
        return Contents(classes=classes, files=files)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        lists: dict[Split, list[str]] = {}
        written: set[str] = set()
        for file in files:
            place(file.path, root / "JPEGImages" / file.filename)
            stem = file.filename.rpartition(".")[0]
            if stem in written:
                raise Invalid(
                    f"{file.filename}: another picture differs only in its suffix; in VOC they"
                    " would share their labels",
                    fix="rename one of them, or choose another format",
                )
            written.add(stem)
            if file.split:
                lists.setdefault(file.split, []).append(f"{stem}\n")
            found = SAYS.fitted(file, drop=self._drop)
            if found is not None:
                path = root / "Annotations" / f"{stem}.xml"
                path.parent.mkdir(parents=True, exist_ok=True)
                ElementTree.ElementTree(_document(file, found, drop=self._drop)).write(
                    path, "utf-8"
                )
        sets = root / "ImageSets" / "Main"
        sets.mkdir(parents=True, exist_ok=True)
        for split, stems in lists.items():
            (sets / f"{split}.txt").write_text("".join(stems), encoding="utf-8")
        lines = ("# label:color_rgb:parts:actions", *(f"{name}:::" for name in classes))
        (root / "labelmap.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _annotation(path: Path, root: Path) -> Annotation:
    where = path.relative_to(root).as_posix()
    document = xml_of(path, root)
    return Annotation(objects=tuple(read_objects(document, where)))


def _document(file: LabelledFile, annotation: Annotation, *, drop: bool) -> ElementTree.Element:
    top = ElementTree.Element("annotation")
    _text(top, "filename", file.filename)
    size = ElementTree.SubElement(top, "size")
    for name, value in (("width", file.width), ("height", file.height), ("depth", 3)):
        _text(size, name, str(value))
    write_objects(top, file, annotation, drop=drop)
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
                    for stem in (line.strip(), line):  # names may begin or end with a space
                        found[normalize("NFC", stem)] = split
    return found


def _labelmap(root: Path) -> tuple[dict[int, str], list[str]]:
    """Names of classes by colour, 0xRRGGBB, and all in order; nothing without labelmap.txt."""
    path = root / "labelmap.txt"
    colours: dict[int, str] = {}
    names: list[str] = []
    lines = text_of(path, root).splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.rpartition(":")[0].rpartition(":")[0].rpartition(":")
        name, colour = (name, rest) if name else (line.partition(":")[0], "")
        names.append(name)
        if colour:
            with described(f"labelmap.txt, line {number}", "name:red,green,blue:parts:actions"):
                red, green, blue = (int(value) for value in colour.split(","))
                colours[red << 16 | green << 8 | blue] = name
    return colours, names


def _as_large(
    annotation: Annotation | None, path: Path, size: tuple[int, int]
) -> Annotation | None:
    """The annotation. Raises Invalid for a mask that is not as large as the picture."""
    for thing in annotation.objects if annotation else ():
        if thing.mask and (thing.mask.width, thing.mask.height) != size:
            raise Invalid(
                f"{path.name}: its segmentation has {thing.mask.width}x{thing.mask.height} pixels,"
                f" the picture {size[0]}x{size[1]}",
                fix="put the segmentation there that belongs to it",
            )
    return annotation


def _by_stem(images: list[Path], folder: Path) -> dict[str, Path]:
    """The pictures by name. Raises Invalid when two would share their labels."""
    found: dict[str, Path] = {}
    for path in images:
        other = found.setdefault(_stem(path, folder), path)
        if other != path:
            raise Invalid(
                f"JPEGImages/{path.relative_to(folder).as_posix()}: {other.name} differs only in"
                " its suffix, so both have the same labels",
                fix="rename one of them, with its labels",
            )
    return found


def _stem(path: Path, folder: Path) -> str:
    return normalize("NFC", path.relative_to(folder).as_posix().rpartition(".")[0])


plugin = Plugin("format", "voc", VocConfig, VocFormat)
