"""Masks of objects, dense or run-length encoded as COCO does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import BadDetections

Bools = NDArray[np.bool_]
Runs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RleMasks:
    """Masks of one frame as runs: `runs[i]` counts pixels column by column, zeros first.

    `size` is (height, width). Indexes like an array of masks; `dense` gives (n, H, W) bool.
    """

    runs: tuple[Runs, ...]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        pixels = self.size[0] * self.size[1]
        for i, run in enumerate(self.runs):
            if int(run.sum()) != pixels or (run < 0).any():
                raise BadDetections(
                    f"mask: the runs of mask {i} cover {int(run.sum())} of {pixels} pixels"
                )

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, rows: Any) -> "RleMasks":
        chosen = np.arange(len(self.runs))[rows]
        return RleMasks(tuple(self.runs[i] for i in np.atleast_1d(chosen).tolist()), self.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        if copy is False:
            raise ValueError("copy: run-length masks cannot become an array without a copy")
        return self.dense() if dtype is None else self.dense().astype(dtype)

    def joined(self, others: Sequence["RleMasks"]) -> "RleMasks":
        """These masks and the others', which must have the same frame size."""
        if any(other.size != self.size for other in others):
            raise BadDetections("mask: frames of different sizes cannot be joined")
        runs = [*self.runs, *(run for other in others for run in other.runs)]
        return RleMasks(tuple(runs), self.size)

    def dense(self) -> Bools:
        """The masks as (n, H, W) bool."""
        return decode(self)

    @property
    def area(self) -> Runs:
        """Pixels of each mask (n,)."""
        return np.array([int(run[1::2].sum()) for run in self.runs], np.int64)


def encode(mask: Bools) -> RleMasks:
    """Run-length encode masks (n, H, W)."""
    dense = np.asarray(mask, bool)
    if dense.ndim != 3:
        raise BadDetections(f"mask: shape {dense.shape}, expected (n, H, W)")
    n, height, width = dense.shape
    columns = dense.transpose(0, 2, 1).reshape(n, height * width)
    return RleMasks(tuple(_runs(flat) for flat in columns), (height, width))


def decode(masks: RleMasks) -> Bools:
    """Dense masks (n, H, W) of run-length ones."""
    height, width = masks.size
    dense = np.zeros((len(masks), width, height), bool)
    for i, run in enumerate(masks.runs):
        values = np.arange(len(run)) % 2 == 1
        dense[i] = np.repeat(values, run).reshape(width, height)
    return np.ascontiguousarray(dense.transpose(0, 2, 1))


def _runs(flat: Bools) -> Runs:
    if not len(flat):
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [len(flat)]])
    runs = np.diff(bounds)
    return np.concatenate([[0], runs]) if flat[0] else runs


def as_rle(mask: "Bools | RleMasks") -> RleMasks:
    """The masks run-length encoded, whatever they were."""
    return mask if isinstance(mask, RleMasks) else encode(mask)


def rle_iou(a: RleMasks, b: RleMasks, *, crowd: Bools | None = None) -> NDArray[np.float64]:
    """Overlap of mask i of `a` with mask i of `b` (n,): shared pixels over their union.

    Where `crowd` is set, over the area of `a`. Works on the runs; nothing is decoded.
    """
    if a.size != b.size:
        raise BadDetections(f"mask: frames of {a.size} and {b.size} cannot be compared")
    shared = np.zeros(len(a))
    cover: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for i, (first, second) in enumerate(zip(a.runs, b.runs, strict=True)):
        if id(second) not in cover:
            cover[id(second)] = _cover(second)
        edges = np.cumsum(first)
        within = np.interp(edges, *cover[id(second)])
        shared[i] = (within[1::2] - within[0 : len(edges) - 1 : 2][: len(within[1::2])]).sum()
    area_a, area_b = a.area, b.area
    union = area_a + area_b - shared
    whole = union if crowd is None else np.where(crowd, area_a, union)
    return np.where(whole > 0, shared / np.maximum(whole, 1), 0.0)


def mask_iou(a: "Bools | RleMasks", b: "Bools | RleMasks") -> NDArray[np.float64]:
    """Intersection over union of every mask in `a` with every mask in `b` → (n, m)."""
    first, second = as_rle(a), as_rle(b)
    rows, cols = np.divmod(np.arange(len(first) * len(second)), max(1, len(second)))
    return rle_iou(first[rows], second[cols]).reshape(len(first), len(second))


def mask_boxes(mask: "Bools | RleMasks") -> NDArray[np.float32]:
    """The tight box around each mask (n, 4), corners at pixel edges; zeros for an empty mask."""
    masks = as_rle(mask)
    boxes = np.zeros((len(masks), 4), np.float32)
    height = masks.size[0]
    for i, run in enumerate(masks.runs):
        edges = np.cumsum(run)
        start, end = edges[0 : len(run) - 1 : 2], edges[1::2]
        start, end = start[end > start], end[end > start]
        if not len(start):
            continue
        across = start // height, (end - 1) // height
        several = (across[0] != across[1]).any()
        top = 0 if several else int((start % height).min())
        bottom = height if several else int(((end - 1) % height).max()) + 1
        boxes[i] = across[0].min(), top, across[1].max() + 1, bottom
    return boxes


def _cover(run: Runs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many pixels of a mask lie before each of its edges; in between it is linear."""
    edges = np.concatenate([[0], np.cumsum(run)])
    ones = run.copy()
    ones[0::2] = 0
    return edges, np.concatenate([[0], np.cumsum(ones)])


def shifted(masks: RleMasks, dx: int, dy: int, size: tuple[int, int]) -> RleMasks:
    """The masks moved by whole pixels onto a canvas of `size` (height, width); the rest is cut."""
    height, width = masks.size
    y1, x1 = max(0, dy), max(0, dx)
    y2, x2 = min(size[0], dy + height), min(size[1], dx + width)
    placed = []
    for i in range(len(masks)):
        canvas = np.zeros((1, *size), bool)
        if y2 > y1 and x2 > x1:
            part = masks[i].dense()[0, y1 - dy : y2 - dy, x1 - dx : x2 - dx]
            canvas[0, y1:y2, x1:x2] = part
        placed.append(encode(canvas).runs[0])
    return RleMasks(tuple(placed), size)


def to_coco_rle(masks: RleMasks) -> list[dict[str, Any]]:
    """COCO's compressed form: `size` and `counts` as text, six bits a character.

    Runs from the third on are differences to the run two before; each is cut into groups of five
    bits, lowest first, the sixth bit saying that more follow (the cocoapi's rleToString).
    """
    return [{"size": list(masks.size), "counts": _packed(run)} for run in masks.runs]


def from_coco_rle(rows: Sequence[Any]) -> RleMasks:
    """Masks from COCO's compressed (`counts` is text) or plain (`counts` is a list) form."""
    if not rows:
        return RleMasks((), (0, 0))
    sizes = {tuple(row["size"]) for row in rows}
    if len(sizes) != 1:
        raise BadDetections(f"mask: sizes {sorted(sizes)} in one image")
    runs = []
    for row in rows:
        counts = row["counts"]
        if isinstance(counts, bytes):
            counts = counts.decode("ascii")
        plain = _unpacked(counts) if isinstance(counts, str) else list(counts)
        runs.append(np.array(plain, np.int64))
    height, width = sizes.pop()
    return RleMasks(tuple(runs), (int(height), int(width)))


def _packed(run: Runs) -> str:
    values = run.copy()
    values[3:] -= run[1:-2]
    text = []
    for value in values.tolist():
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != -1 if bits & 0x10 else value != 0
            text.append(chr((bits | 0x20 if more else bits) + 48))
    return "".join(text)


def _unpacked(text: str) -> list[int]:
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise BadDetections("mask: counts end in the middle of a number")
    return counts
