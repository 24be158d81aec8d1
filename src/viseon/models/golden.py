"""Pictures of a version that exports are calibrated with and measured on."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from viseon.inference.preprocess import Pixels
from viseon.ports import BlobStore, Images, Records
from viseon.schema import Annotation, Invalid, NotFound, Sample, Version
from viseon.vision import Detections


@dataclass(frozen=True, slots=True)
class Golden:
    """One picture, and what people say is in it, where they do."""

    name: str
    pixels: Pixels
    truth: Detections | None
    unknown: tuple[str, ...] = ()
    """Classes that people saw in it and the model does not know."""


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """What to calibrate with, and what to measure on."""

    calibration: tuple[Golden, ...]
    measured: tuple[Golden, ...]

    @property
    def labelled(self) -> bool:
        """Whether every measured picture has labels."""
        return all(one.truth is not None for one in self.measured)

    @property
    def strangers(self) -> tuple[str, ...]:
        """The labels' classes, where the model knows not one of them."""
        if any(one.truth is not None and len(one.truth) for one in self.measured):
            return ()
        return tuple(sorted({name for one in self.measured for name in one.unknown}))


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where bytes become pixels."""

    blobs: BlobStore
    images: Images

    def open(self, sample: Sample) -> Pixels:
        """The sample's pixels."""
        return self.images.decode(self.blobs.get(sample.digest))


def golden_set(
    records: Records, ref: str, classes: tuple[str, ...], pictures: Pictures, *, most: int = 100
) -> GoldenSet:
    """Up to `most` pictures each: training ones to calibrate, the others to measure.

    Where the version has only one kind, it serves for both. Raises NotFound, Invalid.
    """
    version = find_version(records, ref)
    by_split: dict[str, list[Sample]] = {"train": [], "other": []}
    for sample in records.samples.rows(version.dataset, version=version.number):
        part = by_split["train" if sample.split == "train" else "other"]
        if len(part) < most and not sample.erased:
            part.append(sample)
    train, other = by_split["train"], by_split["other"]
    if not train and not other:
        raise Invalid(f"data: {ref} is empty", fix="commit samples first")

    def opened(samples: list[Sample]) -> tuple[Golden, ...]:
        digests = {s.annotation for s in samples if s.annotation}
        labels = records.samples.annotations(digests) if digests else {}
        return tuple(
            _golden(s, pictures.open(s), labels[s.annotation] if s.annotation else None, classes)
            for s in samples
        )

    return GoldenSet(opened(train or other), opened(other or train))


def find_version(records: Records, ref: str) -> Version:
    """`name` (the latest), `name@number` or `name@tag`. Raises NotFound."""
    name, _, which = ref.partition("@")
    prefix = f"{name}@"
    if which.isdigit():
        found = records.seek(Version, f"{prefix}{int(which):08d}")
        matching = [found] if found else []
    else:
        versions = records.find(Version, prefix=prefix, newest_first=True)
        matching = list(islice((v for v in versions if not which or which in v.tags), 1))
    if not matching:
        raise NotFound(f"no version {ref!r}", fix="pass data as dataset@number")
    return matching[0]


def _golden(
    sample: Sample, pixels: Pixels, labels: Annotation | None, classes: tuple[str, ...]
) -> Golden:
    """Objects of classes that the model does not know cannot be expected of it."""
    if labels is None:
        return Golden(sample.filename, pixels, None)
    known = [thing for thing in labels.objects if thing.class_name in classes]
    truth = Detections(
        np.array([thing.box for thing in known], np.float32).reshape(-1, 4),
        class_id=np.array([classes.index(thing.class_name) for thing in known], np.int64),
    )
    named = {thing.class_name for thing in labels.objects}
    return Golden(sample.filename, pixels, truth, tuple(sorted(named.difference(classes))))
