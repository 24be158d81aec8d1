"""Curation: what a dataset is worth before anybody learns from it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from viseon.curation import files, labels
from viseon.curation.examine import Facts, examine
from viseon.curation.page import page
from viseon.operation import operation
from viseon.ports import BlobStore, Catalog, Images, Report
from viseon.schema import (
    Annotation,
    Clock,
    Dataset,
    Digest,
    Name,
    NotFound,
    Resources,
    Role,
    Sample,
    Version,
)
from viseon.schema.health import Health, HealthFinding
from viseon.vision.phash import BITS, NEAR

_THREADS = 2
_BATCH = 200
_GRAVITY = {"error": 0, "warning": 1, "note": 2}
_COMMONEST = 20

Number = Annotated[int, Field(ge=1)]
Threshold = Annotated[int, Field(ge=0, lt=BITS // 2)]
Few = Annotated[int, Field(ge=1, le=100)]


@dataclass(frozen=True, slots=True)
class _Contents:
    """A version, or the working area, as it was when somebody asked."""

    samples: list[Sample]
    annotations: dict[Digest, Annotation]
    classes: tuple[str, ...]
    fingerprint: Digest | None


class Curation:
    """Looking after what is in datasets."""

    def __init__(self, catalog: Catalog, blobs: BlobStore, images: Images, now: Clock) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._images = images
        self._now = now

    @operation(
        "POST",
        "/curation/health/{dataset}",
        needs=Role.LABELER,
        takes=Resources(cores=1, ram_mb=500),
    )
    def health(
        self,
        dataset: Name,
        *,
        version: Number | None = None,
        near: Threshold = NEAR,
        examples: Few = 12,
        report: Report,
    ) -> Health:
        """Read every file and every label of a version, or of the working area; say what is wrong.

        `near` is how many of 128 bits of a perceptual hash look-alikes may differ in; `examples`
        how many places of each finding are named. The answer's `page` is a blob with an HTML page.
        """
        found = self._contents(dataset, version)
        known = self._examined(found.samples, report)
        report.progress(0.8, "comparing pictures")
        sizes = files.resolutions(found.samples, known)
        counts = labels.count(found.samples, found.annotations, found.classes)
        alike = files.near_duplicates(
            found.samples,
            known,
            examples,
            threshold=near,
            say=lambda share: report.progress(0.8 + 0.15 * share, "comparing pictures"),
        )
        findings = [
            *files.broken(found.samples, known, examples),
            *files.wrong_size(found.samples, known, examples),
            *files.duplicates(found.samples, examples),
            *alike,
            *_of_labels(found, known, examples),
            *labels.balance(counts, found.classes),
            *files.spread(sizes),
        ]
        health = Health(
            dataset=dataset,
            version=version,
            fingerprint=found.fingerprint,
            created=self._now(),
            samples=len(found.samples),
            bytes_read=sum(facts.bytes for facts in known.values()),
            labelled=sum(s.annotation is not None for s in found.samples),
            objects=sum(c.objects for c in counts),
            near_threshold=near,
            findings=tuple(sorted(findings, key=lambda f: _GRAVITY[f.severity])),
            classes=counts,
            resolutions=sizes[:_COMMONEST],
        )
        report.progress(0.95, "drawing the page")
        drawn = page(health, self._blobs, self._images)
        return health.model_copy(update={"page": self._blobs.put(drawn.encode())})

    def _contents(self, dataset: str, number: int | None) -> _Contents:
        with self._catalog.read() as records:
            current = records.get(Dataset, dataset)
            version = None
            if number is not None:
                version = records.seek(Version, f"{dataset}@{number:08d}")
                if version is None:
                    raise NotFound(
                        f"dataset {dataset!r} has no version {number}",
                        fix=f"its versions: viseon log {dataset}",
                    )
            rows = records.samples.rows(dataset, version=number)
            samples = [s for s in rows if not s.erased]
            digests = {s.annotation for s in samples if s.annotation}
            annotations = records.samples.annotations(digests)
        classes = current.classes if version is None else version.classes
        fingerprint = None if version is None else version.fingerprint
        return _Contents(samples, annotations, classes, fingerprint)

    def _examined(self, samples: Sequence[Sample], report: Report) -> dict[Digest, Facts]:
        """The facts about each file that should be a picture, each read once."""
        pictures = (s for s in samples if s.metadata.get("modality", "image") == "image")
        digests = list(dict.fromkeys(s.digest for s in pictures))
        known: dict[Digest, Facts] = {}
        with ThreadPoolExecutor(_THREADS) as pool:
            for start in range(0, len(digests), _BATCH):
                if report.cancelled:
                    break
                batch = digests[start : start + _BATCH]
                facts = pool.map(lambda d: examine(d, self._blobs, self._images), batch)
                known |= zip(batch, facts, strict=True)
                report.progress(0.8 * len(known) / len(digests), "reading files")
        return known


def _of_labels(found: _Contents, known: dict[Digest, Facts], examples: int) -> list[HealthFinding]:
    def size(sample: Sample) -> tuple[int, int]:
        facts = known.get(sample.digest)
        if facts is not None and facts.width:
            return facts.width, facts.height
        return sample.width, sample.height

    return [
        *labels.boxes(found.samples, found.annotations, size, examples),
        *labels.unlabelled(found.samples, found.annotations, examples),
    ]
