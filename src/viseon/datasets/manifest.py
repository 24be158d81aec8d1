"""How a version becomes one digest, and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from viseon.ports import Records
from viseon.schema import Digest, Invalid, Noun, Sample, Task, canonical_json


class Header(Noun):
    """The first line of a manifest: what the samples' labels are for."""

    manifest: int = 1
    """The number of this form."""
    task: Task
    classes: tuple[str, ...]


def manifest(task: Task, classes: tuple[str, ...], lines: Iterable[bytes]) -> Iterator[bytes]:
    """The exact bytes: the header, then one line of canonical JSON per sample by filename."""
    yield canonical_json(Header(task=task, classes=classes)) + b"\n"
    yield from lines


def fingerprint(chunks: Iterable[bytes]) -> Digest:
    """SHA-256 of the manifest: `viseon manifest shop@3 | sha256sum` says the same."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.hexdigest()


def labels(records: Records, dataset: str, number: int) -> Iterator[bytes]:
    """The canonical JSON of each annotation of a version, on its own line, each once."""
    seen: set[Digest] = set()
    batch: list[Digest] = []
    for sample in records.samples.rows(dataset, version=number):
        if sample.annotation and sample.annotation not in seen:
            seen.add(sample.annotation)
            batch.append(sample.annotation)
        if len(batch) == 1000:
            yield from (a.content + b"\n" for a in records.samples.annotations(batch).values())
            batch.clear()
    yield from (a.content + b"\n" for a in records.samples.annotations(batch).values())


def header_of(file: BinaryIO) -> Header:
    """Read the first line. Raises Invalid for something that is no manifest."""
    line = file.readline()
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "manifest" not in found:
        raise Invalid("this is not a manifest: its first line has no field 'manifest'")
    return Header.model_validate(found)


def samples_of(file: BinaryIO) -> Iterator[Sample]:
    """The samples after the header, in order."""
    for line in file:
        yield Sample.model_validate_json(line)
