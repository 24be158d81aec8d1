"""A plain folder of pictures, without annotations."""

from collections.abc import Iterator
from pathlib import Path

from viseon.adapters.formats.pictures import filename, is_picture, measured, pictures, place, walk
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Noun


class FolderConfig(Noun):
    """It takes no options."""


class FolderFormat:
    """Every picture below the folder; names keep their subfolders."""

    def recognises(self, root: Path) -> bool:
        return root.is_dir() and any(is_picture(path) for path in walk(root))

    def read(self, root: Path) -> Contents:
        return Contents(classes=(), files=_files(root))

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        del classes  # there is nowhere to write them
        root.mkdir(parents=True, exist_ok=True)
        for file in files:
            place(file.path, root / file.filename)


def _files(root: Path) -> Iterator[LabelledFile]:
    for path, (width, height) in measured(pictures(root)):
        yield LabelledFile(path, filename(path, root), None, width=width, height=height)


plugin = Plugin("format", "folder", FolderConfig, lambda _: FolderFormat())
