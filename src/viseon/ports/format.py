"""Reading and writing other people's dataset layouts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from viseon.schema import Annotation, Split, Task


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """A file, where it lies, and what is in it."""

    path: Path
    filename: str
    """Its name in the dataset."""
    annotation: Annotation | None
    """None says nothing about the file; an empty annotation says that nothing is in it."""
    split: Split | None = None
    width: int = 0
    height: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds, in a format's own words."""

    classes: tuple[str, ...]
    files: Iterable[LabelledFile]
    task: Task | None = None
    """What the labels are for, where the layout says it; otherwise what they hold decides."""


class Format(Protocol):
    """COCO, YOLO, Pascal VOC... What `write` writes, `read` reads back equal."""

    def recognises(self, root: Path) -> bool:
        """Whether `root` looks like this format."""
        ...

    def read(self, root: Path) -> Contents:
        """Every file under `root`, each checked to be a picture that can be read.

        Raises Invalid that names the file, what is wrong with it and what to do.
        """
        ...

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        """Create `root`."""
        ...
