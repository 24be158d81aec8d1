"""A simulated crowd with known truth: people who walk, turn, stop and hide each other."""

from dataclasses import dataclass

import numpy as np

from viseon.vision import Detections, Tracks


@dataclass(frozen=True)
class Clip:
    """Frames of detections, the truth behind them, and how fast they came."""

    found: list[Detections]
    truth: list[Tracks]
    fps: float


def crowd(
    n: int,
    *,
    frames: int = 300,
    fps: float = 30.0,
    seed: int = 0,
    size=(1920, 1080),
    noise: float = 0.02,
) -> Clip:
    """`n` people at once; the nearer (lower) hides the farther, hidden ones score low or vanish."""
    random = np.random.default_rng(seed)
    w, h = size
    people = [_person(random, w, h) for _ in range(n)]
    names = list(range(1, n + 1))
    found, truth = [], []
    for frame in range(frames):
        for i, person in enumerate(people):
            _walk(random, person, 1 / fps)
            if not (-60 < person["x"] < w + 60 and h * 0.2 < person["y"] < h + 150):
                people[i] = _person(random, w, h, edge=True)
                names.append(max(names) + 1)
                names[i] = names.pop()
        box = np.array([_box(p) for p in people])
        seen = _visible(box)
        shown = (box[:, 0] < w) & (box[:, 2] > 0) & (seen > 0.1)
        order = np.argsort(names)
        rows = order[shown[order]]
        truth.append(Tracks(Detections(box[rows]), np.array(names)[rows], frame / fps, frame))
        found.append(_detected(random, box, seen, size, noise))
    return Clip(found, truth, fps)


def _person(random, w, h, edge=False):
    y = random.uniform(0.35, 1.0) * h
    speed = random.normal(0, 1, 2) * (90, 25)
    x = (-30 if speed[0] > 0 else w + 30) if edge else random.uniform(0, w)
    return {"x": x, "y": y, "v": speed, "tall": random.uniform(0.17, 0.22) * (0.5 + y / h) * h,
            "goal": speed, "turn": random.exponential(3.0), "h": h}  # fmt: skip


def _walk(random, p, dt):
    p["turn"] -= dt
    if p["turn"] < 0:
        p["turn"] = random.exponential(3.0)
        p["goal"] = random.normal(0, 1, 2) * (90, 25) * (random.random() > 0.2)
    p["v"] = p["v"] + (p["goal"] - p["v"]) * min(1.0, 2.5 * dt)
    p["x"] += p["v"][0] * dt
    p["y"] += p["v"][1] * dt


def _box(p):
    tall = p["tall"]
    wide = tall * 0.38
    return [p["x"] - wide / 2, p["y"] - tall, p["x"] + wide / 2, p["y"]]


def _visible(box):
    """The share of each box not covered by those in front (their feet are lower), on a grid."""
    share = np.ones(len(box))
    grid = np.linspace(0.05, 0.95, 7)
    for i, (x1, y1, x2, y2) in enumerate(box):
        front = box[box[:, 3] > y2]
        if len(front):
            x, y = np.meshgrid(x1 + grid * (x2 - x1), y1 + grid * (y2 - y1))
            hidden = (
                (x[..., None] > front[:, 0]) & (x[..., None] < front[:, 2])
                & (y[..., None] > front[:, 1]) & (y[..., None] < front[:, 3])
            ).any(axis=-1)  # fmt: skip
            share[i] = 1 - hidden.mean()
    return share


def _detected(random, box, seen, size, noise):
    w, h = size
    hit = random.random(len(box)) < np.clip((seen - 0.15) * 3, 0, 0.98)
    tall = (box[:, 3] - box[:, 1])[hit, None]
    noisy = box[hit] + random.normal(0, noise, (hit.sum(), 4)) * tall * (
        1.5 - 0.5 * seen[hit, None]
    )
    score = np.clip(0.25 + 0.65 * seen[hit] + random.normal(0, 0.06, hit.sum()), 0.05, 0.99)
    false = random.poisson(0.02 * len(box))
    at = random.uniform(0, 1, (false, 2)) * (w, h)
    ghost = np.hstack([at, at + random.uniform(0.05, 0.2, (false, 2)) * (h * 0.4, h)])
    noisy = np.concatenate([noisy, ghost])
    score = np.concatenate([score, random.uniform(0.05, 0.6, false)])
    noisy[:, 0::2] = np.clip(noisy[:, 0::2], 0, w)
    noisy[:, 1::2] = np.clip(noisy[:, 1::2], 0, h)
    good = (noisy[:, 2] - noisy[:, 0] > 4) & (noisy[:, 3] - noisy[:, 1] > 4)
    return Detections(noisy[good].astype(np.float32), score[good].astype(np.float32))
