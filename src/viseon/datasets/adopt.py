"""A version that was made elsewhere as the first one of a dataset here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from viseon.datasets.freeze import freeze, settle
from viseon.datasets.incoming import check_classes
from viseon.datasets.manifest import Header, header_of, samples_of
from viseon.ports import BlobStore, Records
from viseon.schema import (
    Annotation,
    Clock,
    Conflict,
    Dataset,
    Digest,
    Failed,
    Invalid,
    NotFound,
    Sample,
    Version,
)

T = TypeVar("T")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class MadeOf:
    """Blobs with all there is to know about a version; the fingerprint is the manifest's digest."""

    manifest: Digest
    annotations: Digest
    message: str


def glance(blobs: BlobStore, manifest: Digest) -> tuple[Header, list[Digest]]:
    """The header, and the digests of the files. Raises Invalid for what is no manifest."""
    with blobs.open(manifest) as file, _named("manifest"):
        header = header_of(file)
        return header, [sample.digest for sample in samples_of(file)]


def adopt(
    records: Records, dataset: Dataset, blobs: BlobStore, made_of: MadeOf, now: Clock
) -> Version:
    """Freeze what a manifest lists as version 1 of a new dataset.

    Raises Conflict when there is such a dataset, NotFound for files or annotations that are not
    stored, Failed when what comes out has another fingerprint.
    """
    if records.seek(Dataset, dataset.name) is not None:
        raise Conflict(f"dataset {dataset.name!r} already exists", fix="choose another name")
    records.put(dataset.name, dataset)
    with blobs.open(made_of.annotations) as labels:
        for annotations in _batches(_annotations(labels, dataset)):
            records.samples.annotate(annotations)
    with blobs.open(made_of.manifest) as file, _named("manifest"):
        header_of(file)
        for samples in _batches(samples_of(file)):
            _check(samples, records, blobs)
            records.samples.add(dataset.name, samples)
    version = freeze(records, dataset, settle(records, dataset), made_of.message, now)
    if version.fingerprint != made_of.manifest:
        raise Failed(
            f"what came out is {version.fingerprint[:12]}…, not {made_of.manifest[:12]}…: the rows "
            "are not in order, or their splits do not keep the rules",
            fix="verify it where it was made: viseon verify",
        )
    return version


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise Invalid.because(error.errors()[0], where=f"{what}: ") from error


def _annotations(labels: BinaryIO, dataset: Dataset) -> Iterator[Annotation]:
    for number, line in enumerate(labels, 1):
        with _named(f"annotations, line {number}"):
            annotation = Annotation.model_validate_json(line)
        check_classes(f"annotations, line {number}", annotation, dataset)
        yield annotation


def _check(samples: list[Sample], records: Records, blobs: BlobStore) -> None:
    missing = set(blobs.missing(s.digest for s in samples))
    if missing:
        name = next(s.filename for s in samples if s.digest in missing)
        raise NotFound(f"{name}: its bytes are not stored", fix="upload the files first")
    records.samples.annotations({s.annotation for s in samples if s.annotation})


def _batches(values: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(values, BATCH)):
        yield batch
