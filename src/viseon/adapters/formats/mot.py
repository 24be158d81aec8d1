"""MOTChallenge (https://arxiv.org/abs/2003.09003, appendix): tracks through numbered pictures.

`<sequence>/{seqinfo.ini, img1/000001.jpg, gt/gt.txt}`, below `train/` and `test/` or not. A row is
`frame,id,left,top,width,height,considered,class,visibility`; the first pixel is (1, 1).
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.mot_rows import CHALLENGE, Row, Sequence, rows_of, seqinfo_of
from viseon.adapters.formats.pictures import inside, measured, pictures, place, split_of
from viseon.adapters.formats.reading import described
from viseon.adapters.formats.shapes import check_reach
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Object, Split

_SAYS = Says("MOT", ("track_id",), ("ignored", "visibility"))
_HOME = re.compile(r"([^/]+)/img1/(\d{6,})(\.\w+)")
_DEEPEST = 2


class MotConfig(Drops):
    """How to read and write sequences."""

    one_based: Annotated[
        bool | None,
        Field(
            description="Whether the first pixel is (1, 1). By default it is, unless a labels.txt "
            "says that CVAT or Datumaro wrote the sequence: those start at (0, 0)."
        ),
    ] = None


class MotFormat:
    """One or more sequences; each is a `video`, so that its frames share a split."""

    def __init__(self, config: MotConfig) -> None:
        self._drop = config.drop
        self._one_based = config.one_based

    def recognises(self, root: Path) -> bool:
        return bool(_folders(root))

    def read(self, root: Path) -> Contents:
        folders = _folders(root)
        if not folders:
            raise Invalid(
                f"{root}: there is no sequence here", fix="expected img1/ beside gt/gt.txt"
            )
        found = [seqinfo_of(folder, root) for folder in folders]
        classes: dict[str, None] = {}
        files: list[LabelledFile] = []
        for sequence in found:
            files += self._read(sequence)
            classes |= dict.fromkeys(sequence.classes or ())
        used = {o.class_name for f in files if f.annotation for o in f.annotation.objects}
        known = [*classes, *(n for n in CHALLENGE if n in used and n not in classes)]
        return Contents(classes=tuple(known), files=files)

    def _read(self, sequence: Sequence) -> Iterator[LabelledFile]:
        frames = _frames(sequence)
        rows, truth = _rows(sequence, frames)
        shift = 1 if self._shifted(sequence) else 0
        name, above = sequence.name, sequence.folder.relative_to(sequence.root).parts
        more = {"fps": sequence.fps} if sequence.fps else {}
        for (number, path), (_, size) in zip(
            frames.items(), measured(frames.values()), strict=True
        ):
            objects = tuple(
                _object(sequence, str(n), row, shift, size, truth)
                for n, row in enumerate(rows.get(number, ()), 1)
            )
            label = Annotation(objects=objects, reviewed=truth) if truth or objects else None
            yield LabelledFile(
                path, f"{name}/img1/{path.name}", label, split_of(*above), *size,
                metadata={"video": name, "frame": number, **more},
            )  # fmt: skip

    def _shifted(self, sequence: Sequence) -> bool:
        return sequence.one_based if self._one_based is None else self._one_based

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        known = sorted(files, key=lambda f: f.filename)
        written: dict[tuple[Split | None, str], _Written] = {}
        for file in known:
            found = _SAYS.fitted(file, drop=self._drop)
            if found is None:
                if not self._drop:
                    raise _SAYS.refused(file, "nobody has looked at it")
                continue
            name, number, suffix = self._home(file, written)
            sequence = written.setdefault((file.split, name), _Written())
            if number in sequence.rows:
                raise Invalid(
                    f"{file.filename}: {name} has two pictures of frame {number}",
                    fix="rename one of them",
                )
            folder = root / (file.split or "") / name
            place(file.path, folder / "img1" / f"{number:06d}{suffix}")
            sequence.rows[number] = [_line(number, o, file, classes) for o in found.objects]
            sequence.add(file, suffix)
        for (split, name), sequence in written.items():
            sequence.write(inside(root / (split or ""), name), name, classes)

    def _home(
        self, file: LabelledFile, written: dict[tuple[Split | None, str], "_Written"]
    ) -> tuple[str, int, str]:
        """Its sequence, its number there, and its suffix."""
        if home := _HOME.fullmatch(file.filename):
            return home[1], int(home[2]), home[3]
        if not self._drop:
            raise Invalid(
                f"{file.filename}: MOT names pictures <sequence>/img1/000001.jpg",
                fix="rename it; --set drop=true numbers the pictures of each video or folder",
            )
        parts = file.filename.split("/")
        name = str(file.metadata.get("video") or (parts[-2] if parts[1:] else "sequence"))
        name = name.replace("/", "-").replace("\\", "-").strip(".") or "sequence"
        before = written.get((file.split, name))
        return name, 1 + max(before.rows, default=0) if before else 1, Path(parts[-1]).suffix


@dataclass(slots=True)
class _Written:
    """A sequence while it is written."""

    rows: dict[int, list[str]] = field(default_factory=dict)
    about: dict[str, str | int] = field(default_factory=dict)

    def add(self, file: LabelledFile, suffix: str) -> None:
        about: dict[str, str | int] = {"imWidth": file.width, "imHeight": file.height}
        about["imExt"] = suffix
        if fps := file.metadata.get("fps"):
            about["frameRate"] = f"{fps:g}"
        self.about = about | self.about
        self.about["seqLength"] = max(self.rows)
        if (self.about["imWidth"], self.about["imHeight"]) != (file.width, file.height):
            raise Invalid(
                f"{file.filename}: others of its sequence have another size",
                fix="choose another format",
            )

    def write(self, folder: Path, name: str, classes: tuple[str, ...]) -> None:
        (folder / "gt").mkdir(parents=True, exist_ok=True)
        lines = [line for _, found in sorted(self.rows.items()) for line in found]
        (folder / "gt" / "gt.txt").write_text("".join(lines), encoding="utf-8")
        about = {"name": name, "imDir": "img1", **self.about}
        text = ["[Sequence]", *(f"{k}={v}" for k, v in about.items())]
        text += ["", "[Classes]", *(f"{n}={name}" for n, name in enumerate(classes, 1)), ""]
        (folder / "seqinfo.ini").write_text("\n".join(text), encoding="utf-8")


def _folders(root: Path) -> list[Path]:
    """The sequences, at most two folders down."""
    if not root.is_dir():
        return []
    return [path for path in (root, *sorted(_below(root, _DEEPEST))) if _is_sequence(path)]


def _below(folder: Path, deep: int) -> Iterator[Path]:
    """The folders in a folder, so many levels down."""
    with os.scandir(folder) as found:
        inner = [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    yield from inner
    if deep > 1:
        for path in inner:
            yield from _below(path, deep - 1)


def _is_sequence(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("gt/gt.txt", "det/det.txt")):
        return True
    return (folder / "seqinfo.ini").is_file() and (folder / "img1").is_dir()


def _frames(sequence: Sequence) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in pictures(sequence.images) if sequence.images.is_dir() else []:
        if not path.stem.isdecimal():
            raise sequence.wrong(path, "its name is not the number of a frame", "000001.jpg")
        other = found.setdefault(int(path.stem), path)
        if other != path:
            raise sequence.wrong(path, f"{other.name} is the same frame", "keep one of them")
    return found


def _rows(sequence: Sequence, frames: dict[int, Path]) -> tuple[dict[int, list[Row]], bool]:
    """The rows of each frame, and whether they are the truth; without it, what a detector saw."""
    truth = sequence.folder / "gt" / "gt.txt"
    path = truth if truth.is_file() else sequence.folder / "det" / "det.txt"
    found: dict[int, list[Row]] = {}
    for row in rows_of(path, sequence.root) if path.is_file() else ():
        if row.frame not in frames:
            shown = sequence.images.relative_to(sequence.root).as_posix()
            raise Invalid(
                f"{row.where}: there is no picture of frame {row.frame} in {shown}",
                fix=f"add {shown}/{row.frame:06d}.jpg, or remove the row",
            )
        found.setdefault(row.frame, []).append(row)
    return found, truth.is_file()


def _object(
    sequence: Sequence, id: str, row: Row, shift: int, size: tuple[int, int], truth: bool
) -> Object:
    names = sequence.classes or CHALLENGE
    if row.class_id > len(names) or row.class_id == 0:
        raise Invalid(
            f"{row.where}: class {row.class_id} has no name; there are {len(names)}, from 1",
            fix="add it to gt/labels.txt, or correct the number",
        )
    attributes: dict[str, Any] = {}
    if truth and row.score == 0:
        attributes["ignored"] = True
    if truth and row.visibility != 1:
        attributes["visibility"] = row.visibility
    if not truth:
        attributes["score"] = row.score
    x, y, w, h = row.box
    with described(row.where, "left,top,width,height in pixels, wider and higher than 0"):
        box = (x - shift, y - shift, x - shift + w, y - shift + h)
        name = names[max(row.class_id, 1) - 1]
        track = row.track if row.track >= 0 else None
        thing = Object(id=id, class_name=name, box=box, track_id=track, attributes=attributes)
        return check_reach(thing, size)


def _line(number: int, thing: Object, file: LabelledFile, classes: tuple[str, ...]) -> str:
    x1, y1, x2, y2 = thing.box
    ignored = thing.attributes.get("ignored", False)
    seen = thing.attributes.get("visibility", 1)
    if not isinstance(ignored, bool) or isinstance(seen, bool | str) or not 0 <= seen <= 1:
        raise Invalid(
            f"{file.filename}: {thing.class_name!r}: ignored {ignored!r}, visibility {seen!r}",
            fix="MOT has ignored as true or false and visibility from 0 to 1",
        )
    if thing.track_id is not None and thing.track_id < 0:
        raise Invalid(f"{file.filename}: track {thing.track_id} is negative", fix="renumber it")
    track = -1 if thing.track_id is None else thing.track_id
    box = ",".join(f"{round(v, 4):g}" if v == int(v) else repr(round(v, 4))
                   for v in (x1 + 1, y1 + 1, x2 - x1, y2 - y1))  # fmt: skip
    class_id = classes.index(thing.class_name) + 1
    return f"{number},{track},{box},{int(not ignored)},{class_id},{seen!r}\n"


plugin = Plugin("format", "mot", MotConfig, MotFormat)
