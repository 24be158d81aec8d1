"""Uploaded rows, checked before they touch the dataset."""

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from typing import BinaryIO

from pydantic import ValidationError

from viseon.datasets.typed import check_fields
from viseon.ports import BlobStore, Samples
from viseon.schema import Annotation, Dataset, Invalid, NotFound, Row, Sample

BATCH = 1000
_UPLOAD = b'{"upload":'


def read_rows(
    file: BinaryIO, dataset: Dataset, blobs: BlobStore, samples: Samples
) -> Iterator[Sample]:
    """The samples of an upload of `Row`s, one JSON object per line; their annotations are stored.

    A first line `{"upload": …}` is passed over: it makes one upload unlike all others.
    Raises Invalid that names the line or file, NotFound for files that were not uploaded.
    """
    seen: dict[str, str] = {}
    numbered = enumerate(file, 1)
    while batch := list(islice(numbered, BATCH)):
        rows = [_row(n, line) for n, line in batch if n > 1 or not line.startswith(_UPLOAD)]
        for row in rows:
            _once(row, seen)
            check_fields(row.filename, row.metadata, dataset)
            if isinstance(row, Row) and isinstance(row.annotation, Annotation):
                check_classes(row.filename, row.annotation, dataset)
        _stored(rows, blobs)
        spelled = [r.annotation for r in rows if isinstance(r.annotation, Annotation)]
        if spelled:
            samples.annotate(spelled)
        samples.annotations({r.annotation for r in rows if isinstance(r.annotation, str)})
        yield from map(_sample, rows)


def _row(number: int, line: bytes) -> Row | Sample:
    """A line that says nothing of an annotation, nor could in escapes, is a sample already."""
    plain = b'"annotation"' not in line and b'"erased"' not in line and b"\\" not in line
    try:
        return (Sample if plain else Row).model_validate_json(line)
    except ValidationError as error:
        raise Invalid.because(error.errors()[0], where=f"rows, line {number}: ") from error


def _once(row: Row | Sample, seen: dict[str, str]) -> None:
    if row.filename in seen:
        raise Invalid(f"rows: {row.filename!r} is there twice", fix="name each file once")
    seen[row.filename] = row.digest


def check_classes(filename: str, annotation: Annotation, dataset: Dataset) -> None:
    """Raises Invalid that names the file for a class the dataset does not have."""
    said = [(f"object {n}", thing.class_name) for n, thing in enumerate(annotation.objects, 1)]
    for what, name in [*said, *(("the picture", name) for name in annotation.classes)]:
        if name not in dataset.classes:
            near = get_close_matches(name, dataset.classes, n=1)
            hint = f"did you mean {near[0]!r}? otherwise add" if near else "add"
            raise Invalid(
                f"{filename}: {what} is a {name!r}, which dataset {dataset.name!r} does not know",
                fix=f"{hint} the class to the dataset first; it has: "
                + (", ".join(dataset.classes) or "none"),
            )


def _stored(rows: list[Row | Sample], blobs: BlobStore) -> None:
    missing = set(blobs.missing(row.digest for row in rows))
    if missing:
        names = [row.filename for row in rows if row.digest in missing]
        raise NotFound(
            f"{names[0]}: its bytes ({next(r.digest for r in rows if r.digest in missing)[:12]}…) "
            f"are not stored" + (f", nor those of {len(names) - 1} more" if names[1:] else ""),
            fix="upload the files first: platform.blobs.add(path)",
        )


def _sample(row: Row | Sample) -> Sample:
    if isinstance(row, Sample):
        return row
    digest = row.annotation.digest if isinstance(row.annotation, Annotation) else row.annotation
    return Sample.model_construct(  # a row's fields were checked
        filename=row.filename,
        digest=row.digest,
        annotation=digest,
        split=row.split,
        width=row.width,
        height=row.height,
        metadata=row.metadata,
        erased=False,
    )
