"""Drawing with whole numbers only, so that a picture is the same to the last bit everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]
"""Blue, green, red."""
Point = tuple[int, int]
FULL = 255


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A picture with transparency: `color` (h, w, 3) times `alpha` (h, w), both 0 to 255."""

    color: NDArray[np.uint16]
    alpha: NDArray[np.uint16]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.alpha.shape[1], self.alpha.shape[0]


class Canvas:
    """Pixels (h, w, 4) as blue, green, red, opacity, drawn on with `scale` pixels per unit."""

    def __init__(self, width: int, height: int, *, scale: tuple[int, int] = (1, 1)) -> None:
        """`scale` is a fraction: numerator and denominator."""
        self._num, self._den = scale
        self.pixels = np.zeros((self._px(height), self._px(width), 4), np.uint8)

    def _px(self, v: int) -> int:
        return v * self._num // self._den

    def rectangle(self, x0: int, y0: int, x1: int, y1: int, color: Color) -> None:
        """Filled, including (x0, y0), excluding (x1, y1)."""
        x0, y0, x1, y1 = (max(0, self._px(v)) for v in (x0, y0, x1, y1))
        self.pixels[y0:y1, x0:x1] = (*color, FULL)

    def gradient(self, box: tuple[int, int, int, int], top: Color, bottom: Color) -> None:
        """A rectangle whose color runs from `top` to `bottom`."""
        x0, y0, x1, y1 = (max(0, self._px(v)) for v in box)
        rows = np.arange(y1 - y0)[:, None]
        last = max(1, y1 - y0 - 1)
        ramp = (np.array(top) * (last - rows) + np.array(bottom) * rows) // last
        self.pixels[y0:y1, x0:x1, :3] = ramp[: self.pixels.shape[0] - y0, None]
        self.pixels[y0:y1, x0:x1, 3] = FULL

    def ellipse(self, center: Point, radii: Point, color: Color) -> None:
        """Filled."""
        (cx, cy), (rx, ry) = self._at(center), (max(1, self._px(r)) for r in radii)
        view, x, y = self._window(cx - rx, cy - ry, cx + rx, cy + ry)
        inside = ((x - cx) * ry) ** 2 + ((y - cy) * rx) ** 2 <= (rx * ry) ** 2
        view[inside] = (*color, FULL)

    def capsule(self, a: Point, b: Point, radius: int, color: Color) -> None:
        """A thick line with round ends."""
        (ax, ay), (bx, by), r = self._at(a), self._at(b), max(1, self._px(radius))
        view, x, y = self._window(
            min(ax, bx) - r, min(ay, by) - r, max(ax, bx) + r, max(ay, by) + r
        )
        dx, dy = bx - ax, by - ay
        length = max(1, dx * dx + dy * dy)
        along = np.clip((x - ax) * dx + (y - ay) * dy, 0, length)
        off = ((x - ax) * length - dx * along) ** 2 + ((y - ay) * length - dy * along) ** 2
        view[off <= r * r * length * length] = (*color, FULL)

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        """Filled by the even-odd rule."""
        corners = [self._at(p) for p in points]
        xs, ys = [p[0] for p in corners], [p[1] for p in corners]
        view, x, y = self._window(min(xs), min(ys), max(xs), max(ys))
        inside = np.zeros(view.shape[:2], bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            if ay == by:
                continue
            spans = (ay <= y) != (by <= y)
            left = (x - ax) * (by - ay) < (bx - ax) * (y - ay)
            inside ^= spans & (left == (by > ay))
        view[inside] = (*color, FULL)

    def speckle(self, noise: NDArray[np.int32], strength: int) -> None:
        """Lighten and darken every drawn pixel by its noise (0 to 255 about 128)."""
        shift = (noise - 128) * strength // 128
        color = self.pixels[..., :3].astype(np.int32) + shift[..., None]
        self.pixels[..., :3] = np.clip(color, 0, FULL)

    def _at(self, p: Point) -> Point:
        return self._px(p[0]), self._px(p[1])

    def _window(
        self, x0: int, y0: int, x1: int, y1: int
    ) -> tuple[Pixels, NDArray[np.int64], NDArray[np.int64]]:
        h, w = self.pixels.shape[:2]
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(w, x1 + 1), min(h, y1 + 1)
        x1, y1 = max(x0, x1), max(y0, y1)
        x, y = np.arange(x0, x1, dtype=np.int64)[None], np.arange(y0, y1, dtype=np.int64)[:, None]
        return self.pixels[y0:y1, x0:x1], x, y


class Summed:
    """A drawing as a summed-area table (Crow, SIGGRAPH 1984): any smaller size costs little."""

    def __init__(self, pixels: Pixels) -> None:
        h, w = pixels.shape[:2]
        planes = pixels.transpose(2, 0, 1).astype(np.int32)
        planes[:3] *= planes[3]
        planes[:3] //= FULL
        self._table = np.zeros((4, h + 1, w + 1), np.int32)
        np.cumsum(planes, axis=2, out=planes)
        np.cumsum(planes, axis=1, out=self._table[:, 1:, 1:])
        self._h, self._w = h, w

    def at_height(self, height: int) -> Stamp:
        """The drawing, `height` pixels high, every pixel the mean of what it covers."""
        return self.at_size(max(1, self._w * height // self._h), height)

    def at_size(self, width: int, height: int) -> Stamp:
        """The drawing at another size."""
        rows = np.arange(height + 1) * self._h // height
        columns = np.arange(width + 1) * self._w // width
        corners = self._table[:, rows[:, None], columns]
        sums = corners[:, 1:, 1:] - corners[:, :-1, 1:] - corners[:, 1:, :-1] + corners[:, :-1, :-1]
        area = np.maximum(1, (rows[1:] - rows[:-1])[:, None] * (columns[1:] - columns[:-1]))
        mean = (sums // area).astype(np.uint16)
        return Stamp(np.ascontiguousarray(mean[:3].transpose(1, 2, 0)), mean[3])


Clip = tuple[int, int, int, int]


def stick(picture: Pixels, stamp: Stamp, left: int, top: int, clip: Clip | None = None) -> None:
    """Lay the stamp over the picture, inside `clip` (x0, y0, x1, y1), in place."""
    x0, y0, x1, y1 = overlap(picture, stamp, left, top, clip)
    if x0 >= x1 or y0 >= y1:
        return
    window = picture[y0:y1, x0:x1]
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    through = (FULL - stamp.alpha[part])[..., None]
    mixed = window * through
    mixed += 127
    mixed //= FULL
    mixed += stamp.color[part]
    window[:] = np.minimum(mixed, FULL)


def overlap(
    picture: NDArray[np.generic], stamp: Stamp, left: int, top: int, clip: Clip | None
) -> Clip:
    """Where the stamp lies on the picture: x0, y0, x1, y1."""
    w, h = stamp.size
    cx0, cy0, cx1, cy1 = clip or (0, 0, picture.shape[1], picture.shape[0])
    x0, y0 = max(left, 0, cx0), max(top, 0, cy0)
    return x0, y0, min(left + w, picture.shape[1], cx1), min(top + h, picture.shape[0], cy1)


def darken(picture: Pixels, center: Point, radii: Point, percent: int) -> None:
    """A soft round shadow, in place: `percent` at its middle, nothing at its rim."""
    (cx, cy), (rx, ry) = center, radii
    x0, y0 = max(0, cx - rx), max(0, cy - ry)
    x1, y1 = min(picture.shape[1], cx + rx + 1), min(picture.shape[0], cy + ry + 1)
    if x0 >= x1 or y0 >= y1 or rx < 1 or ry < 1:
        return
    x, y = np.arange(x0, x1)[None] - cx, np.arange(y0, y1)[:, None] - cy
    away = np.minimum(256, 256 * x * x // (rx * rx) + 256 * y * y // (ry * ry))
    keep = 256 - (256 - away) * percent // 100
    window = picture[y0:y1, x0:x1]
    window[:] = window.astype(np.uint32) * keep[..., None].astype(np.uint32) >> 8
