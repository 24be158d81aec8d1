"""Which pictures look alike: newcomers among themselves, with what is there, across splits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from viseon.overlap import cores
from viseon.ports import Records
from viseon.schema import Dataset, Digest, Split
from viseon.vision.phash import VIEWS, WORDS, by_blocks, look_alikes, near

NEAREST = 24
"""Bits up to which the nearest pair across splits is looked for."""

Look = tuple[Digest, Split, bytes]
"""A file, where it is, and its perceptual hash."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A newcomer and the file of one split that looks most like it."""

    fresh: Digest
    split: Split
    other: Digest
    bits: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """What comparing the newcomers of a commit with each other and with its dataset showed."""

    fresh: Mapping[Digest, bytes]
    alike: Sequence[tuple[Digest, Digest]]
    """Newcomers that look alike: chains of them are groups."""
    there: Sequence[Look]
    likest: Sequence[Pair]
    """For each newcomer the most alike of each split, up to `NEAREST` bits or the threshold."""


def compared(records: Records, dataset: Dataset, digests: Iterable[Digest]) -> Likeness:
    """Compare newcomers that were looked at."""
    threshold = dataset.near or 0
    fresh = dict(sorted(records.kinship.looks(digests).items()))
    if not fresh:
        return Likeness({}, (), (), ())
    names, hashes = list(fresh), _stacked(fresh.values())
    label, _ = look_alikes(hashes, threshold=threshold, threads=cores())
    alike = [(names[a], names[b]) for b, a in enumerate(label.tolist()) if a != b]
    there = records.kinship.looks_of(dataset.name, dataset.head) if dataset.head else []
    likest = list(_likest(names, hashes, there, max(NEAREST, threshold))) if there else []
    return Likeness(fresh, alike, there, likest)


def nearest(
    looks: Sequence[Look],
    others: Sequence[Look],
    *,
    threshold: int | None,
    below: int | None = None,
) -> tuple[int, int, int] | None:
    """(i, j, bits) of the most alike pair of `looks[i]` and `others[j]` in different splits.

    Pairs further apart than `NEAREST` bits, or than the dataset's threshold, are not looked for,
    nor those that are not nearer than `below`.
    """
    if not looks or not others:
        return None
    best: tuple[int, int, int] | None = None
    limit = max(NEAREST, threshold or 0) if below is None else below - 1
    left, right = _split_numbers(looks), _split_numbers(others)
    both = looks is not others

    def compare(some: Hashes, all: Hashes) -> NDArray[np.int64]:
        return near(some, all, threshold=max(limit, 0), both=both)  # nearer and nearer ones

    hashes = _stacked(hash for _, _, hash in looks)
    of = hashes if looks is others else _stacked(hash for _, _, hash in others)
    for _, found in by_blocks(compare, hashes, of, threads=cores()):
        rows = found[left[found[:, 0]] != right[found[:, 1]]]
        if len(rows) and rows[:, 2].min() <= limit:
            i, j, bits = rows[rows[:, 2].argmin()]
            best = (int(i), int(j), int(bits))
            limit = int(bits) - 1
    return best


def _likest(
    names: Sequence[Digest], fresh: Hashes, there: Sequence[Look], threshold: int
) -> Iterator[Pair]:
    old = _stacked(hash for _, _, hash in there)
    splits = np.array([split for _, split, _ in there])
    compare = partial(near, threshold=threshold)
    for _, rows in by_blocks(compare, fresh, old, threads=cores()):
        for split in np.unique(splits[rows[:, 1]]):
            own = rows[splits[rows[:, 1]] == split]
            own = own[np.lexsort((own[:, 2], own[:, 0]))]
            _, first = np.unique(own[:, 0], return_index=True)
            for i, j, bits in own[first].tolist():
                yield Pair(names[i], there[j][1], there[j][0], bits)


def _split_numbers(looks: Sequence[Look]) -> NDArray[np.int64]:
    number = {"train": 0, "val": 1, "test": 2}
    return np.array([number[split] for _, split, _ in looks], np.int64)


def _stacked(hashes: Iterable[bytes]) -> Hashes:
    data = b"".join(hashes)
    return np.frombuffer(data, "<u8").astype(np.uint64).reshape(-1, VIEWS, WORDS)
