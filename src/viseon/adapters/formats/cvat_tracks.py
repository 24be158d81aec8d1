"""CVAT for video: tracks of keyframes over pictures named frame_000000, frame_000001, …"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element, SubElement

from viseon.adapters.formats.cvat_shapes import SHAPES, points_of, write_shape
from viseon.adapters.formats.pictures import filename, measure, pictures, split_of
from viseon.adapters.formats.reading import described
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object

_NUMBER = re.compile(r"(\d+)$")
_NAME = re.compile(r"^frame_(\d{6,})$")
MOST_DIGITS = 12
_SIDES = ("xtl", "ytl", "xbr", "ybr", "cx", "cy", "rx", "ry")


class Explained(Protocol):
    """As much of a CVAT file as its tracks need."""

    root: Path
    name: str
    top: Element

    def object(self, element: Element, id: str, size: tuple[int, int], where: str) -> Object:
        """The object of an element."""
        ...

    @property
    def wrong(self) -> Callable[[str, str], Invalid]:
        """Makes an error in this file."""
        ...


def read_video(document: Explained) -> dict[Path, LabelledFile]:
    """Every frame with what the tracks show there; between keyframes shapes move in a line."""
    frames = _frames(document)
    video = document.top.findtext("meta/task/name") or document.top.findtext("meta/source")
    split = split_of((document.top.findtext("meta/task/subset") or "").strip())
    sizes = {number: measure(path) for number, path in frames.items()}
    _check_size(document, frames, sizes)
    found: dict[int, list[Object]] = {number: [] for number in frames}
    for track in document.top.findall("track"):
        id = track.get("id", "")
        if not (id.isdecimal() and len(id) < MOST_DIGITS):
            raise document.wrong(f"the track id {id!r} is not a number", "number the tracks")
        for number, element in _shown(document, track, sorted(frames)):
            where = f"track {id} ({track.get('label', '')}), frame {number}"
            thing = document.object(element, id, sizes[number], where)
            if any(other.id == id for other in found[number]):
                raise document.wrong(f"{where}: the track is there twice", "renumber one")
            found[number].append(thing.model_copy(update={"track_id": int(id)}))
    return {
        path: LabelledFile(
            path, filename(path, document.root), Annotation(objects=tuple(found[number])), split,
            *sizes[number], metadata={"video": video or document.root.name, "frame": number},
        )
        for number, path in frames.items()
    }  # fmt: skip


def write_tracks(
    top: Element, known: list[tuple[LabelledFile, Annotation | None]], *, drop: bool
) -> None:
    """A track per track id, a keyframe wherever it is seen. Raises Invalid for what is no video."""
    frames: dict[int, tuple[LabelledFile, Annotation]] = {}
    for file, found in known:
        number = _NAME.match(file.filename.rpartition(".")[0])
        if number is None or found is None or int(number[1]) in frames:
            why = "nobody has looked at it" if number else "its name is not frame_000000, …"
            raise _no_video(file, why)
        frames[int(number[1])] = file, found
    _task(top, [file for file, _ in frames.values()], drop=drop)
    tracks: dict[int, dict[int, Object]] = {}
    for at, (file, found) in sorted(frames.items()):
        for thing in found.objects:
            if thing.track_id is None or thing.track_id < 0:
                raise _no_video(file, f"its {thing.class_name!r} has no track id")
            seen = tracks.setdefault(thing.track_id, {})
            if at in seen or any(o.class_name != thing.class_name for o in seen.values()):
                raise _no_video(file, f"track {thing.track_id} is two things")
            seen[at] = thing
    for id, seen in sorted(tracks.items()):
        _track(top, id, seen, sorted(frames))


def _frames(document: Explained) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in pictures(document.root):
        if number := _NUMBER.search(path.stem):
            other = found.setdefault(int(number[1]), path)
            if other != path:
                raise document.wrong(
                    f"{other.name} and {path.name} are the same frame", "keep one of them"
                )
    if not found:
        source = (document.top.findtext("meta/source") or "the video").strip()
        raise document.wrong(
            f"the frames of {source} are not here",
            "export again with `Save images`, or: mkdir images && "
            f"ffmpeg -i {source} -start_number 0 images/frame_%06d.png",
        )
    return found


def _check_size(
    document: Explained, frames: dict[int, Path], sizes: dict[int, tuple[int, int]]
) -> None:
    width = document.top.findtext("meta/task/original_size/width") or ""
    height = document.top.findtext("meta/task/original_size/height") or ""
    if not all(v.strip().isdecimal() and len(v) < MOST_DIGITS for v in (width, height)):
        return
    for number, size in sizes.items():
        if size != (int(width), int(height)):
            raise document.wrong(
                f"{frames[number].name} has {size[0]}x{size[1]} pixels, the video {width}x{height}",
                "extract the frames in the size of the video",
            )


def _shown(document: Explained, track: Element, frames: list[int]) -> Iterator[tuple[int, Element]]:
    """Where a track is to be seen, and its shape there."""
    keys = sorted(_keyframes(document, track).items())
    there = set(frames)
    for at, element in keys:
        if at not in there and element.get("outside") != "1":
            raise document.wrong(
                f"track {track.get('id')}: there is no picture of frame {at}",
                f"add images/frame_{at:06d}.png",
            )
    for number in frames:
        before = [key for key in keys if key[0] <= number]
        if not before or before[-1][1].get("outside") == "1":
            continue
        at, element = before[-1]
        if at != number and len(before) < len(keys):
            after, other = keys[len(before)]
            where = f"{document.name}: track {track.get('id')}, frame {after}"
            with described(where, "correct it in CVAT and export again"):
                element = _between(element, other, (number - at) / (after - at))
        yield number, element


def _keyframes(document: Explained, track: Element) -> dict[int, Element]:
    keys: dict[int, Element] = {}
    for element in track:
        if element.tag not in SHAPES:
            continue
        frame = element.get("frame", "")
        if not (frame.isdecimal() and len(frame) < MOST_DIGITS) or int(frame) in keys:
            raise document.wrong(
                f"track {track.get('id')}: {element.tag} has the frame {frame!r}, no number or"
                " one that it had before",
                "export it again",
            )
        element.set("label", track.get("label", ""))
        if (group := track.get("group_id")) and not element.get("group_id"):
            element.set("group_id", group)
        element.extend(track.findall("attribute"))
        keys[int(frame)] = element
    return keys


def _between(one: Element, other: Element, share: float) -> Element:
    """The shape that far on the way; the first one's where the two do not match."""
    moved = deepcopy(one)
    if one.tag != other.tag:
        return moved
    for side in _SIDES:
        if side in one.attrib and side in other.attrib:
            a, b = float(one.attrib[side]), float(other.attrib[side])
            moved.set(side, repr(a + (b - a) * share))
    a, b = float(one.get("rotation", 0)), float(other.get("rotation", 0))
    if a or b:
        turn = (b - a + 180) % 360 - 180
        moved.set("rotation", repr((a + turn * share) % 360))
    _move_points(moved, other, share)
    named = {joint.get("label"): joint for joint in other.findall("points")}
    for joint in moved.findall("points"):
        target = named.get(joint.get("label"))
        if target is not None:
            _move_points(joint, target, share)
    return moved


def _move_points(one: Element, other: Element, share: float) -> None:
    if "points" not in one.attrib or "points" not in other.attrib:
        return
    here, there = points_of(one.attrib["points"]), points_of(other.attrib["points"])
    if len(here) == len(there):
        mixed = (
            f"{x + (u - x) * share!r},{y + (v - y) * share!r}"
            for (x, y), (u, v) in zip(here, there, strict=True)
        )
        one.set("points", ";".join(mixed))


def _task(top: Element, files: list[LabelledFile], *, drop: bool) -> None:
    splits = {file.split for file in files}
    if len(splits) > 1 and not drop:
        raise _no_video(files[0], "others are in another split")
    task = top.find("meta/task")
    if task is None or not files:
        return
    SubElement(task, "name").text = str(files[0].metadata.get("video", "video"))
    if len(splits) == 1 and (split := splits.pop()):
        SubElement(task, "subset").text = split


def _track(top: Element, id: int, seen: dict[int, Object], frames: list[int]) -> None:
    name = next(iter(seen.values())).class_name
    track = SubElement(top, "track", id=str(id), label=name, source="manual")
    last: Element | None = None
    for at in frames:
        if at in seen:
            element = write_shape(track, seen[at].model_copy(update={"track_id": None}))
            element.attrib.pop("label")
            last = element
        elif last is not None:
            element = deepcopy(last)
            track.append(element)
            last = None
        else:
            continue
        flags = {"frame": str(at), "keyframe": "1", "outside": "0" if at in seen else "1"}
        element.attrib.update(flags)


def _no_video(file: LabelledFile, why: str) -> Invalid:
    return Invalid(
        f"{file.filename}: {why}; CVAT for video has one video of labelled frames",
        fix="--format cvat writes pictures",
    )
