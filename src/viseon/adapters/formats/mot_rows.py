"""MOTChallenge's text files: what a sequence is called, and its rows."""

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from viseon.adapters.formats.pictures import inside
from viseon.adapters.formats.reading import described, text_of
from viseon.schema import Box, Invalid

CHALLENGE = (
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle",
    "static person", "distractor", "occluder", "occluder on the ground", "occluder full",
    "reflection", "crowd",
)  # fmt: skip
"""Classes 1 to 13 of MOT16 to MOT20."""
_LEAST = 6
_FIX = "frame,id,left,top,width,height[,considered,class,visibility]"


@dataclass(frozen=True, slots=True)
class Row:
    """One object in one frame."""

    where: str
    frame: int
    track: int
    box: Box
    """left, top, width, height."""
    score: float
    """In the truth: 0 where the object does not count."""
    class_id: int
    visibility: float


@dataclass(frozen=True, slots=True)
class Sequence:
    """A video as numbered pictures."""

    root: Path
    folder: Path
    name: str
    images: Path
    fps: float
    """0 when nobody said."""
    classes: tuple[str, ...]
    """Empty: those of the challenge."""
    one_based: bool

    def wrong(self, path: Path, message: str, fix: str) -> Invalid:
        """An error in one of its files."""
        return Invalid(f"{path.relative_to(self.root).as_posix()}: {message}", fix=fix)


def seqinfo_of(folder: Path, root: Path) -> Sequence:
    """A sequence from its seqinfo.ini and labels.txt, which may both be missing."""
    path = folder / "seqinfo.ini"
    about = configparser.ConfigParser(interpolation=None)
    if path.is_file():
        try:
            about.read_string(text_of(path, root))
        except configparser.Error as error:
            why = str(error).replace("\n", " ")
            raise Invalid(
                f"{path.relative_to(root).as_posix()}: this is not INI: {why}",
                fix="[Sequence], then name=value",
            ) from error
    said = dict(about["Sequence"]) if about.has_section("Sequence") else {}
    name = folder.name if folder != root else Path(said.get("name") or root.name).name
    with described(f"{path.relative_to(root).as_posix()}: frameRate", "frameRate=30"):
        fps = float(said.get("framerate") or 0)
    names = _labels(folder, root)
    own = tuple(v for _, v in about.items("Classes")) if about.has_section("Classes") else ()
    images = inside(folder, said.get("imdir") or "img1")
    return Sequence(root, folder, name, images, fps, names or own, one_based=not names)


def _labels(folder: Path, root: Path) -> tuple[str, ...]:
    for path in (folder / "gt" / "labels.txt", folder / "labels.txt"):
        if path.is_file():
            lines = (line.strip() for line in text_of(path, root).splitlines())
            return tuple(line for line in lines if line)
    return ()


def rows_of(path: Path, root: Path) -> Iterator[Row]:
    """Every row. Raises Invalid that names the line."""
    for number, line in enumerate(text_of(path, root).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path.relative_to(root).as_posix()}, line {number}"
        words = [word.strip() for word in line.replace(";", ",").split(",")]
        with described(where, _FIX):
            yield _row(where, [float(word) for word in words if word])


def _row(where: str, values: list[float]) -> Row:
    if len(values) < _LEAST:
        raise ValueError(f"{len(values)} numbers, not {_LEAST} or more")
    frame, track, x, y, w, h = values[:_LEAST]
    score, class_id, visibility = (values[_LEAST:] + [1, -1, 1][len(values) - _LEAST :])[:3]
    for name, value in (("frame", frame), ("id", track), ("class", class_id)):
        if value != int(value):
            raise ValueError(f"the {name} {value:g} is not a whole number")
    return Row(
        where, int(frame), int(track), (x, y, w, h), score, int(class_id), max(visibility, 0.0)
    )
