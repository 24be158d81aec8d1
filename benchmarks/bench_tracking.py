"""Trackers beside `trackers`: milliseconds per frame at 50 and 200 boxes, and quality on crowds.

Bars: SORT, ByteTrack and OC-SORT at least 5x as fast at 50 boxes and 10x at 200, and HOTA and IDF1 no
worse on the same detections. One core; medians over frames. `--speed` leaves out the quality table,
`--table` prints it as Markdown.
"""

import statistics
import sys
import time

import numpy as np
from crowd import Clip, crowd

from viseon import vision
from viseon.vision import Detections, Tracks
from viseon.vision.metrics import clear, hota, idf1

PAIRS = [
    ("SORT", "SORTTracker"),
    ("ByteTrack", "ByteTrackTracker"),
    ("OCSORT", "OCSORTTracker"),
    ("BoTSORT", "BoTSORTTracker"),
]
BARS = {50: 5.0, 200: 10.0}
CROWDS = [(15, 30.0), (30, 30.0), (30, 10.0), (60, 30.0)]
SEEDS = (100, 101, 102)


def plain(n, frames=200):
    """`n` people in plain view, each missed in 3 % of the frames: the load, without the drama."""
    random = np.random.default_rng(n)
    place, pace = random.uniform(0, 1500, (n, 2)), random.normal(0, 3, (n, 2))
    size = np.stack([random.uniform(30, 60, n), random.uniform(80, 140, n)], axis=1)
    video = []
    for t in range(frames):
        middle = place + pace * t + random.normal(0, 1, (n, 2))
        seen = random.random(n) > 0.03
        box = np.hstack([middle - size / 2, middle + size / 2])[seen].astype(np.float32)
        video.append(Detections(box, random.uniform(0.65, 1, len(box))))
    return Clip(video, [], 30.0)


def ours(name, clip):
    options = {"camera_motion": False} if name == "BoTSORT" else {}
    tracker = getattr(vision, name)(**options)
    took, out = [], []
    for i, found in enumerate(clip.found):
        start = time.perf_counter()
        out.append(tracker.update(found, time_s=i / clip.fps))
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e3, out


def theirs(module, supervision, name, clip):
    options = {"enable_cmc": False} if name == "BoTSORTTracker" else {}
    tracker = getattr(module, name)(frame_rate=clip.fps, **options)
    took, out = [], []
    for found in clip.found:
        given = supervision.Detections(
            xyxy=found.xyxy.copy(), confidence=found.score.copy(), class_id=found.class_id.copy()
        )
        start = time.perf_counter()
        got = tracker.update(given)
        took.append(time.perf_counter() - start)
        out.append(_tracks(got))
    return statistics.median(took) * 1e3, out


def _tracks(got):
    if got.tracker_id is None or not len(got):
        return Tracks.empty()
    known = got.tracker_id >= 0
    return Tracks(Detections(got.xyxy[known]), got.tracker_id[known])


def scores(out, clip):
    h, c, i = hota(out, clip.truth), clear(out, clip.truth), idf1(out, clip.truth)
    return np.array([h.hota, h.assa, c.mota, i.idf1, c.switches])


def speed(peer):
    good = True
    for n, bar in BARS.items():
        clip = plain(n)
        for name, other in PAIRS:
            mine, _ = ours(name, clip)
            line = f"{n:4d} boxes  {name:10s} viseon {mine:7.3f} ms"
            if peer:
                other_ms, _ = theirs(*peer, other, clip)
                ratio = other_ms / mine
                met = ratio >= bar or name == "BoTSORT"
                good &= met
                line += f"   trackers {other_ms:7.3f} ms   {ratio:5.1f}x   bar {bar:.0f}x {'' if met else 'MISSED'}"
            print(line)
    return good


def quality(peer):
    good = True
    print(
        "| crowd | tracker | HOTA | AssA | MOTA | IDF1 | switches |\n|---|---|---|---|---|---|---|"
    )
    for n, fps in CROWDS:
        clips = [crowd(n, frames=200, fps=fps, seed=seed) for seed in SEEDS]
        for name, other in PAIRS:
            mine = np.mean([scores(ours(name, c)[1], c) for c in clips], axis=0)
            _row(n, fps, f"**viseon {name}**", mine)
            if peer:
                peers = np.mean([scores(theirs(*peer, other, c)[1], c) for c in clips], axis=0)
                _row(n, fps, f"trackers {other}", peers)
                good &= bool(mine[0] >= peers[0] - 0.002 and mine[3] >= peers[3] - 0.002)
    return good


def _row(n, fps, name, values):
    figures = " | ".join(f"{v:.3f}" for v in values[:-1])
    print(f"| {n} people, {fps:.0f} fps | {name} | {figures} | {values[-1]:.1f} |")


def main():
    try:
        import supervision
        import trackers

        peer = (trackers, supervision)
    except ImportError:
        peer = None
        print("trackers is not installed: pip install trackers; no ratios printed")
    good = "--table" in sys.argv or speed(peer)
    if "--speed" not in sys.argv:
        good &= quality(peer)
    print("all bars met" if good and peer else "no peer" if not peer else "A BAR WAS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
