"""Is a copy of a version whole? Answered from the copy alone: no platform, no database."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, get_args

from pydantic import ValidationError

from viseon.datasets.freeze import Bytes
from viseon.datasets.manifest import Header, fingerprint, header_of
from viseon.datasets.verify import Verification, Where, leaks
from viseon.ports import Images
from viseon.schema import (
    Annotation,
    Certificate,
    Digest,
    Invalid,
    Sample,
    ViseonError,
    canonical_json,
    digest_of,
)

_STAGES: tuple[Where, ...] = get_args(Where)[1:]
"""In the order in which they are told."""

_CHUNK = 1 << 20


Tally = tuple[tuple[str, int], ...]
"""Class names and how many objects of each, sorted."""


class Copy(Bytes, Protocol):
    """A version outside of any store."""

    @property
    def name(self) -> str:
        """What to call it when it does not say itself."""
        ...

    def manifest(self) -> BinaryIO:
        """Its manifest, from the beginning."""
        ...

    def labels(self) -> BinaryIO:
        """The canonical JSON of each annotation on its own line."""
        ...

    def certificate(self) -> bytes | None:
        """The certificate's canonical JSON, where there is one."""
        ...

    def whole(self, sample: Sample) -> str:
        """What is wrong with a sample's bytes; nothing if they are as promised."""
        ...

    def strays(self) -> Iterator[str]:
        """What is there and belongs to no sample that `whole` was asked about."""
        ...


def verify_copy(copy: Copy, images: Images | None, *, expected: str = "") -> Verification:
    """Read everything in a copy and say the first thing that differs.

    `expected` is what the version is known by elsewhere: with it nothing has to be taken on
    trust. Where samples were erased that is the effective fingerprint. Without `images`
    look-alikes are not compared.
    """
    look = _Look(copy)
    look.at_everything(expected, images)
    first: Where = next((where for where in _STAGES if where in look.wrong), "")
    stated = look.certificate
    return Verification(
        ok=not first,
        version=f"{stated.dataset}@{stated.number}" if stated else copy.name,
        fingerprint=look.fingerprint,
        samples=sum(look.splits.values()),
        erased=look.erased,
        certificate=stated.digest if stated else None,
        problem=look.wrong.get(first, ""),
        where=first,
    )


@dataclass(slots=True)
class _Look:
    """What was seen so far, and the first thing wrong at each stage."""

    copy: Copy
    wrong: dict[Where, str] = field(default_factory=dict)
    fingerprint: Digest = ""
    certificate: Certificate | None = None
    erased: int = 0
    tallies: dict[Digest, Tally] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)
    balance: dict[str, Counter[str]] = field(default_factory=dict)

    def at_everything(self, expected: str, images: Images | None) -> None:
        self._certificate()
        self._labels()
        header = self._samples()
        if header is None:
            return
        if expected and self.fingerprint != expected:
            why = f": {self.erased} samples of it are erased" if self.erased else ""
            self._say(
                "manifest", f"the manifest's SHA-256 is {self.fingerprint}, not {expected}{why}"
            )
        self._agree(header)
        if not self.wrong:
            found = leaks(_read(self.copy), self.certificate, self.copy, images)
            for problem in found:
                self._say("leakage", problem)
                break

    def _say(self, where: Where, problem: str) -> None:
        self.wrong.setdefault(where, problem)

    def _certificate(self) -> None:
        data = self.copy.certificate()
        if data is None:
            return
        try:
            self.certificate = Certificate.model_validate_json(data)
        except ValidationError:
            self._say("certificate", "the certificate cannot be read")
            return
        if canonical_json(self.certificate) != data.rstrip(b"\n"):
            self._say("certificate", "the certificate is not canonical JSON")

    def _labels(self) -> None:
        known: dict[Tally, Tally] = {}  # a million annotations, few tallies
        with self.copy.labels() as file:
            for number, line in enumerate(file, 1):
                content = line.rstrip(b"\n")
                try:
                    annotation = Annotation.model_validate_json(content)
                except ValidationError:
                    self._say("labels", f"annotations, line {number}: it cannot be read")
                    continue
                if annotation.content != content:
                    self._say("labels", f"annotations, line {number}: it is not canonical JSON")
                counts = tuple(sorted(tally(annotation).items()))
                self.tallies[digest_of(content)] = known.setdefault(counts, counts)

    def _samples(self) -> Header | None:
        hasher = hashlib.sha256()
        used: set[Digest] = set()
        before = ""
        with self.copy.manifest() as file:
            self.fingerprint = fingerprint(iter(lambda: file.read(_CHUNK), b""))
            file.seek(0)
            try:
                header = header_of(file)
            except (Invalid, ValidationError) as error:
                problem = error.message if isinstance(error, Invalid) else "line 1 is no header"
                self._say("manifest", problem)
                return None
            hasher.update(canonical_json(header) + b"\n")
            for number, line in enumerate(file, 2):
                hasher.update(line)
                sample = self._sample(number, line)
                if sample is None:
                    continue
                if sample.filename <= before:
                    self._say("manifest", f"{sample.filename}: it is not in order, or there twice")
                before = sample.filename
                self._count(sample, used)
        if hasher.hexdigest() != self.fingerprint:
            self._say("manifest", "its header is not canonical JSON")
        for problem in self.copy.strays():
            self._say("strays", problem)
            break
        if spare := next(iter(self.tallies.keys() - used), None):
            self._say("strays", f"annotation {spare[:12]}… belongs to no sample")
        return header

    def _sample(self, number: int, line: bytes) -> Sample | None:
        try:
            sample = Sample.model_validate_json(line)
        except ValidationError as error:
            wrong = Invalid.because(error.errors()[0], where=f"manifest, line {number}: ")
            self._say("manifest", wrong.message)
            return None
        if sample.line.encode() + b"\n" != line:
            self._say("manifest", f"{sample.filename}: its line is not canonical JSON")
        return sample

    def _count(self, sample: Sample, used: set[Digest]) -> None:
        split = sample.split or ""
        self.splits[split] += 1
        if sample.erased:
            self.erased += 1
            return
        if problem := self.copy.whole(sample):
            self._say("bytes", f"{sample.filename}: {problem}")
        if sample.annotation is None:
            return
        used.add(sample.annotation)
        counts = self.tallies.get(sample.annotation)
        if counts is None:
            self._say("labels", f"{sample.filename}: its annotation is missing, or another one")
            return
        for name, count in counts:
            self.balance.setdefault(name, Counter())[split] += count

    def _agree(self, header: Header) -> None:
        unknown = next((name for name in self.balance if name not in header.classes), None)
        if unknown is not None:
            self._say("labels", f"class {unknown!r} is not one of the version's")
        stated = self.certificate
        if stated is None:
            return
        if stated.fingerprint != self.fingerprint and not self.erased:
            self._say(
                "manifest", f"the manifest's SHA-256 is {self.fingerprint}, not "
                f"{stated.fingerprint} as the certificate says",
            )  # fmt: skip
        if stated.splits != dict(self.splits):
            self._say("certificate", f"the splits hold {_spelt(self.splits)}, not {stated.splits}")
        if not self._balanced(stated) and "labels" not in self.wrong:
            self._say("certificate", "classes are spread over the splits in another way")

    def _balanced(self, stated: Certificate) -> bool:
        """The certificate counts what was erased since, as well."""
        if not self.erased:
            return stated.balance == self.balance
        return all(
            count <= stated.balance.get(name, {}).get(split, 0)
            for name, of in self.balance.items()
            for split, count in of.items()
        )


def tally(annotation: Annotation) -> Counter[str]:
    """How many objects of each class an annotation has; picture-level classes count once."""
    return Counter([*(thing.class_name for thing in annotation.objects), *annotation.classes])


def _read(copy: Copy) -> Iterator[Sample]:
    with copy.manifest() as file:
        header_of(file)
        for line in file:
            yield Sample.model_validate_json(line)


def _spelt(counts: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(counts.items())))


def failed(name: str, error: ViseonError) -> Verification:
    """A copy that cannot even be opened."""
    return Verification(
        ok=False, version=name, fingerprint="0" * 64, samples=0, problem=error.message,
        where="form",
    )  # fmt: skip
