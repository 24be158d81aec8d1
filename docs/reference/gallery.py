"""Draws the gallery of `viseon.draw`: `python docs/reference/gallery.py` rewrites the pictures and the page."""

import sys
from pathlib import Path

import cv2
import numpy as np

from viseon import draw
from viseon.vision import (
    ByteTrack,
    Detections,
    Heatmap,
    Line,
    Tracks,
    Zone,
)

HERE = Path(__file__).parent
SIZE = (640, 360)
ROAD = [(0, 230), (640, 150), (640, 250), (0, 345)]
BODY = np.array(
    [(.5, .06), (.54, .05), (.46, .05), (.58, .07), (.42, .07), (.68, .22), (.32, .22), (.8, .4),
     (.2, .4), (.75, .55), (.25, .55), (.62, .55), (.38, .55), (.66, .76), (.34, .76), (.68, .97), (.32, .97)]
)  # fmt: skip


def street(size=SIZE):
    """An empty street in soft colours."""
    width, height = size
    y = np.linspace(0, 1, height)[:, None, None]
    image = (np.array([205, 196, 186]) * (1 - y) + np.array([146, 150, 152]) * y).astype(np.uint8)
    image = np.repeat(image, width, axis=1)
    for x in range(0, width, 80):
        tall = 60 + (x * 37 % 50)
        cv2.rectangle(image, (x, 0), (x + 72, tall * height // 360), (170, 160, 150), cv2.FILLED)
    scale = np.array(size) / SIZE
    cv2.fillPoly(image, [(np.array(ROAD) * scale).astype(np.int32)], (120, 120, 122))
    return image


def people(at):
    """Boxes of people at a time in seconds: half go right, half left."""
    random = np.random.default_rng(4)
    rows = []
    for i in range(8):
        pace = (34 + random.uniform(0, 30)) * (1 if i % 2 else -1)
        x = (random.uniform(0, SIZE[0]) + pace * at) % SIZE[0]
        y = 200 + random.uniform(0, 140)
        tall = 40 + (y - 180) * 0.45
        rows.append((x - tall * 0.19, y - tall, x + tall * 0.19, y))
    return np.array(rows, np.float32)


def figures(image, boxes):
    """Paint a simple figure into each box, the nearer over the farther."""
    for x1, y1, x2, y2 in sorted(boxes.tolist(), key=lambda box: box[3]):
        w, h = x2 - x1, y2 - y1
        dress = draw.colour(int(x2 - x1))
        middle, top = round((x1 + x2) / 2), round(y1 + h * 0.12)
        cv2.ellipse(
            image,
            (middle, round(y1 + h * 0.45)),
            (round(w * 0.36), round(h * 0.3)),
            0,
            0,
            360,
            dress,
            cv2.FILLED,
            cv2.LINE_AA,
        )
        for side in (-0.16, 0.16):
            foot = (round(middle + w * side * 1.4), round(y2))
            cv2.line(
                image,
                (round(middle + w * side), round(y1 + h * 0.65)),
                foot,
                (70, 62, 60),
                max(2, round(w * 0.2)),
                cv2.LINE_AA,
            )
        cv2.circle(image, (middle, top), round(h * 0.1), (150, 178, 214), cv2.FILLED, cv2.LINE_AA)
    return image


def film(seconds=6.0, fps=10):
    """Everything that has memory, fed with the film: the last tracks, line, zone, traces and heat."""
    tracker, traces = ByteTrack(), draw.Traces(length_s=1.5)
    door = Line((330, 345), (310, 190))
    shop = Zone(
        [(60, 215), (240, 190), (260, 300), (70, 330)], holes=[[(130, 240), (180, 235), (180, 270)]]
    )
    heat = Heatmap(*SIZE, cell_px=10)
    tracks = Tracks.empty()
    for frame in range(int(seconds * fps)):
        tracks = tracker.update(Detections(people(frame / fps)), time_s=frame / fps)
        traces.update(tracks)
        door.update(tracks)
        shop.update(tracks)
        heat.update(tracks)
    return tracks, traces, door, shop, heat


def pictures():
    """Each picture of the gallery by name, with the code that draws it."""
    tracks, traces, door, shop, heat = film()
    seen = tracks.detections

    def scene():
        return figures(street(), seen.xyxy)

    posed = Detections(seen.xyxy, seen.score, seen.class_id, ellipses(seen), poses(seen))
    tilted = np.column_stack([
        (seen.xyxy[:, 0] + seen.xyxy[:, 2]) / 2, (seen.xyxy[:, 1] + seen.xyxy[:, 3]) / 2,
        seen.xyxy[:, 2] - seen.xyxy[:, 0], seen.xyxy[:, 3] - seen.xyxy[:, 1],
        np.linspace(-0.5, 0.5, len(seen)),
    ])  # fmt: skip
    names = ("person",)
    yield (
        "boxes",
        'draw.boxes(image, detections, texts=["person 0.98", ...])',
        draw.boxes(scene(), seen, texts=[f"person {s:.2f}" for s in seen.score - 0.02]),
    )
    yield (
        "tracks",
        'draw.tracks(image, tracks, class_names=("person",))',
        draw.tracks(scene(), tracks, class_names=names),
    )
    yield (
        "traces",
        "traces.update(tracks); traces.draw(image)",
        draw.tracks(traces.draw(scene()), tracks, class_names=names),
    )
    yield "line", 'draw.line(image, line, name="door")', draw.line(scene(), door, name="door")
    yield "zone", 'draw.zone(image, zone, name="shop")', draw.zone(scene(), shop, name="shop")
    yield (
        "masks",
        "draw.masks(image, detections)",
        draw.masks(scene(), posed, colours=[draw.colour(i) for i in range(len(posed))]),
    )
    yield "keypoints", "draw.keypoints(image, detections)", draw.keypoints(scene(), posed)
    yield "rotated_boxes", "draw.rotated_boxes(image, boxes)", draw.rotated_boxes(scene(), tilted)
    yield "polygons", "draw.polygons(image, rings)", draw.polygons(scene(), [ROAD, shop.corners])
    yield "heatmap", "draw.heatmap(image, heatmap)", draw.heatmap(scene(), heat)
    yield (
        "flow",
        "draw.flow(draw.heatmap(image, heatmap), heatmap)",
        draw.flow(draw.heatmap(scene(), heat), heat),
    )
    yield "pixelate", "draw.pixelate(image, detections.xyxy)", draw.pixelate(scene(), seen.xyxy)
    yield "blur", "draw.blur(image, detections.xyxy)", draw.blur(scene(), seen.xyxy, strength=0.6)
    yield "labels", "draw.labels(image, texts, at, colours=colours)", crowded_labels(scene())
    yield "caption", 'draw.caption(image, "entrance 08:12", (320, 16))', captioned(scene())
    yield "colour", "draw.colour(number)", swatches()
    for name, size in (("small, 320 px", (320, 180)), ("4K, shown reduced", (3840, 2160))):
        yield name.split(",")[0], f"the same calls on {name}", whole(size, tracks)


def whole(size, tracks):
    """Everything at once on a picture of another size."""
    scale = size[0] / SIZE[0]
    bigger = Tracks(Detections(tracks.xyxy * np.float32(scale)), tracks.track_id)
    image = figures(street(size), bigger.xyxy)
    zone = Zone(np.array([(60, 215), (240, 190), (260, 300), (70, 330)]) * scale)
    line = Line((330 * scale, 345 * scale), (310 * scale, 190 * scale))
    zone.update(bigger)
    draw.zone(image, zone, name="shop")
    draw.line(image, line, name="door")
    draw.tracks(image, bigger, class_names=("person",))
    return image if size[0] < 1000 else cv2.resize(image, (960, 540), interpolation=cv2.INTER_AREA)


def ellipses(seen):
    """Masks: an ellipse in each box."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    middle, half = (
        (seen.xyxy[:, :2] + seen.xyxy[:, 2:]) / 2,
        (seen.xyxy[:, 2:] - seen.xyxy[:, :2]) / 2,
    )
    across = (x[None] - middle[:, 0, None, None]) / half[:, 0, None, None]
    down = (y[None] - middle[:, 1, None, None]) / half[:, 1, None, None]
    return across**2 + down**2 <= 1


def poses(seen):
    """A standing pose in each box."""
    box = seen.xyxy[:, None]
    points = box[..., :2] + (box[..., 2:] - box[..., :2]) * BODY
    return np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).astype(np.float32)


def crowded_labels(image):
    """Six labels that all want the same place."""
    at = [(300 + 6 * i, 200 + 3 * i) for i in range(6)]
    draw.labels(
        image,
        [f"person #{i + 1}" for i in range(6)],
        at,
        colours=[draw.colour(i + 1) for i in range(6)],
    )
    return image


def captioned(image):
    """One text."""
    draw.caption(image, "entrance 08:12", (320, 16))
    return image


def swatches():
    """The first sixteen colours."""
    image = np.full((60, 640, 3), 255, np.uint8)
    for i in range(16):
        cv2.rectangle(image, (i * 40, 0), (i * 40 + 39, 60), draw.colour(i), cv2.FILLED)
    return image


def main():
    """Write the pictures and the page."""
    page = [
        "# Drawing: the gallery",
        "",
        "Made by `python docs/reference/gallery.py`; `from viseon import draw`.",
        "",
    ]
    (HERE / "gallery").mkdir(exist_ok=True)
    for name, code, image in pictures():
        file = f"gallery/{name.replace(' ', '-').lower()}.png"
        cv2.imwrite(str(HERE / file), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        page += [f"## {name}", "", f"`{code}`", "", f"![{name}]({file})", ""]
    (HERE / "gallery.md").write_text("\n".join(page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
