"""Small pictures of what changed, with old and new boxes drawn over them as SVG."""

import base64
from collections.abc import Iterable, Iterator
from html import escape

import numpy as np
from numpy.typing import NDArray

from viseon.ports import BlobStore, Images
from viseon.schema import Box, Digest, ViseonError
from viseon.schema.comparison import ObjectChange, SampleChange

LONGEST_PX = 420
"""Of the pixels that are kept."""
SHOWN_PX = 280
"""About how long it is on the page."""
QUALITY = 72

_AROUND = 0.4
"""Of the size of what changed, on each side of it."""
_LEAST_PX = 96
"""A crop has at least so many pixels of the picture on each side."""
_SHAPE = 4 / 3
"""Of a crop, where the picture allows it: that of its place on the page."""
_HALO = 'paint-order="stroke" stroke="#000b" stroke-linejoin="round" font-weight="600"'
_COLOURS = {"old": "#ff8c2b", "new": "#2fd3ea"}


class Crops:
    """Reads pictures when they are asked for and keeps none."""

    def __init__(self, blobs: BlobStore, images: Images | None) -> None:
        self._blobs, self._images = blobs, images

    def of(self, change: SampleChange) -> str:
        """What to see of a change: one picture, or two where the bytes differ."""
        if change.old is not None and change.new is not None and change.old != change.new:
            before = self._drawn(change.old, list(_marks(change.objects, "old")), whole=True)
            after = self._drawn(change.new, list(_marks(change.objects, "new")), whole=True)
            return before + after
        marks = [*_marks(change.objects, "old"), *_marks(change.objects, "new")]
        whole = change.kind != "relabelled"
        return self._drawn(change.new or change.old or "", marks, whole=whole)

    def _drawn(self, digest: Digest, marks: list["_Mark"], *, whole: bool) -> str:
        if self._images is None:
            return "<p>no pictures here</p>"
        try:
            pixels = self._images.decode(self._blobs.get(digest))
        except ViseonError:
            return "<p>no picture, or its bytes are gone</p>"
        height, width = pixels.shape[:2]
        region = (0, 0, width, height) if whole else _region(marks, width, height)
        x1, y1, x2, y2 = region
        view = f"{x1} {y1} {x2 - x1} {y2 - y1}"
        scale = max(x2 - x1, y2 - y1) / SHOWN_PX
        return (
            f'<svg viewBox="{view}"><image x="{x1}" y="{y1}" width="{x2 - x1}" '
            f'height="{y2 - y1}" href="data:image/jpeg;base64,{self._jpeg(pixels, region)}"/>'
            f"{''.join(mark.svg(scale, region) for mark in marks)}</svg>"
        )

    def _jpeg(self, pixels: NDArray[np.uint8], region: tuple[int, int, int, int]) -> str:
        assert self._images is not None  # noqa: S101 - `_drawn` looked
        x1, y1, x2, y2 = region
        crop = np.ascontiguousarray(pixels[y1:y2, x1:x2])
        shrink = LONGEST_PX / max(x2 - x1, y2 - y1)
        if shrink < 1:
            size = (max(1, round((x2 - x1) * shrink)), max(1, round((y2 - y1) * shrink)))
            crop = self._images.resize(crop, *size)
        return base64.b64encode(self._images.encode(crop, quality=QUALITY)).decode()


class _Mark:
    """A box of the old or the new annotation."""

    def __init__(self, box: Box, side: str, text: str) -> None:
        self.box, self._side, self._text = box, side, text

    def svg(self, unit: float, region: tuple[int, int, int, int]) -> str:
        """`unit` is the length of one pixel on the page."""
        x1, y1, x2, y2 = self.box
        colour = _COLOURS[self._side]
        dashes = f' stroke-dasharray="{5 * unit:.2f} {3 * unit:.2f}"' if self._side == "old" else ""
        below = self._side == "old"  # so that both texts can be read
        y = min(y2 + 14 * unit, region[3] - 3 * unit) if below else y1 - 4 * unit
        y = max(y, region[1] + 13 * unit)
        x = max(x1, region[0] + 2 * unit)
        return (
            f'<rect x="{x1:g}" y="{y1:g}" width="{x2 - x1:g}" height="{y2 - y1:g}" fill="none" '
            f'stroke="{colour}" stroke-width="{2 * unit:.2f}"{dashes}/>'
            f'<text x="{x:.1f}" y="{y:.1f}" font-family="system-ui, sans-serif" '
            f'font-size="{13 * unit:.1f}" fill="{colour}" {_HALO} '
            f'stroke-width="{3 * unit:.1f}">{escape(self._text)}</text>'
        )


def _marks(objects: Iterable[ObjectChange], side: str) -> Iterator[_Mark]:
    for thing in objects:
        box, name = (
            (thing.old_box, thing.old_class) if side == "old" else (thing.new_box, thing.new_class)
        )
        if box is not None:
            yield _Mark(box, side, name or "")


def _region(marks: list[_Mark], width: int, height: int) -> tuple[int, int, int, int]:
    """What changed with something around it, within the picture; all of it for no box."""
    if not marks:
        return 0, 0, width, height
    boxes = np.array([mark.box for mark in marks])
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    wide, tall = np.maximum((high - low) * (1 + 2 * _AROUND), _LEAST_PX)
    size = np.array([max(wide, tall * _SHAPE), max(tall, wide / _SHAPE)])
    bounds = np.array([width, height])
    start = np.clip((low + high - size) / 2, 0, np.maximum(bounds - size, 0))
    first = np.clip(np.floor(start), 0, bounds - 1).astype(int)
    last = np.minimum(np.ceil(start + size), bounds).astype(int)
    last = np.maximum(last, first + 1)
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])
