"""A plain folder of pictures, without annotations."""

from collections.abc import Iterator
from pathlib import Path

from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.pictures import (
    beside,
    each_picture,
    filename,
    is_picture,
    measured,
    place,
)
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile


class FolderConfig(Drops):
    """Only writing has options."""


_SAYS = Says("a plain folder")


class FolderFormat:
    """Every picture below the folder; names keep their subfolders."""

    def __init__(self, config: FolderConfig) -> None:
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        if not root.is_dir():
            return False
        return beside(root, is_picture) or any(True for _ in each_picture(root))

    def read(self, root: Path) -> Contents:
        return Contents(classes=(), files=_files(root))

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        del classes  # there is nowhere to write them
        root.mkdir(parents=True, exist_ok=True)
        for file in files:
            if file.annotation is not None and not self._drop:
                raise _SAYS.refused(file, "it is annotated")
            if file.split is not None and not self._drop:
                raise _SAYS.refused(file, f"its split is {file.split}")
            place(file.path, root / file.filename)


def _files(root: Path) -> Iterator[LabelledFile]:
    for path, (width, height) in measured(each_picture(root)):
        yield LabelledFile(path, filename(path, root), None, width=width, height=height)


plugin = Plugin("format", "folder", FolderConfig, FolderFormat)
