"""Which file on disk a Label Studio task means by its URL."""

import re
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from viseon.adapters.formats.pictures import pictures
from viseon.schema import Invalid

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""Label Studio puts eight digits before the name of a file that was uploaded."""


class Pictures:
    """The pictures below a folder, by any end of their path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = pictures(root)
        self._ends: dict[str, list[Path]] = {}
        for path in self.paths:
            parts = _composed(path.relative_to(root).as_posix()).split("/")
            for start in range(len(parts)):
                self._ends.setdefault("/".join(parts[start:]), []).append(path)

    def find(self, url: str, where: str) -> Path:
        """The file whose path has most of the URL's end. Raises Invalid for none or several."""
        if url.startswith("data:"):
            raise Invalid(f"{where}: its picture is within the URL", fix="save it as a file")
        parts = _composed(_path(url)).strip("/").split("/")
        if ".." in parts:
            raise Invalid(f"{where}: {url!r} leads out of the folder", fix="correct the path")
        plain = [*parts[:-1], _UPLOADED.sub("", parts[-1])]
        for way in (parts, plain):
            for start in range(len(way)):
                found = self._ends.get("/".join(way[start:]), [])
                exact = [p for p in found if p.relative_to(self.root).as_posix() == "/".join(way)]
                if len(exact or found) > 1:
                    raise Invalid(
                        f"{where}: {url!r} may be {found[0].relative_to(self.root)} or"
                        f" {found[1].relative_to(self.root)}",
                        fix="keep the folders of the URL, or give the files different names",
                    )
                if found:
                    return (exact or found)[0]
        raise Invalid(
            f"{where}: there is no picture {parts[-1]!r} ({url})",
            fix="put the pictures into the folder: an export does not bring them",
        )


def _path(url: str) -> str:
    """`/data/upload/1/a.png`, `/data/local-files/?d=a.png`, `s3://bucket/a.png`, …"""
    split = urlsplit(url)
    if split.path.rstrip("/").endswith("local-files") and (named := parse_qs(split.query).get("d")):
        return named[0]
    if len(split.scheme) > 1 or url.startswith("/data/"):
        return unquote(split.path)
    return unquote(url).replace("\\", "/")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
