"""Which newcomers belong together, and which belong to what is already there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from viseon.datasets.likeness import Likeness
from viseon.ports import Records
from viseon.ports.kinship import Home
from viseon.schema import Dataset, Digest, Sample, Split


@dataclass(frozen=True, slots=True)
class Newcomer:
    """As much of a pending sample as decides its split."""

    filename: str
    digest: Digest
    asked: Split | None
    annotation: Digest | None
    session: str | None
    camera: str | None
    at_us: int | None

    @classmethod
    def of(cls, sample: Sample) -> "Newcomer":
        """From a sample: `session` or `video`, or `camera_id` with `captured_at`, say a session."""
        data = sample.metadata
        named = next((f"{k}:{data[k]}" for k in ("session", "video") if data.get(k)), None)
        at = _moment(data.get("captured_at"))
        camera = f"camera:{data['camera_id']}" if data.get("camera_id") and at else None
        return cls(
            sample.filename, sample.digest, sample.split, sample.annotation, named, camera, at
        )

    @property
    def homes(self) -> Iterator[Home]:
        """What will be remembered about it."""
        if self.session:
            yield self.session, 0
        if self.camera and self.at_us is not None:
            yield self.camera, self.at_us


_UNCLAIMED: Mapping[Split, str] = MappingProxyType({})


@dataclass(slots=True)
class Group:
    """Newcomers that must share a split, and the splits that claim them, each with a reason."""

    members: list[Newcomer] = field(default_factory=list)
    claims: Mapping[Split, str] = field(default_factory=lambda: _UNCLAIMED)


def groups(
    records: Records,
    dataset: Dataset,
    newcomers: Sequence[Newcomer],
    likeness: Likeness | None = None,
) -> list[Group]:
    """Join newcomers with equal bytes, of one session, or that look alike; note who claims them."""
    chains = _Chains(len(newcomers))
    claims: list[tuple[int, Split, str]] = []
    _by_bytes(records, dataset, newcomers, chains, claims)
    _by_session(records, dataset, newcomers, chains, claims)
    _by_camera(records, dataset, newcomers, chains, claims)
    if likeness is not None:
        _by_look(likeness, dataset.near or 0, newcomers, chains, claims)
    found: dict[int, Group] = {}
    for index, newcomer in enumerate(newcomers):
        found.setdefault(chains.root(index), Group()).members.append(newcomer)
    for index, split, why in claims:
        group = found[chains.root(index)]
        group.claims = {split: why, **group.claims}
    return list(found.values())


class _Chains:
    """Disjoint sets (Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", 1975)."""

    def __init__(self, count: int) -> None:
        self._up = list(range(count))

    def root(self, i: int) -> int:
        while self._up[i] != i:
            self._up[i] = self._up[self._up[i]]
            i = self._up[i]
        return i

    def join(self, i: int, j: int) -> None:
        low, high = sorted((self.root(i), self.root(j)))
        self._up[high] = low


_Claims = list[tuple[int, Split, str]]


def _by_bytes(
    records: Records,
    dataset: Dataset,
    newcomers: Sequence[Newcomer],
    chains: _Chains,
    claims: _Claims,
) -> None:
    first: dict[Digest, int] = {}
    for index, newcomer in enumerate(newcomers):
        chains.join(first.setdefault(newcomer.digest, index), index)
    for digest, split in records.samples.homes(dataset.name, first).items():
        claims.append((first[digest], split, f"the same bytes are in {split}"))


def _by_session(
    records: Records,
    dataset: Dataset,
    newcomers: Sequence[Newcomer],
    chains: _Chains,
    claims: _Claims,
) -> None:
    sessions: dict[str, int] = {}
    for index, newcomer in enumerate(newcomers):
        if newcomer.session:
            chains.join(sessions.setdefault(newcomer.session, index), index)
    for key, index in sessions.items():
        for split in records.kinship.settled(dataset.name, key, 0, 0).values():
            claims.append((index, split, f"{key.replace(':', ' ', 1)} is in {split}"))


def _by_camera(
    records: Records,
    dataset: Dataset,
    newcomers: Sequence[Newcomer],
    chains: _Chains,
    claims: _Claims,
) -> None:
    cameras: dict[str, list[tuple[int, int]]] = {}
    for index, newcomer in enumerate(newcomers):
        if newcomer.camera and newcomer.at_us is not None:
            cameras.setdefault(newcomer.camera, []).append((newcomer.at_us, index))
    gap = int(dataset.gap_s * 1e6)
    for camera, moments in cameras.items():
        moments.sort()
        for (before, i), (after, j) in pairwise(moments):
            if after - before <= gap:
                chains.join(i, j)
        known = records.kinship.settled(
            dataset.name, camera, moments[0][0] - gap, moments[-1][0] + gap
        )
        claims += _neighbours(moments, known, gap, camera)


def _neighbours(
    moments: list[tuple[int, int]], known: Mapping[int, Split], gap: int, camera: str
) -> Iterator[tuple[int, Split, str]]:
    times = np.array(sorted(known), np.int64)
    for at, index in moments:
        low, high = np.searchsorted(times, [at - gap, at + gap + 1])
        for moment in times[low:high]:
            split = known[int(moment)]
            name = camera.replace(":", " ", 1)
            yield index, split, f"{name} {abs(int(moment) - at) / 1e6:g} s apart is in {split}"


def _by_look(
    likeness: Likeness,
    threshold: int,
    newcomers: Sequence[Newcomer],
    chains: _Chains,
    claims: _Claims,
) -> None:
    index_of = {n.digest: i for i, n in reversed(list(enumerate(newcomers)))}
    for one, other in likeness.alike:
        chains.join(index_of[one], index_of[other])
    for pair in likeness.likest:
        if pair.bits <= threshold:
            what = f"{pair.other[:12]}… in {pair.split}"
            why = f"{what} looks the same ({pair.bits} of 128 bits differ)"
            claims.append((index_of[pair.fresh], pair.split, why))


def _moment(value: Any) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time or a number of seconds."""
    try:
        seconds = (
            value if isinstance(value, int | float) else datetime.fromisoformat(value).timestamp()
        )
        return int(seconds * 1e6)
    except (TypeError, ValueError, OverflowError):
        return None
