"""A pulled folder as a copy that can be checked."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from viseon.datasets.manifest import header_of, samples_of
from viseon.schema import Digest, NotFound, Sample

ASIDE = ".viseon"
"""Where a pulled folder keeps manifest, annotations and certificate."""


class FolderCopy:
    """What `pull` wrote. Raises NotFound for any other folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[str] = set()
        self._names: dict[Digest, str] | None = None
        for name in ("manifest.jsonl", "annotations.jsonl"):
            if not (root / ASIDE / name).is_file():
                raise NotFound(
                    f"{root} is no pulled version: there is no {ASIDE}/{name}",
                    fix=f"viseon pull VERSION {root}",
                )

    @property
    def name(self) -> str:
        """The folder's."""
        return self._root.name or str(self._root)

    def manifest(self) -> BinaryIO:
        """From `.viseon/`."""
        return (self._root / ASIDE / "manifest.jsonl").open("rb")

    def labels(self) -> BinaryIO:
        """From `.viseon/`."""
        return (self._root / ASIDE / "annotations.jsonl").open("rb")

    def certificate(self) -> bytes | None:
        """From `.viseon/`; folders pulled by early releases have none."""
        path = self._root / ASIDE / "certificate.json"
        return path.read_bytes() if path.is_file() else None

    def whole(self, sample: Sample) -> str:
        """Reads the file."""
        self._seen.add(sample.filename)
        path = self._root / sample.filename
        if not path.is_file():
            return "it is missing"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return "" if found == sample.digest else f"its SHA-256 is {found}, not {sample.digest}"

    def strays(self) -> Iterator[str]:
        """Files that no sample has; hidden ones are not looked at."""
        for folder, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(n for n in files if not n.startswith(".")):
                found = Path(folder, name).relative_to(self._root).as_posix()
                if found not in self._seen:
                    yield f"{found}: it is not part of the version"

    def get(self, digest: Digest) -> bytes:
        """Raises NotFound."""
        if self._names is None:
            with self.manifest() as file:
                header_of(file)
                self._names = {s.digest: s.filename for s in samples_of(file)}
        try:
            return (self._root / self._names[digest]).read_bytes()
        except (KeyError, OSError):
            raise NotFound(f"there is no file with digest {digest[:12]}…") from None
