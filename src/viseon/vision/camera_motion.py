"""How the camera moved between two frames, from the pictures alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIDE = 256
_GRID = (3, 4)
_BLOCK = 64
_ROUNDS = 4


class CameraMotion:
    """Estimates the motion of the background by phase correlation of blocks.

    Kuglin and Hines 1975: the shift between two blocks is the peak of their normalised
    cross-spectrum. The picture is reduced to about 256 pixels, its overall shift is found first,
    then that of each block of a grid, and a similarity (shift, turn, zoom) is fitted to the blocks
    that agree, so that people walking through a few blocks do not move the camera. Blocks without
    texture are left out; a picture without any yields no motion.
    """

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._window = np.outer(np.hanning(_BLOCK), np.hanning(_BLOCK))

    def reset(self) -> None:
        """Forget the last frame."""
        self._last = None

    def update(self, image: NDArray[Any]) -> Floats:
        """The affine map (2, 3) from the last frame's pixels to this frame's; identity at first."""
        gray, step = _reduced(image)
        last, self._last = self._last, gray
        if last is None or last.shape != gray.shape or min(gray.shape) < _BLOCK:
            return np.eye(2, 3)
        whole, _ = _shift(_windowed(last), _windowed(gray))
        motion = self._fit(last, gray, np.round(whole[0]).astype(int))
        motion[:, 2] = _to_pixels(motion, step)
        return motion

    def _fit(self, last: Floats, gray: Floats, guess: NDArray[np.int64]) -> Floats:
        """A robust similarity from the blocks' shifts, in reduced pixels."""
        corners = _corners(gray.shape, guess)
        if not len(corners):
            return np.eye(2, 3)
        old = _blocks(last, corners)
        new = _blocks(gray, corners + guess[::-1])
        texture = old.std(axis=(1, 2)) > 2.0
        old, new, corners = old[texture], new[texture], corners[texture]
        if len(old) < 3:
            return np.eye(2, 3)
        moved, sure = _shift(_flat(old) * self._window, _flat(new) * self._window)
        start = corners[:, ::-1] + _BLOCK / 2 - 0.5
        return _similarity(start, start + guess + moved, sure)


def _reduced(image: NDArray[Any]) -> tuple[Floats, int]:
    """A grey picture whose long side is about 256 pixels, and by how much it was reduced."""
    step = max(1, round(max(image.shape[:2]) / _SIDE))
    height, width = image.shape[0] // step * step, image.shape[1] // step * step
    part = image[:height, :width]
    if part.ndim == 3:
        part = part[..., 1] if part.shape[2] > 1 else part[..., 0]
    # Two rows and columns of each cell stand for all: enough against aliasing, a tenth of the work.
    half = step // 2
    total = part[0::step, 0::step].astype(np.float64)
    for y, x in ((0, half), (half, 0), (half, half)):
        total += part[y::step, x::step]
    return total / 4, step


def _windowed(gray: Floats) -> Floats:
    window = np.outer(np.hanning(gray.shape[0]), np.hanning(gray.shape[1]))
    windowed: Floats = ((gray - gray.mean()) * window)[None]
    return windowed


def _flat(blocks: Floats) -> Floats:
    centred: Floats = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    return centred


def _shift(old: Floats, new: Floats) -> tuple[Floats, Floats]:
    """How far each block (n, h, w) moved as (n, 2) x, y, and how clear its peak is."""
    spectrum = np.fft.rfft2(new) * np.conj(np.fft.rfft2(old))
    spectrum /= np.maximum(np.abs(spectrum), 1e-9)
    height, width = old.shape[1:]
    response = np.fft.irfft2(spectrum, s=(height, width))
    peak = response.reshape(len(old), -1).argmax(axis=1)
    y, x = np.divmod(peak, width)
    at = np.arange(len(old))
    height_of = response[at, y, x]
    fine_x = _vertex(response[at, y, (x - 1) % width], height_of, response[at, y, (x + 1) % width])
    fine_y = _vertex(
        response[at, (y - 1) % height, x], height_of, response[at, (y + 1) % height, x]
    )
    dx = np.where(x > width // 2, x - width, x) + fine_x
    dy = np.where(y > height // 2, y - height, y) + fine_y
    return np.stack([dx, dy], axis=1), np.maximum(height_of, 0)


def _vertex(left: Floats, middle: Floats, right: Floats) -> Floats:
    """The offset of a peak between samples, in [-0.5, 0.5].

    Foroosh et al. 2002: of a shift by part of a pixel, the phase correlation leaves its weight on
    the two nearest samples in proportion.
    """
    side = np.where(right > left, right, left)
    sign = np.where(right > left, 1.0, -1.0)
    side = np.maximum(side, 0)
    share = side / np.maximum(side + middle, 1e-12)
    return np.where(share < 0.05, 0.0, sign * np.minimum(share, 0.5))


def _corners(shape: tuple[int, ...], guess: NDArray[np.int64]) -> NDArray[np.int64]:
    """Top left corners (n, 2) y, x of the blocks that lie in both frames."""
    low = np.maximum(0, -guess[::-1])
    high = np.minimum(shape, np.asarray(shape) - guess[::-1]) - _BLOCK
    if (high < low).any():
        return np.empty((0, 2), np.int64)
    y = np.linspace(low[0], high[0], _GRID[0])
    x = np.linspace(low[1], high[1], _GRID[1])
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.round(grid).astype(np.int64)


def _blocks(gray: Floats, corners: NDArray[np.int64]) -> Floats:
    views = np.lib.stride_tricks.sliding_window_view(gray, (_BLOCK, _BLOCK))
    return np.asarray(views[corners[:, 0], corners[:, 1]])


def _similarity(start: Floats, end: Floats, weight: Floats) -> Floats:
    """The weighted least-squares shift, turn and zoom, refitted without blocks that disagree."""
    motion = np.eye(2, 3)
    motion[:, 2] = np.median(end - start, axis=0)
    keep = np.ones(len(start), bool)
    for _ in range(_ROUNDS):
        error = np.hypot(*(end - start @ motion[:, :2].T - motion[:, 2]).T)
        keep = error <= max(0.75, 2.5 * float(np.median(error)))
        if keep.sum() < 3:
            return motion
        motion = _weighted(start[keep], end[keep], weight[keep])
    return motion


def _weighted(start: Floats, end: Floats, weight: Floats) -> Floats:
    share = (weight / max(float(weight.sum()), 1e-12))[:, None]
    if weight.sum() <= 0:
        share = np.full_like(share, 1 / len(share))
    a, b = start - (start * share).sum(axis=0), end - (end * share).sum(axis=0)
    norm = float((share * a * a).sum())
    dot = float((share * a * b).sum())
    cross = float((share[:, 0] * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum())
    turn = np.array([[dot, -cross], [cross, dot]]) / norm if norm > 0 else np.eye(2)
    shift = (end * share).sum(axis=0) - turn @ (start * share).sum(axis=0)
    return np.concatenate([turn, shift[:, None]], axis=1)


def _to_pixels(motion: Floats, step: int) -> Floats:
    """The shift in pixels of the frame: a reduced pixel stands for the middle of its cell."""
    middle = np.full(2, (step - 1) / 2)
    shift: Floats = motion[:, 2] * step + middle - motion[:, :2] @ middle
    return shift
