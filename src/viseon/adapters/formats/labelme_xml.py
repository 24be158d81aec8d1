"""What LabelMe's web tool wrote (https://github.com/CSAILVision/LabelMeAnnotationTool): XML.

`Annotations/<folder>/<name>.xml` for `Images/<folder>/<name>.jpg`, and `Masks/` of painted objects.
"""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import cv2
import numpy as np

from viseon.adapters.formats.pictures import filename, inside, measure, pictures, split_of, those
from viseon.adapters.formats.reading import described, xml_of
from viseon.adapters.formats.shapes import (
    Fields,
    around,
    check_reach,
    mask_fields,
    mask_of,
    polygon_fields,
)
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Object

_FIX = "correct it in LabelMe"


def webtool_files(root: Path) -> list[Path]:
    """The XML files, where the first looks as the web tool's do."""
    found = those(root / "Annotations", "**/*.xml")
    return found if found and b"<imagesize>" in found[0].read_bytes() else []


def read_webtool(root: Path, found: list[Path]) -> Contents:
    """Every picture with its objects; deleted ones are left out."""
    files: dict[Path, LabelledFile] = {}
    for path in found:
        file = _file(root, path)
        if file.path in files:
            raise Invalid(
                f"{path.relative_to(root)}: another file labels {file.filename} too",
                fix="keep one of them",
            )
        files[file.path] = file
    images = root / "Images"
    for path in pictures(images) if images.is_dir() else ():
        if path not in files:
            name = filename(path, root)
            files[path] = LabelledFile(path, name, None, _split(name), *measure(path))
    used = {o.class_name for f in files.values() if f.annotation for o in f.annotation.objects}
    return Contents(tuple(sorted(used)), [file for _, file in sorted(files.items())])


def _file(root: Path, path: Path) -> LabelledFile:
    where = path.relative_to(root).as_posix()
    top = xml_of(path, root)
    folder = path.parent.relative_to(root / "Annotations").as_posix()
    name = (top.findtext("filename") or "").strip()
    picture = inside(root / "Images" / folder, name)
    if not picture.is_file():
        raise Invalid(
            f"{where}: there is no picture {picture.relative_to(root).as_posix()}",
            fix="add the picture or remove the file",
        )
    size = measure(picture)
    objects: list[Object] = []
    for element in top.findall("object"):
        if (element.findtext("deleted") or "0").strip() == "1":
            continue
        name = (element.findtext("name") or "").strip()
        id = (element.findtext("id") or str(len(objects))).strip()
        with described(f"{where}: object {id} ({name})", _FIX):
            fields = _shape(element, root, folder, size)
            thing = Object(id=id, class_name=name, attributes=_attributes(element), **fields)
            objects.append(check_reach(thing, size))
    with described(where, _FIX):
        label = Annotation(objects=tuple(objects))
    shown = filename(picture, root)
    return LabelledFile(picture, shown, label, _split(shown), *size)


def _shape(element: Element, root: Path, folder: str, size: tuple[int, int]) -> Fields:
    if not (element.findtext("name") or "").strip():
        raise ValueError("its name is empty")
    outline = element.find("polygon")
    if outline is not None:
        points = [
            (float(point.findtext("x") or "nan"), float(point.findtext("y") or "nan"))
            for point in outline.findall("pt")
        ]
        if (element.findtext("type") or "").strip() == "bounding_box":
            return {"box": around(points)}
        return polygon_fields(points)
    name = (element.findtext("segm/mask") or "").strip()
    if not name:
        raise ValueError("it has neither a polygon nor a mask")
    path = inside(root / "Masks" / folder, name)
    painted: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if painted is None:
        raise ValueError(f"there is no mask {path.relative_to(root).as_posix()}")
    if painted.shape[:2] != size[::-1]:
        raise ValueError(f"its mask has {painted.shape[1]}x{painted.shape[0]} pixels")
    colours = painted if painted.ndim == 2 else painted[..., :3].max(axis=2)
    return mask_fields(mask_of(np.asarray(colours) > 0))


def _attributes(element: Element) -> dict[str, str | int | float | bool]:
    found: dict[str, str | int | float | bool] = {}
    if (element.findtext("occluded") or "").strip() == "yes":
        found["occluded"] = True
    if text := (element.findtext("attributes") or "").strip():
        found["attributes"] = text
    for name in ("hasparts", "ispartof"):
        if text := (element.findtext(f"parts/{name}") or "").strip():
            found[name] = text
    return found


def _split(name: str) -> Any:
    return split_of(*name.split("/")[:-1])
