"""Pascal VOC's segmentations: a PNG whose colours number the objects, and one for their classes.

Object k of the XML file has the colour of number k (devkit, section 8.2).
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from viseon.adapters.formats.pictures import those
from viseon.adapters.formats.shapes import mask_fields, mask_of
from viseon.schema import Annotation, Invalid, Object

NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
"""Classes by number, where no labelmap.txt gives others."""
_VOID = 255
_CHANNELS = 3


def _colours() -> dict[int, int]:
    """VOC's colours as 0xRRGGBB, with their numbers: each channel gets every third bit."""
    found = {}
    for number in range(256):
        rgb, rest = [0, 0, 0], number
        for bit in range(8):
            for channel in range(_CHANNELS):
                rgb[channel] |= (rest >> channel & 1) << 7 - bit
            rest >>= 3
        found[rgb[0] << 16 | rgb[1] << 8 | rgb[2]] = number
    return found


class Segmentations:
    """The PNGs of one dataset."""

    def __init__(self, root: Path, classes: dict[int, str]) -> None:
        """`classes` has the colour of each class as 0xRRGGBB; empty: VOC's own."""
        self._root = root
        self._numbers = _colours()
        self._classes = classes or {c: NAMES[n] for c, n in self._numbers.items() if n < len(NAMES)}

    def stems(self) -> set[str]:
        """Names of the pictures that have one."""
        folders = (self._root / "SegmentationObject", self._root / "SegmentationClass")
        return {
            path.relative_to(folder).as_posix().removesuffix(".png")
            for folder in folders
            for path in those(folder, "**/*.png")
        }

    def applied(self, stem: str, annotation: Annotation | None) -> Annotation:
        """The annotation with its masks; without one, an object per coloured region.

        Raises Invalid that names the PNG for colours that are no object's or no class's.
        """
        objects = list(annotation.objects) if annotation else []
        whole = [n for n, thing in enumerate(objects) if "part_of" not in thing.attributes]
        path = self._root / "SegmentationObject" / f"{stem}.png"
        if not path.is_file():
            return self._by_class(stem, annotation)
        pixels = self._read(path)
        for colour in self._found(pixels):
            number = self._numbers.get(colour)
            if number is None:
                raise self._wrong(path, f"the colour #{colour:06x} is not that of any object")
            if number in (0, _VOID):
                continue
            mask = mask_of(pixels == colour)
            if number <= len(whole):
                at = whole[number - 1]
                objects[at] = objects[at].model_copy(update={"mask": mask})
            elif annotation is not None:
                raise self._wrong(path, f"object {number} is not in Annotations/{stem}.xml")
            else:
                name = self._class_below(stem, pixels == colour)
                fields = mask_fields(mask)
                objects.append(Object(id=str(len(objects) + 1), class_name=name, **fields))
        return Annotation(objects=tuple(objects))

    def _by_class(self, stem: str, annotation: Annotation | None) -> Annotation:
        path = self._root / "SegmentationClass" / f"{stem}.png"
        if annotation is not None and annotation.objects:
            raise self._wrong(path, f"nothing says whose pixels these are: there is no"
                              f" SegmentationObject/{stem}.png")  # fmt: skip
        pixels = self._read(path)
        objects: list[Object] = []
        for colour in self._found(pixels):
            if self._numbers.get(colour) not in (0, _VOID):
                fields = mask_fields(mask_of(pixels == colour))
                name = self._class(path, colour)
                objects.append(Object(id=str(len(objects) + 1), class_name=name, **fields))
        return Annotation(objects=tuple(objects))

    def _found(self, pixels: NDArray[np.int64]) -> list[int]:
        """The colours that are there, by their number."""
        colours: list[int] = np.unique(pixels).tolist()
        return sorted(colours, key=lambda colour: self._numbers.get(colour, -1))

    def _class_below(self, stem: str, pixels: NDArray[np.bool_]) -> str:
        path = self._root / "SegmentationClass" / f"{stem}.png"
        found = self._read(path)
        if found.shape != pixels.shape:
            raise self._wrong(path, f"it is not as large as SegmentationObject/{stem}.png")
        colours, counts = np.unique(found[pixels], return_counts=True)
        return self._class(path, int(colours[counts.argmax()]))

    def _class(self, path: Path, colour: int) -> str:
        if colour not in self._classes:
            raise self._wrong(path, f"the colour #{colour:06x} is not that of any class")
        return self._classes[colour]

    def _read(self, path: Path) -> NDArray[np.int64]:
        """Pixels as 0xRRGGBB; a grey picture's values are numbers, so they get their colours."""
        data = path.read_bytes() if path.is_file() else b""
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            raise self._wrong(path, "it cannot be read" if data else "it is missing or empty")
        b, g, r = (image[..., n].astype(np.int64) for n in range(_CHANNELS))
        if (b == g).all() and (g == r).all():
            by_number = np.array([c for c, _ in sorted(self._numbers.items(), key=lambda i: i[1])])
            return np.asarray(by_number[r], np.int64)
        return np.asarray(r << 16 | g << 8 | b, np.int64)

    def _wrong(self, path: Path, message: str) -> Invalid:
        return Invalid(
            f"{path.relative_to(self._root).as_posix()}: {message}",
            fix="correct the picture, or remove it: then there is no mask",
        )
