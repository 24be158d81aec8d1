"""The operations that look at versions."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from viseon.datasets.freeze import key, version_of, written
from viseon.datasets.history import resolve
from viseon.datasets.history import tag as name_version
from viseon.datasets.manifest import labels
from viseon.datasets.verify import Verification, verify
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Images
from viseon.schema import Certificate, Dataset, Digest, Name, Page, Role, Version

T = TypeVar("T")
Number = Annotated[int, Field(ge=1)]
"""Versions count from 1."""


class Looking:
    """What `Datasets` knows of versions."""

    _catalog: Catalog
    _blobs: BlobStore
    _images: Images | None

    @operation("GET", "/datasets/{dataset}/versions", needs=Role.VIEWER)
    def log(self, dataset: Name, *, cursor: str = "", limit: Limit = 20) -> Page[Version]:
        """The versions, newest first."""
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            found = records.find(
                Version, prefix=f"{dataset}@", after=cursor, limit=limit + 1, newest_first=True
            )
        return page_of(found, limit, [key(dataset, v.number) for v in found])

    @operation("GET", "/datasets/{dataset}/versions/{number}", needs=Role.VIEWER)
    def version(self, dataset: Name, number: Number) -> Version:
        """One version."""
        with self._catalog.read() as records:
            return version_of(records, dataset, number)

    @operation("GET", "/datasets/{dataset}/refs/{ref}", needs=Role.VIEWER)
    def resolve(self, dataset: Name, ref: Name) -> Version:
        """The version that a number, a tag or `latest` means."""
        with self._catalog.read() as records:
            return resolve(records, dataset, ref)

    @operation("PUT", "/datasets/{dataset}/versions/{number}/tags", needs=Role.EDITOR)
    def tag(self, dataset: Name, number: Number, *, tag: Name) -> Version:
        """Name a version, such as `golden`; the name leaves any other version of the dataset."""
        with self._catalog.transaction() as records:
            return name_version(records, dataset, number, tag)

    @operation("GET", "/datasets/{dataset}/versions/{number}/manifest", needs=Role.VIEWER)
    def manifest(self, dataset: Name, number: Number) -> Digest:
        """The digest of a blob that holds the manifest: it is the version's fingerprint.

        Where samples were erased, it is the effective fingerprint.
        """
        with self._catalog.read() as records:
            version = version_of(records, dataset, number)
            if version.manifest not in self._blobs:
                self._store(written(records, version, number))
        return version.manifest

    @operation("GET", "/datasets/{dataset}/versions/{number}/annotations", needs=Role.VIEWER)
    def annotations(self, dataset: Name, number: Number) -> Digest:
        """The digest of a blob with the canonical JSON of each annotation on its own line."""
        with self._catalog.read() as records:
            version_of(records, dataset, number)
            return self._store(labels(records, dataset, number))

    @operation("GET", "/datasets/{dataset}/versions/{number}/certificate", needs=Role.VIEWER)
    def certificate(self, dataset: Name, number: Number) -> Certificate:
        """What was checked so that nothing leaks from one split into another."""
        with self._catalog.read() as records:
            version_of(records, dataset, number)
            return records.get(Certificate, key(dataset, number))

    @operation("GET", "/datasets/{dataset}/versions/{number}/verification", needs=Role.VIEWER)
    def verify(self, dataset: Name, number: Number) -> Verification:
        """Check every byte, label and split of a version against its fingerprint and certificate.

        Nothing is believed: manifest, files and looks are read and computed again.
        """
        with self._catalog.read() as records:
            version = version_of(records, dataset, number)
            certificate = records.seek(Certificate, key(dataset, number))
            return verify(records, version, certificate, self._blobs, self._images)

    def _store(self, chunks: Iterator[bytes]) -> Digest:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blob"
            with path.open("wb") as file:
                file.writelines(chunks)
            return self._blobs.add(path)


def page_of(found: list[T], limit: int, keys: list[str]) -> Page[T]:
    """One page of what was found with one entry more than it may have."""
    return Page(items=tuple(found[:limit]), next=keys[limit - 1] if len(found) > limit else None)
