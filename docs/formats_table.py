"""What each format keeps, found out by writing it and reading it back.

`docs/generate.py` puts the table into `docs/how-to/formats.md`; a test fails when it is out of date.
"""

import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Mask, Object, ViseonError

WIDTH, HEIGHT = 64, 48
FORMATS = (
    "coco", "yolo-detect", "yolo-segment", "yolo-pose", "yolo-obb", "yolo-classify", "voc", "cvat",
    "cvat-video", "labelstudio", "labelme", "mot", "classes", "csv", "folder",
)  # fmt: skip
FACTS = (
    "boxes", "rotated boxes", "polygons", "masks", "keypoints", "picture classes", "tracks",
    "attributes", "split", "empty", "not annotated", "not reviewed", "metadata",
)  # fmt: skip
_BOX = {"box": (8, 12, 24, 36)}
_MASK = Mask(height=HEIGHT, width=WIDTH, counts="h`1<T100000000000000000000000000000Xg0")
_SHAPES: dict[str, dict[str, Any]] = {
    "boxes": _BOX,
    "rotated boxes": {"box": (16, 12, 32, 36), "rotated": (24, 24, 24, 16, 90)},
    "polygons": {"box": (32, 24, 48, 36), "polygons": ((32, 24, 48, 24, 48, 36),)},
    "masks": {"box": (32, 24, 48, 36), "mask": _MASK},
    "keypoints": _BOX | {"keypoints": ((8, 12, 2), (24, 36, 2))},
    "tracks": _BOX | {"track_id": 1},
    "attributes": _BOX | {"attributes": {"late": True}},
}
_NEEDS = {
    "yolo-segment": "polygons", "yolo-pose": "keypoints", "yolo-obb": "rotated boxes",
    "yolo-classify": "picture classes", "classes": "picture classes", "cvat-video": "tracks",
    "folder": "not annotated",
}  # fmt: skip
"""What a picture has where the column is about something else; otherwise a box."""


def table() -> str:
    """The table in Markdown."""
    lines = [f"| `--format` | {' | '.join(FACTS)} |", "|---" * (len(FACTS) + 1) + "|"]
    for name in FORMATS:
        lines.append(f"| `{name}` | {' | '.join(kept(name, fact) for fact in FACTS)} |")
    return "\n".join(lines)


def kept(name: str, fact: str) -> str:
    """`yes`: read back equal. `-`: refused by name. `lost`: neither."""
    with tempfile.TemporaryDirectory() as folder:
        before = _file(Path(folder), name, fact)
        other = replace(_beside(_file(Path(folder), name, "nothing more")), split=before.split)
        plugin = find("format", name).make({})
        try:
            plugin.write(Path(folder) / "out", iter([before, other]), ("cat", "dog"))
        except ViseonError:
            return "-"
        files = plugin.read(Path(folder) / "out").files
        after = next(file for file in files if file.filename.endswith(before.filename))
        if before.annotation is None and fact in ("empty", "not reviewed"):
            return "-"
        return "yes" if _same(before, after, fact) else "lost"


def _file(folder: Path, name: str, fact: str) -> LabelledFile:
    source = folder / "a.png"
    source.write_bytes(b"".join(_png()))
    needs = _NEEDS.get(name, "boxes")
    metadata = {"video": "walk", "frame": 1} if name in ("mot", "cvat-video") else {}
    return LabelledFile(
        source,
        {"mot": "walk/img1/000001.png", "cvat-video": "frame_000001.png"}.get(name, "a.png"),
        _annotation(fact if fact in (*_SHAPES, "picture classes") else needs, fact, needs),
        "train" if fact == "split" or name in ("classes", "yolo-classify") else None,
        WIDTH,
        HEIGHT,
        metadata | {"camera_id": "door"} if fact == "metadata" else metadata,
    )


def _beside(file: LabelledFile) -> LabelledFile:
    """A second picture, so that one without labels is not all there is."""
    name = file.filename.replace("a.png", "b.png").replace("1.png", "2.png")
    more = {"frame": 2} if "frame" in file.metadata else {}
    return replace(file, filename=name, metadata={**file.metadata, **more})


def _annotation(what: str, fact: str, needs: str) -> Annotation | None:
    if fact == "not annotated" or what == "not annotated":
        return Annotation() if fact == "empty" else None
    if fact == "empty":
        return Annotation()
    if what == "picture classes":
        return Annotation(classes=("dog",), reviewed=fact != "not reviewed")
    track = {"track_id": 1} if needs == "tracks" else {}
    thing = Object(id="1", class_name="dog", **_SHAPES[what] | track)
    return Annotation(objects=(thing,), reviewed=fact != "not reviewed")


def _same(before: LabelledFile, after: LabelledFile, fact: str) -> bool:
    if fact == "metadata":
        return dict(before.metadata) == dict(after.metadata)
    if fact == "split":
        return before.split == after.split
    return before.annotation == after.annotation


def _png() -> Iterator[bytes]:
    yield b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((WIDTH + 1) * HEIGHT))
    for name, data in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")):
        yield struct.pack(">I", len(data)) + name + data
        yield struct.pack(">I", zlib.crc32(name + data))
