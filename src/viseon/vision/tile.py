"""Small objects in big pictures: look at overlapping tiles and join what their seams cut."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import ios, iou
from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError
from viseon.vision.masks import RleMasks, as_rle, shifted
from viseon.vision.suppress import hull

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, in its pixels: x2 and y2 are exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int

    def of(self, image: NDArray[Any]) -> NDArray[Any]:
        """This part of the picture, without a copy."""
        return image[self.y1 : self.y2, self.x1 : self.x2]


class Tiler:
    """Cuts pictures into tiles of `size` (width, height) that overlap by at least `overlap`.

    Where two tiles see the same object, the better detection stays; where a seam cuts one in
    pieces, the pieces become one box. Detections of one tile never merge with each other: telling
    near objects apart is the detector's business. `edge_px` is how near to a seam a box counts as
    cut.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] = (640, 640),
        overlap: float = 0.2,
        min_overlap: float = 0.5,
        edge_px: float = 3.0,
    ) -> None:
        if min(size) < 1:
            raise VisionError(f"size: {size} must be at least 1 x 1")
        if not 0 <= overlap < 1:
            raise VisionError(f"overlap: {overlap} must be in [0, 1)")
        self._size, self._overlap = size, overlap
        self._min_overlap, self._edge_px = min_overlap, edge_px

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Tiles that cover a picture of that size, row by row, evenly spread."""
        across = _starts(width, self._size[0], self._overlap)
        down = _starts(height, self._size[1], self._overlap)
        w, h = min(width, self._size[0]), min(height, self._size[1])
        return [Tile(x, y, x + w, y + h) for y in down for x in across]

    def count(self, width: int, height: int) -> int:
        """How many tiles that would be, without making them."""
        across = _starts(width, self._size[0], self._overlap)
        return len(across) * len(_starts(height, self._size[1], self._overlap))

    def slices(self, image: NDArray[Any]) -> Iterator[tuple[Tile, NDArray[Any]]]:
        """Each tile with its part of the picture (a view)."""
        for tile in self.tiles(image.shape[1], image.shape[0]):
            yield tile, tile.of(image)

    def detect(
        self, image: NDArray[Any], detector: Callable[[NDArray[Any]], Detections]
    ) -> Detections:
        """Run `detector` on every tile of `image` and merge what it finds."""
        parts = [(tile, detector(view)) for tile, view in self.slices(image)]
        return self.merge(parts, width=image.shape[1], height=image.shape[0])

    def merge(
        self, parts: Sequence[tuple[Tile, Detections]], *, width: int, height: int
    ) -> Detections:
        """What all tiles found, in pixels of the whole picture (`width` x `height`)."""
        placed = [_placed(found, tile, (height, width)) for tile, found in parts]
        together = Detections.concat(placed)
        if len(together) < 2:
            return together
        tile_at = np.repeat(np.arange(len(parts)), [len(p) for p in placed])
        cut = np.concatenate(
            [
                _cut(p, tile, width, height, self._edge_px)
                for (tile, _), p in zip(parts, placed, strict=True)
            ]
        )
        # Whole boxes lead; of those, and of the pieces, the better score.
        order = np.lexsort((-together.score, cut.any(axis=1)))
        groups = self._groups(together, tile_at, cut, order)
        return Detections.concat([_joined(together[g], bool(cut[g[0]].any())) for g in groups])

    def _groups(
        self, found: Detections, tile_at: NDArray[np.int64], cut: Bools, order: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        """Rows that are one object: the leader, and what other tiles saw of it."""
        free = np.ones(len(found), bool)
        pieces: Bools = np.asarray(cut.any(axis=1))
        groups = []
        for best in order.tolist():
            if not free[best]:
                continue
            free[best] = False
            members = [best]
            grown = True
            while grown:
                near = self._near(found, members, pieces)
                near &= free & (found.class_id == found.class_id[best])
                near &= ~np.isin(tile_at, tile_at[members])
                grown = bool(near.any()) and bool(pieces[best])
                free &= ~near
                members += order[near[order]].tolist()
            groups.append(np.array(members))
        return groups

    def _near(self, found: Detections, members: list[int], pieces: Bools) -> Bools:
        """What overlaps the members' hull enough: as the same box, or as a piece of it."""
        around = hull(found.xyxy[members])[None]
        near: Bools = iou(around, found.xyxy)[0] > self._min_overlap
        near |= (ios(around, found.xyxy)[0] > self._min_overlap) & pieces
        if pieces[members[0]]:
            near |= self._continues(found.xyxy, around[0], pieces)
        return near

    def _continues(
        self, boxes: NDArray[np.float32], piece: NDArray[np.float32], pieces: Bools
    ) -> Bools:
        """Pieces that touch the piece and are as wide (or high): an object longer than a tile."""
        shared = np.minimum(boxes[:, 2:], piece[2:]) - np.maximum(boxes[:, :2], piece[:2])
        longest = np.maximum(boxes[:, 2:] - boxes[:, :2], piece[2:] - piece[:2])
        alike = shared > 0.7 * longest
        touches = shared >= -2 * self._edge_px
        continues: Bools = pieces & (alike & touches[:, ::-1]).any(axis=1)
        return continues


def _starts(whole: int, size: int, overlap: float) -> list[int]:
    if whole < 1:
        raise VisionError(f"picture: a side of {whole} pixels cannot be tiled")
    if whole <= size:
        return [0]
    n = 1 + int(np.ceil((whole - size) / max(1, size * (1 - overlap))))
    return [round(i * (whole - size) / (n - 1)) for i in range(n)]


def _placed(found: Detections, tile: Tile, size: tuple[int, int]) -> Detections:
    moved = found.moved(tile.x1, tile.y1)
    if found.mask is None:
        return moved
    masks = shifted(as_rle(found.mask), tile.x1, tile.y1, size)
    return Detections(moved.xyxy, moved.score, moved.class_id, masks, moved.keypoints)


def _cut(found: Detections, tile: Tile, width: int, height: int, edge_px: float) -> Bools:
    """Which sides of each box lie at a seam (n, 4); the picture's own border is none."""
    box = found.xyxy
    seams = (tile.x1 > 0, tile.y1 > 0, tile.x2 < width, tile.y2 < height)
    gaps = (box[:, 0] - tile.x1, box[:, 1] - tile.y1, tile.x2 - box[:, 2], tile.y2 - box[:, 3])
    sides = [
        np.full(len(box), seam) & (gap <= edge_px) for seam, gap in zip(seams, gaps, strict=True)
    ]
    return np.stack(sides, axis=1)


def _joined(group: Detections, pieces: bool) -> Detections:
    """One detection: the leader as it is if it is whole, else the hull and union of all pieces."""
    leader = group[0]
    if len(group) == 1 or not pieces:
        return leader
    mask = None if group.mask is None else _union(as_rle(group.mask))
    score = group.score.max(keepdims=True)
    return Detections(hull(group.xyxy)[None], score, leader.class_id, mask, leader.keypoints)


def _union(masks: RleMasks) -> RleMasks:
    together: Bools = np.any(masks.dense(), axis=0, keepdims=True)
    return as_rle(together)
