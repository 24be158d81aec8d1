"""Is a version still what its fingerprint and its certificate say? Nothing is taken on trust."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from viseon.datasets import manifest
from viseon.datasets.freeze import look_at, written
from viseon.datasets.groups import Newcomer, nearest
from viseon.ports import BlobStore, Images, Records
from viseon.schema import (
    Annotation,
    Certificate,
    Digest,
    Noun,
    Sample,
    Split,
    Version,
    ViseonError,
    digest_of,
)

BATCH = 1000


class Verification(Noun):
    """Whether a version is whole, and the first thing that is not."""

    ok: bool
    version: str
    fingerprint: Digest
    samples: int
    problem: str = ""
    """The first thing that differs; empty when all is well."""
    where: Literal["", "manifest", "certificate", "bytes", "labels", "leakage"] = ""


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


Where = Literal["", "manifest", "certificate", "bytes", "labels", "leakage"]


def _problems(
    records: Records,
    version: Version,
    certificate: Certificate | None,
    blobs: BlobStore,
    images: Images | None,
) -> Iterator[tuple[Where, str]]:
    found = manifest.fingerprint(written(records, version, version.number))
    if found != version.fingerprint:
        yield "manifest", f"the manifest's SHA-256 is {found}, not {version.fingerprint}"
    if version.certificate is not None:
        yield from (("certificate", p) for p in _certified(version, certificate))
    if certificate is not None:
        balance = records.kinship.balance(version.dataset, version.number)
        if balance != certificate.balance:
            yield "certificate", f"classes are spread as {balance}, not {certificate.balance}"
        counts = records.samples.count(version.dataset, version=version.number)
        if counts != version.splits:
            yield "certificate", f"the splits hold {counts}, not {version.splits}"
    samples = list(records.samples.rows(version.dataset, version=version.number))
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


def _whole(sample: Sample, blobs: BlobStore) -> Iterator[str]:
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
    samples: list[Sample],
    certificate: Certificate | None,
    blobs: BlobStore,
    images: Images | None,
) -> Iterator[str]:
    """Pairs that the certificate's rules forbid; needs the samples and their bytes alone."""
    yield from _shared(samples)
    near = certificate.near if certificate else None
    if near is None or images is None or certificate is None:
        return
    splits: dict[Digest, Split] = {s.digest: s.split for s in samples if s.split}
    looks = look_at(blobs, images, sorted(splits))
    seen = [(digest, splits[digest], hash) for digest, hash in looks.items() if hash]
    closest = nearest(seen, seen)
    if closest is None:
        return
    i, j, bits = closest
    pair = f"{seen[i][0][:12]}… in {seen[i][1]} and {seen[j][0][:12]}… in {seen[j][1]}"
    if bits <= near:
        yield f"{pair} look the same: only {bits} of 128 bits differ"
    elif certificate.nearest is None or bits < certificate.nearest.bits:
        stated = certificate.nearest.bits if certificate.nearest else "none"
        yield f"{pair} are {bits} bits apart; the certificate's nearest pair is {stated}"


def _shared(samples: list[Sample]) -> Iterator[str]:
    """Bytes or sessions that are in two splits."""
    homes: dict[str, dict[Split, str]] = defaultdict(dict)
    for sample in samples:
        if sample.split is None:
            yield f"{sample.filename}: it has no split"
            continue
        newcomer = Newcomer.of(sample)
        for name in (f"bytes:{sample.digest[:12]}…", newcomer.session):
            if name:
                homes[name].setdefault(sample.split, sample.filename)
    for name, there in homes.items():
        if len(there) > 1:
            places = " and ".join(f"{f} in {s}" for s, f in sorted(there.items()))
            yield f"{name.replace(':', ' ', 1)} is in two splits: {places}"


def _said(version: Version, problem: str = "", where: Where = "") -> Verification:
    return Verification(
        ok=not problem,
        version=version.ref,
        fingerprint=version.fingerprint,
        samples=version.samples,
        problem=problem,
        where=where,
    )
