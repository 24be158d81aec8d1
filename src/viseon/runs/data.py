"""A version as trainers see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from viseon.ports import BlobStore, Images, Records
from viseon.schema import (
    Annotation,
    Dataset,
    Deleted,
    Invalid,
    NotFound,
    Sample,
    Split,
    Task,
    Version,
)
from viseon.vision import Detections

_AT_ONCE = 1000


@dataclass(frozen=True)
class Picture:
    """One labelled sample; its bytes are read when its pixels are asked for."""

    sample: Sample
    annotation: Annotation
    classes: tuple[str, ...]
    blobs: BlobStore
    images: Images

    @property
    def filename(self) -> str:
        """Its name in the version."""
        return self.sample.filename

    @cached_property
    def detections(self) -> Detections:
        """What is in it. Raises Invalid for a class that the version does not have."""
        found = self.annotation.objects
        for one in found:
            if one.class_name not in self.classes:
                raise Invalid(
                    f"{self.filename}: class {one.class_name!r} is unknown to the dataset",
                    fix=f"it knows: {', '.join(self.classes) or 'none yet'}",
                )
        return Detections(
            np.array([one.box for one in found], np.float32).reshape(-1, 4),
            class_id=np.array([self.classes.index(o.class_name) for o in found], np.int64),
        )

    def pixels(self) -> NDArray[np.uint8]:
        """RGB. Raises Invalid naming the file where it is not a picture."""
        return np.ascontiguousarray(self.bgr()[:, :, ::-1])

    def bgr(self) -> NDArray[np.uint8]:
        """As detectors take it. Raises Invalid naming the file where it is not a picture."""
        try:
            return self.images.decode(self.blobs.get(self.sample.digest))
        except Invalid as error:
            raise Invalid(f"{self.filename}: {error.message}", fix=error.fix) from error


class VersionData:
    """The labelled samples of a version by split; those nobody looked at yet are left out."""

    def __init__(
        self, records: Records, version: Version, blobs: BlobStore, images: Images
    ) -> None:
        self._version = version
        self._splits: dict[str, list[Picture]] = {}
        rows = records.samples.rows(version.dataset, version=version.number)
        while part := list(islice(rows, _AT_ONCE)):
            labels = records.samples.annotations({s.annotation for s in part if s.annotation})
            for sample in part:
                if sample.annotation is not None and sample.split is not None:
                    picture = Picture(
                        sample, labels[sample.annotation], version.classes, blobs, images
                    )
                    self._splits.setdefault(sample.split, []).append(picture)

    @property
    def task(self) -> Task:
        """What the labels are for."""
        return self._version.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by `class_id`."""
        return self._version.classes

    def split(self, name: Split) -> Sequence[Picture]:
        """The labelled examples of a split, in filename order."""
        return self._splits.get(name, [])


def find_version(records: Records, ref: str) -> Version:
    """The version that `name` or `name@latest`, `name@number` or `name@tag` means.

    Raises NotFound.
    """
    name, _, which = ref.partition("@")
    if records.seek(Deleted, name) is not None:
        records.get(Dataset, name)  # says so
    prefix = f"{name}@"
    latest = records.find(Version, prefix=prefix, limit=1, newest_first=True)
    if not latest:
        raise NotFound(
            f"dataset {name!r} has no version", fix=f"import samples, then: viseon commit {name}"
        )
    if which in ("", "latest"):
        return latest[0]
    if which.isdigit():
        found = records.seek(Version, f"{prefix}{int(which):08d}")
        if found is not None:
            return found
    else:
        for version in records.find(Version, prefix=prefix, newest_first=True):
            if which in version.tags:
                return version
    raise NotFound(f"no version {ref!r}", fix=f"the latest is {latest[0].ref!r}")
