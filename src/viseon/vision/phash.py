"""Perceptual hashes: pictures that look alike have hashes that differ in few bits.

The hash is the sign pattern of low DCT frequencies around their median (Zauner, "Implementation
and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2), taken of the whole
picture and of 18 windows of 95 % and 90 % of its sides. Frequencies move little under
re-encoding, resizing, blur, brightness and contrast; a crop is found because the whole of the
copy looks like a window of the original.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

BITS = 128
WORDS = BITS // 64
VIEWS = 19
"""The whole picture, then nine windows of 95 % and nine of 90 % of each side."""

NEAR = 26
"""Of 128 bits: between what copies and what strangers measure (`tests/property/test_phash.py`)."""

BLANK = 2.0
"""Grey levels: a picture whose standard deviation is below this shows nothing to compare."""

Hash = NDArray[np.uint64]
"""VIEWS x WORDS; all zero for a blank picture. `hash.tobytes()` is its storable form."""

_SIDE = 128
_FINE = 32
_LOW = 16
_Rows = NDArray[np.int64]
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)
_RARE = 19
"""Thresholds up to which few strangers are as near in one word of 64 bits: 32 +- 4 differ there,
and any of `VIEWS` may be the near one."""
_BLOCK = 256
_MOST_PAIRS = 1 << 23
_FEW = 32
"""One in so many pairs: to look at chosen ones costs so many times more."""
_CHUNK = 1 << 18
"""Pairs compared at once: small enough for the processor's cache."""


def perceptual_hash(pixels: NDArray[np.uint8]) -> Hash:
    """The hash of a picture, BGR (height, width, 3) or grey (height, width).

    Any size; one decoded at a fraction of its size hashes alike and faster.
    """
    small = _shrunk(pixels)
    if float(small.std()) < BLANK:
        return np.zeros((VIEWS, WORDS), np.uint64)
    bases, views = _bases()
    spectrum = bases @ small @ bases.T
    rows, columns = _order()
    low = np.stack([spectrum[y + rows, x + columns] for y, x in views])
    return _packed(low > np.median(low, axis=1, keepdims=True))


def is_blank(hash: Hash) -> bool:
    """Whether there was nothing to see; blank pictures are near nothing."""
    return not hash.any()


def distance(a: Hash, b: Hash) -> int:
    """Bits by which they differ, 0 to 128, at the best window of either in the other."""
    if is_blank(a) or is_blank(b):
        return BITS
    return int(min(_bits(a[0], b).min(), _bits(b[0], a).min()))


def near(
    hashes: NDArray[np.uint64],
    others: NDArray[np.uint64],
    *,
    threshold: int = NEAR,
    both: bool = True,
) -> NDArray[np.int64]:
    """Rows `(i, j, distance)` for each `hashes[i]` and `others[j]` at most `threshold` apart.

    Both are (n, VIEWS, WORDS). All pairs are compared: 300 with 10,000 take 0.3 s on one core.
    Without `both`, only each of `hashes` as a whole is looked for in the others: enough, at half
    the time, where each pair comes up from either side.
    """
    rows = _one_way(hashes[:, 0], others, threshold)
    if both:
        rows = np.concatenate([rows, _one_way(others[:, 0], hashes, threshold)[:, [1, 0, 2]]])
    rows = rows[~(_blank(hashes)[rows[:, 0]] | _blank(others)[rows[:, 1]])]
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    return rows[first]


def look_alikes(
    hashes: NDArray[np.uint64],
    *,
    threshold: int = NEAR,
    threads: int = 1,
    say: Callable[[float], None] = lambda _: None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Groups of one (n, VIEWS, WORDS) set, joined by chains of pairs at most `threshold` apart.

    For each picture the smallest index of its group, (n,), and bits that no such pair of the group
    exceeds, (n,); those that are alone have -1. However many pairs there are, memory stays small:
    a camera that sees nothing all night makes millions. `say` hears how much is done, 0 to 1.
    """
    up = np.arange(len(hashes))
    worst = np.full(len(hashes), -1)
    whole = partial(near, threshold=threshold, both=False)
    for stop, found in by_blocks(whole, hashes, hashes, threads=threads):
        rows = found[found[:, 0] != found[:, 1]]
        for own in np.split(rows, np.flatnonzero(np.diff(rows[:, 0])) + 1) if len(rows) else ():
            i = int(own[0, 0])
            worst[i] = own[:, 2].max()
            roots = np.unique(_roots(up, np.append(own[:, 1], i)))
            up[roots] = roots[0]
        say(stop / len(hashes))
    label = _roots(up, np.arange(len(hashes)))
    most = np.full(len(hashes), -1)
    np.maximum.at(most, label, worst)
    return label, most[label]


def by_blocks(
    compare: Callable[[NDArray[np.uint64], NDArray[np.uint64]], _Rows],
    hashes: NDArray[np.uint64],
    others: NDArray[np.uint64],
    *,
    threads: int = 1,
) -> Iterator[tuple[int, _Rows]]:
    """What `compare`, such as `near`, finds: (how many of `hashes` are done, rows), part by part.

    So many at a time that their pairs fit into memory; several parts at once, handed on in order.
    """
    count = len(hashes)
    step = min(_BLOCK, -(-count // threads), _MOST_PAIRS // max(1, len(others) * threads))
    step = max(1, step)
    waiting: deque[tuple[int, Future[_Rows]]] = deque()
    with ThreadPoolExecutor(threads) as pool:  # NumPy lets go of Python's lock
        for start in range(0, count, step):
            waiting.append((start, pool.submit(compare, hashes[start : start + step], others)))
            if len(waiting) > threads:
                yield _done(*waiting.popleft(), step, count)
        while waiting:
            yield _done(*waiting.popleft(), step, count)


def _done(start: int, found: Future[_Rows], step: int, count: int) -> tuple[int, _Rows]:
    return min(start + step, count), found.result() + (start, 0, 0)


def _roots(up: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The end of the chain that each begins; walked chains are short afterwards."""
    found = up[of]
    while True:
        further = up[found]
        if np.array_equal(further, found):
            up[of] = found
            return found
        found = further


def _one_way(whole: NDArray[np.uint64], others: NDArray[np.uint64], threshold: int) -> _Rows:
    """Wholes (n, WORDS) against every view of `others`."""
    found = [np.empty((0, 3), np.int64)]
    words = [np.ascontiguousarray(others[..., 0].T)]
    step = max(1, _CHUNK // max(1, others.shape[0]))
    for start in range(0, len(whole), step):
        rows = whole[start : start + step, None, :]
        sifted = _sifted(rows, others, words[0], threshold) if threshold <= _RARE else None
        if sifted is not None:
            found.append(sifted + (start, 0, 0))
            continue
        words += [np.ascontiguousarray(others[..., word].T) for word in range(len(words), WORDS)]
        best = np.full((len(rows), len(others)), BITS, np.uint8)
        for view in range(VIEWS):
            count = np.bitwise_count(rows[..., 0] ^ words[0][view])
            for word in range(1, WORDS):
                count += np.bitwise_count(rows[..., word] ^ words[word][view])
            np.minimum(best, count, out=best)
        i, j = np.nonzero(best <= threshold)
        found.append(np.stack([i + start, j, best[i, j]], axis=1).astype(np.int64))
    return np.concatenate(found)


def _sifted(
    rows: NDArray[np.uint64], others: NDArray[np.uint64], words: NDArray[np.uint64], threshold: int
) -> _Rows | None:
    """As `_one_way`: first by one word alone, which few strangers pass, then those by all.

    None where so many pass that looking at all words of all pairs is quicker.
    """
    best = np.full((len(rows), len(others)), BITS, np.uint8)
    for view in range(VIEWS):
        np.minimum(best, np.bitwise_count(rows[..., 0] ^ words[view]), out=best)
    i, j = np.nonzero(best <= threshold)
    if len(i) > best.size // _FEW:
        return None
    found = [np.empty((0, 3), np.int64)]
    for part in range(0, len(i), _CHUNK // VIEWS):
        a, b = i[part : part + _CHUNK // VIEWS], j[part : part + _CHUNK // VIEWS]
        bits = np.bitwise_count(rows[a] ^ others[b]).sum(axis=2, dtype=np.uint8).min(axis=1)
        kept = bits <= threshold
        found.append(np.stack([a, b, bits], axis=1).astype(np.int64)[kept])
    return np.concatenate(found)


def _bits(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    count: NDArray[np.uint8] = np.bitwise_count(a[..., 0] ^ b[..., 0])
    for word in range(1, WORDS):
        count = count + np.bitwise_count(a[..., word] ^ b[..., word])
    return count


def _blank(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return np.asarray(~hashes.any(axis=(1, 2)), np.bool_)


def _packed(bits: NDArray[np.bool_]) -> Hash:
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey, `_SIDE` square, each value the mean of the area it covers."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(
            f"pixels: uint8 of shape (height, width) or (height, width, 3), "
            f"not {pixels.dtype} of shape {pixels.shape}"
        )
    grey = pixels.astype(np.float32) if pixels.ndim == 2 else pixels[..., :3] @ _LUMA  # noqa: PLR2004
    height, width = grey.shape
    return np.asarray(_area(height, _SIDE) @ grey @ _area(width, _SIDE).T, np.float32)


@lru_cache(maxsize=64)  # pictures of a dataset have few sizes
def _area(old: int, new: int, start: float = 0.0, end: float = 1.0) -> NDArray[np.float32]:
    """(new, old): the mean over each of `new` equal parts of a window given in fractions."""
    edges = old * (start + (end - start) * np.arange(new + 1) / new)
    cells = np.arange(old)
    share = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    covered = np.clip(share, 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


@cache
def _bases() -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """The low cosines of each one-dimensional window, stacked, and where each view begins."""
    waves = np.arange(_LOW)[:, None] * (2 * np.arange(_FINE) + 1)
    cosines = np.cos(np.pi * waves / (2 * _FINE))
    spans = [(0.0, 1.0)]
    spans += [(at, at + side) for side in (0.95, 0.9) for at in np.linspace(0, 1 - side, 3)]
    stacked = np.concatenate([cosines @ _area(_SIDE, _FINE, a, b) for a, b in spans])
    views = [(0, 0)]
    for first in (1, 4):
        places = range(first, first + 3)
        views += [(_LOW * y, _LOW * x) for y in places for x in places]
    return stacked.astype(np.float32), views


@cache
def _order() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lowest BITS frequencies without the mean, diagonal by diagonal."""
    low = sorted((y + x, y, x) for y in range(_LOW) for x in range(_LOW) if y + x)[:BITS]
    return np.array([y for _, y, _ in low]), np.array([x for _, _, x in low])
