"""Is a version still what its fingerprint and its certificate say? Nothing is taken on trust."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

from viseon.datasets import manifest
from viseon.datasets.freeze import Bytes, look_at, written
from viseon.datasets.groups import Newcomer
from viseon.datasets.likeness import nearest
from viseon.ports import BlobStore, Images, Records
from viseon.schema import (
    Annotation,
    Certificate,
    Digest,
    Noun,
    Sample,
    Split,
    Tombstone,
    Version,
    ViseonError,
    digest_of,
)

BATCH = 1000


Where = Literal["", "form", "manifest", "certificate", "bytes", "labels", "leakage", "strays"]
"""What is looked at, in this order. Only copies have a form that can be wrong, and strays: what
they hold and the version does not."""


class Verification(Noun):
    """Whether a version is whole, and the first thing that is not."""

    ok: bool
    version: str
    fingerprint: Digest
    samples: int
    erased: int = 0
    """How many of them are tombstones: their bytes are gone, on purpose and on record."""
    certificate: Digest | None = None
    """Of the certificate that was read; None where there is none."""
    problem: str = ""
    """The first thing that differs; empty when all is well."""
    where: Where = ""


def verify(
    records: Records,
    version: Version,
    certificate: Certificate | None,
    blobs: BlobStore,
    images: Images | None,
) -> Verification:
    """Read everything again: manifest, certificate, bytes, labels, then who resembles whom."""
    for where, problem in _problems(records, version, certificate, blobs, images):
        return _said(version, problem, where)
    return _said(version)


def _problems(
    records: Records,
    version: Version,
    certificate: Certificate | None,
    blobs: BlobStore,
    images: Images | None,
) -> Iterator[tuple[Where, str]]:
    found = manifest.fingerprint(written(records, version, version.number))
    if found != version.manifest:
        yield "manifest", f"the manifest's SHA-256 is {found}, not {version.manifest}"
    if version.certificate is not None:
        yield from (("certificate", p) for p in _certified(version, certificate))
    if certificate is not None:
        balance = records.kinship.balance(version.dataset, version.number)
        if balance != certificate.balance and not version.erased:
            yield "certificate", f"classes are spread as {balance}, not {certificate.balance}"
        counts = records.samples.count(version.dataset, version=version.number)
        if counts != version.splits:
            yield "certificate", f"the splits hold {counts}, not {version.splits}"
    samples = list(records.samples.rows(version.dataset, version=version.number))
    yield from (("manifest", p) for p in _tombstones(records, version, samples))
    for sample in samples:
        yield from (("bytes", p) for p in _whole(sample, blobs))
    yield from (("labels", p) for p in _labels(records, samples))
    yield from (("leakage", p) for p in leaks(samples, certificate, blobs, images))


def _certified(version: Version, certificate: Certificate | None) -> Iterator[str]:
    if certificate is None:
        yield "the certificate is gone"
    elif certificate.digest != version.certificate:
        yield f"the certificate's SHA-256 is {certificate.digest}, not {version.certificate}"
    elif certificate.fingerprint != version.fingerprint:
        yield "the certificate speaks about another fingerprint"
    elif certificate.splits != version.splits:
        yield "the certificate speaks about other splits"


def _tombstones(records: Records, version: Version, samples: list[Sample]) -> Iterator[str]:
    """Whether everything that is said to be erased was erased by somebody."""
    erased = [s for s in samples if s.erased]
    if len(erased) != version.erased:
        yield f"{len(erased)} samples are tombstones, not {version.erased}"
    for sample in erased:
        if records.seek(Tombstone, sample.digest) is None:
            yield f"{sample.filename}: it is said to be erased, but nobody erased it"


def _whole(sample: Sample, blobs: BlobStore) -> Iterator[str]:
    if sample.erased:
        return
    try:
        blobs.get(sample.digest)
    except ViseonError as error:
        yield f"{sample.filename}: {error.message}"


def _labels(records: Records, samples: list[Sample]) -> Iterator[str]:
    labelled = [s for s in samples if s.annotation]
    for start in range(0, len(labelled), BATCH):
        batch = labelled[start : start + BATCH]
        try:
            found = records.samples.annotations({s.annotation for s in batch if s.annotation})
        except ViseonError as error:
            yield error.message
            return
        yield from (p for s in batch for p in _label(s, found))


def _label(sample: Sample, found: dict[Digest, Annotation]) -> Iterator[str]:
    annotation = found[sample.annotation or ""]
    if digest_of(annotation.content) != sample.annotation:
        yield f"{sample.filename}: its annotation is not the one with its digest"


def leaks(
    samples: Iterable[Sample],
    certificate: Certificate | None,
    blobs: Bytes,
    images: Images | None,
) -> Iterator[str]:
    """Pairs that the certificate's rules forbid; needs the samples and their bytes alone."""
    gap_s = certificate.gap_s if certificate else None
    splits: dict[Digest, Split] = {}
    yield from _shared(_noted(samples, splits), gap_s)
    near = certificate.near if certificate else None
    if near is None or images is None or certificate is None:
        return
    looks = look_at(blobs, images, sorted(splits))
    seen = [(digest, splits[digest], hash) for digest, hash in looks.items() if hash]
    closest = nearest(seen, seen, threshold=near)
    if closest is None:
        return
    i, j, bits = closest
    pair = f"{seen[i][0][:12]}… in {seen[i][1]} and {seen[j][0][:12]}… in {seen[j][1]}"
    if bits <= near:
        yield f"{pair} look the same: only {bits} of 128 bits differ"
    elif certificate.nearest is None or bits < certificate.nearest.bits:
        stated = certificate.nearest.bits if certificate.nearest else "none"
        yield f"{pair} are {bits} bits apart; the certificate's nearest pair is {stated}"


def _noted(samples: Iterable[Sample], splits: dict[Digest, Split]) -> Iterator[Sample]:
    for sample in samples:
        if sample.split:
            splits[sample.digest] = sample.split
        yield sample


def _shared(samples: Iterable[Sample], gap_s: float | None) -> Iterator[str]:
    """Bytes, sessions or moments of one camera that are in two splits."""
    homes: dict[str, dict[Split, str]] = defaultdict(dict)
    cameras: dict[str, list[tuple[int, Split, str]]] = defaultdict(list)
    for sample in samples:
        if sample.split is None:
            yield f"{sample.filename}: it has no split"
            continue
        newcomer = Newcomer.of(sample)
        homes[f"bytes:{sample.digest[:12]}…"].setdefault(sample.split, sample.filename)
        if newcomer.session:
            homes[newcomer.session].setdefault(sample.split, sample.filename)
        if newcomer.camera and newcomer.at_us is not None:
            moment = (newcomer.at_us, sample.split, sample.filename)
            cameras[newcomer.camera].append(moment)
    yield from _torn(homes)
    if gap_s is not None:
        yield from _close_in_time(cameras, gap_s)


def _torn(homes: Mapping[str, Mapping[Split, str]]) -> Iterator[str]:
    for name, there in homes.items():
        if len(there) > 1:
            places = " and ".join(f"{f} in {s}" for s, f in sorted(there.items()))
            yield f"{name.replace(':', ' ', 1)} is in two splits: {places}"


def _close_in_time(
    cameras: Mapping[str, list[tuple[int, Split, str]]], gap_s: float
) -> Iterator[str]:
    """Neighbours in time suffice: between any two too close, one step changes the split."""
    for camera, moments in cameras.items():
        for (before, one, first), (after, other, second) in pairwise(sorted(moments)):
            if one != other and after - before <= int(gap_s * 1e6):
                yield (
                    f"{camera.replace(':', ' ', 1)} is in two splits only "
                    f"{(after - before) / 1e6:g} s apart: {first} in {one} and {second} in {other}"
                )


def _said(version: Version, problem: str = "", where: Where = "") -> Verification:
    return Verification(
        ok=not problem,
        version=version.ref,
        fingerprint=version.fingerprint,
        samples=version.samples,
        erased=version.erased,
        certificate=version.certificate,
        problem=problem,
        where=where,
    )
