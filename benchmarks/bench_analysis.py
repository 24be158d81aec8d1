"""Lines, zones and smoothing for 50 tracks beside `supervision`: milliseconds per frame, one core.

Bars: line + zone faster, smoother at least 20x. Medians over frames.
"""

import statistics
import sys
import time

import numpy as np

from viseon.vision import ByteTrack, Detections, Line, Smoother, Zone

N, FRAMES = 50, 400
DOOR = ((0.0, 500.0), (1500.0, 500.0))
SHOP = [(200, 200), (1000, 150), (1200, 800), (300, 900)]


def video():
    random = np.random.default_rng(0)
    place, pace = random.uniform(100, 1400, (N, 2)), random.normal(0, 3, (N, 2))
    size = np.stack([random.uniform(30, 60, N), random.uniform(80, 140, N)], axis=1)
    for t in range(FRAMES):
        middle = place + pace * t + random.normal(0, 1, (N, 2))
        yield Detections(np.hstack([middle - size / 2, middle + size / 2]).astype(np.float32))


def median_ms(work, frames):
    took = []
    for frame in frames:
        start = time.perf_counter()
        work(frame)
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e3


def main():
    tracker = ByteTrack()
    tracks = [tracker.update(found) for found in video()]
    mine = {
        "line": median_ms(Line(*DOOR).update, tracks),
        "zone": median_ms(Zone(SHOP).update, tracks),
        "smoother": median_ms(Smoother().update, tracks),
    }
    try:
        import supervision as sv
    except ImportError:
        for name, value in mine.items():
            print(f"{name:12s} viseon {value:7.3f} ms")
        print("supervision is not installed: pip install supervision; no ratios printed")
        return 0
    frames = [
        sv.Detections(
            xyxy=t.xyxy.copy(),
            confidence=t.score.copy(),
            class_id=t.class_id.copy(),
            tracker_id=t.track_id.copy(),
        )
        for t in tracks
    ]
    line = sv.LineZone(
        start=sv.Point(*DOOR[0]),
        end=sv.Point(*DOOR[1]),
        triggering_anchors=[sv.Position.BOTTOM_CENTER],
    )
    zone = sv.PolygonZone(polygon=np.array(SHOP))
    theirs = {
        "line": median_ms(line.trigger, frames),
        "zone": median_ms(zone.trigger, frames),
        "smoother": median_ms(sv.DetectionsSmoother(length=5).update_with_detections, frames),
    }
    for table in (mine, theirs):
        table["line + zone"] = table["line"] + table["zone"]
    good = True
    for name, bar in (("line", None), ("zone", None), ("line + zone", 1.0), ("smoother", 20.0)):
        ratio = theirs[name] / mine[name]
        met = bar is None or ratio > bar
        good &= met
        wanted = "" if bar is None else f"   bar {bar:.0f}x {'' if met else 'MISSED'}"
        print(
            f"{name:12s} viseon {mine[name]:7.3f} ms   supervision {theirs[name]:7.3f} ms   {ratio:5.1f}x{wanted}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
