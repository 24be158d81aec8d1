"""Storage: collect what nobody needs, erase what nobody may have, remember what was deleted."""

from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, CountedBlobs, Records, Report
from viseon.schema import (
    Clock,
    Collected,
    Conflict,
    Deleted,
    Digest,
    Erasure,
    Filename,
    Invalid,
    Name,
    NotFound,
    Page,
    Resources,
    Role,
    Unavailable,
    new_id,
)
from viseon.storage.collect import Collector, Shelf
from viseon.storage.erase import (
    Asked,
    Books,
    contents,
    decide,
    finish,
    note_scrubbed,
    survey,
    unfinished,
)
from viseon.storage.guard import refuse_erased

GRACE_S = 7 * 24 * 3600.0
"""How long what nobody names may still be wanted."""

STALE_S = 24 * 3600.0
"""An upload nobody went on with for so long is forgotten."""

Grace = Annotated[float, Field(ge=0)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]


class Ledger(Shelf, Books, Protocol):
    """The datasets' side of deleting."""


class Storage:
    """What lies in the store of a workspace, and how it gets out of there."""

    def __init__(
        self, catalog: Catalog, blobs: BlobStore, now: Clock, ledger: Ledger, uploads: Path
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._now = now
        self._ledger = ledger
        self._uploads = uploads

    @operation(
        "POST", "/storage/collections", needs=Role.ADMIN, takes=Resources(cores=1, ram_mb=500)
    )
    def collect(
        self, *, dry_run: bool = False, grace_s: Grace = GRACE_S, report: Report
    ) -> Collected:
        """Remove what nothing names any more and nobody stored or asked for within `grace_s`.

        Deleted datasets go for good once they were deleted that long ago, unless models learned
        from them. `dry_run` only says what would go. Erasures that were interrupted are finished.
        """
        if not isinstance(self._blobs, CountedBlobs):
            raise Unavailable("this store cannot say what is in it")
        if not dry_run:
            self._finish_all()
        collector = Collector(
            self._catalog, self._blobs, self._ledger, self._now, grace_s, dry_run, report
        )
        found = collector.run()
        if dry_run:
            return found
        if self._catalog.scrub():
            note_scrubbed(self._catalog)
        return found.model_copy(update={"temporary": found.temporary + self._sweep_uploads()})

    @operation("POST", "/storage/erasures", needs=Role.ADMIN, takes=Resources(cores=1, ram_mb=500))
    def erase(
        self,
        *,
        digests: tuple[Digest, ...] = (),
        dataset: Name | None = None,
        filename: Filename | None = None,
        reason: Reason,
        report: Report,
    ) -> Erasure:
        """Erase files for ever: bytes, labels, metadata and names, in every dataset and version.

        Named by `digests`, or by `dataset` and `filename` (then everything ever kept under that
        name goes). What recipes made of them goes too. Versions keep a tombstone in their place
        and get an effective fingerprint; models that learned from them are flagged. The bytes can
        not be stored again. `reason` and the arguments stay in the audit record: put no personal
        data there.
        """
        if bool(digests) == (dataset is not None and filename is not None):
            raise Invalid("name digests, or a dataset and a filename", fix="one of the two")
        self._finish_all()
        id = report.job or new_id(self._now())
        report.progress(0.1, "looking for it")
        with self._catalog.read() as records:
            if dataset is not None and filename is not None:
                digests = tuple(contents(records, dataset, filename))
            self._check_known(records, digests)
            surveyed = survey(records, self._ledger, digests)
        report.progress(0.5, "setting tombstones")
        asked = Asked(id, tuple(sorted(set(digests))), reason, self._now())
        with self._catalog.transaction() as records:
            erasure = decide(records, self._ledger, asked, surveyed)
        report.progress(0.8, "removing bytes")
        return finish(self._catalog, self._blobs, self._uploads, erasure)

    @operation("GET", "/storage/erasures", needs=Role.VIEWER)
    def erasures(self, *, cursor: str = "", limit: Limit = 50) -> Page[Erasure]:
        """What was erased, newest first: when, by whom, why, and which models knew it."""
        with self._catalog.read() as records:
            found = records.find(Erasure, after=cursor, limit=limit + 1, newest_first=True)
        more = found[limit - 1].id if len(found) > limit else None
        return Page[Erasure](items=tuple(found[:limit]), next=more)

    @operation("GET", "/storage/deleted", needs=Role.VIEWER)
    def deleted(self, *, cursor: str = "", limit: Limit = 50) -> Page[Deleted]:
        """Datasets that were deleted and can be restored, by name."""
        with self._catalog.read() as records:
            found = records.find(Deleted, after=cursor, limit=limit + 1)
        more = found[limit - 1].dataset.name if len(found) > limit else None
        return Page[Deleted](items=tuple(found[:limit]), next=more)

    @operation("POST", "/storage/purges/{dataset}", needs=Role.ADMIN)
    def purge(self, dataset: Name) -> Deleted:
        """Remove a deleted dataset for good now, without waiting for its grace to end.

        Files that nothing else names go with the next collection.
        """
        with self._catalog.transaction() as records:
            found = records.seek(Deleted, dataset)
            if found is None:
                raise NotFound(
                    f"no deleted dataset {dataset!r}", fix="those there are: viseon storage deleted"
                )
            if not found.forced and (dependents := self._ledger.learned(records, dataset)):
                raise Conflict(
                    f"{', '.join(dependents[:5])} learned from {dataset!r}",
                    fix="restore it, then delete it with force=true",
                )
            self._ledger.purge(records, dataset)
        return found

    def admit(self, digest: Digest) -> None:
        """Raises Forbidden for bytes that were erased."""
        refuse_erased(self._catalog, digest)

    def _check_known(self, records: Records, digests: tuple[Digest, ...]) -> None:
        known = records.remains.used(digests) | records.remains.erased()
        for digest in digests:
            if digest not in known and digest not in self._blobs:
                raise NotFound(
                    f"no file {digest[:12]}… is stored or in a dataset",
                    fix="check the digest: sha256sum FILE",
                )

    def _sweep_uploads(self) -> int:
        """Forget files that clients began to send and never finished."""
        swept = 0
        for part in self._uploads.glob("*"):
            if self._now().timestamp() - part.stat().st_mtime > STALE_S:
                part.unlink(missing_ok=True)
                swept += 1
        return swept

    def _finish_all(self) -> None:
        with self._catalog.read() as records:
            left = unfinished(records)
        for erasure in left:
            finish(self._catalog, self._blobs, self._uploads, erasure)
