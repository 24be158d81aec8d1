"""Reading and writing other people's dataset layouts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from viseon.schema import Annotation, Split


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file, where it lies, and what is in it."""

    path: Path
    filename: str
    """Its name in the dataset."""
    annotation: Annotation | None
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds, in a format's own words."""

    classes: tuple[str, ...]
    files: Iterable[LabelledFile]


class Format(Protocol):
    """COCO, YOLO, Pascal VOC... What `write` writes, `read` reads back equal."""

    def recognises(self, root: Path) -> bool:
        """Whether `root` looks like this format."""
        ...

    def read(self, root: Path) -> Contents:
        """Every file under `root`. Raises Invalid that names the file and what is wrong with it."""
        ...

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        """Create `root`."""
        ...
