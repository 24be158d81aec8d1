"""Perceptual hashes tell copies from strangers.

Measured on 120 generated photographs (1/f noise with shapes), in bits of 128. Copies, at most:
JPEG at quality 30: 4; resized to half or to a square: 10; blurred: 2; brighter by a quarter and
clipped: 16; darker or another gamma: 10; cropped by 3 % of each side, anywhere: 16; by 5 %: 26
(by 7 %: 95 % of copies are within 26; by 10 %: hardly any). Strangers, of 7,140 pairs: the
closest 38, the closest thousandth 42, the median 54. The threshold is 26.
Frames of one fixed camera are near one another: they show the same place.
"""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.vision.phash import (
    BITS,
    NEAR,
    VIEWS,
    WORDS,
    distance,
    is_blank,
    look_alikes,
    near,
    perceptual_hash,
)


def photo(seed):
    """Natural spectrum, a few shapes: as unlike each other as photographs are."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(200, 420, 2)
    waves = np.fft.rfft2(rng.normal(size=(height, width, 3)), axes=(0, 1))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    radius[0, 0] = 1 / max(height, width)
    noise = np.fft.irfft2(waves / radius[..., None] ** 1.1, s=(height, width), axes=(0, 1))
    scaled = (noise - noise.mean()) / noise.std() * 45 + rng.uniform(90, 160)
    picture = np.clip(scaled, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 8)):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(5, width // 4)), int(rng.integers(5, height // 4)))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    return picture


def encoded(picture, quality):
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def lit(picture, gain, bias):
    return np.clip(picture.astype(np.float32) * gain + bias, 0, 255).astype(np.uint8)


def cropped(picture, share, across, down):
    """`share` of each side in all is twice cut away, at a place from 0 (start) to 1 (end)."""
    height, width = picture.shape[:2]
    y, x = int(2 * share * height * down), int(2 * share * width * across)
    return picture[y : y + int(height * (1 - 2 * share)), x : x + int(width * (1 - 2 * share))]


COPIES = {
    "itself": lambda p: p,
    "re-encoded": lambda p: encoded(p, 30),
    "halved": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "squeezed": lambda p: encoded(cv2.resize(p, (160, 160)), 80),
    "brighter": lambda p: encoded(lit(p, 1.25, 20), 85),
    "darker": lambda p: encoded(lit(p, 0.6, -5), 85),
    "gamma": lambda p: (255 * (p / 255.0) ** 0.7).astype(np.uint8),
    "grey": lambda p: cv2.cvtColor(p, cv2.COLOR_BGR2GRAY),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 1.5),
    "cropped all round": lambda p: encoded(cropped(p, 0.05, 0.5, 0.5), 85),
    "cropped left and top": lambda p: encoded(cropped(p, 0.05, 1, 1), 85),
    "cropped right": lambda p: encoded(cropped(p, 0.03, 0, 0.5), 85),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_near_its_original(copy):
    apart = []
    for seed in range(12):
        picture = photo(seed)
        apart.append(distance(perceptual_hash(picture), perceptual_hash(COPIES[copy](picture))))
    assert max(apart) <= NEAR


def test_strangers_are_far_apart():
    hashes = np.stack([perceptual_hash(photo(seed)) for seed in range(60)])
    apart = near(hashes, hashes, threshold=BITS)
    closest = apart[apart[:, 0] != apart[:, 1]][:, 2].min()
    assert closest >= NEAR + 8


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0, 0.04),
    across=st.floats(0, 1),
    down=st.floats(0, 1),
    gain=st.floats(0.7, 1.15),
    quality=st.integers(40, 95),
)
def test_any_mild_crop_in_any_light_is_near(seed, share, across, down, gain, quality):
    picture = photo(seed)
    copy = encoded(lit(cropped(picture, share, across, down), gain, 0), quality)
    assert distance(perceptual_hash(picture), perceptual_hash(copy)) <= NEAR


def test_copies_of_real_frames_are_near(shared_data):
    video = cv2.VideoCapture(str(shared_data / "video" / "car-detection.mp4"))
    frames = [video.read()[1] for _ in range(200)][::40]
    video.release()
    for frame in frames:
        hash = perceptual_hash(frame)
        assert all(distance(hash, perceptual_hash(c(frame))) <= NEAR for c in COPIES.values())


def test_a_picture_of_nothing_is_near_nothing():
    grey = np.full((90, 120, 3), 128, np.uint8)
    hash = perceptual_hash(encoded(grey, 60))
    assert is_blank(hash)
    assert distance(hash, hash) == BITS
    label, most = look_alikes(np.stack([hash, hash]), threshold=BITS)
    assert label.tolist() == [0, 1]
    assert most.tolist() == [-1, -1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, BITS))
def test_near_finds_exactly_what_distance_says(seed, threshold):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 2**64, (n, VIEWS, WORDS), np.uint64) for n in (7, 5))
    b[2] = a[3]
    b[4, 0] = a[1, 8]
    a[5] = 0
    wanted = {
        (i, j, d)
        for i in range(7)
        for j in range(5)
        if (d := distance(a[i], b[j])) <= threshold and not is_blank(a[i])
    }
    assert {tuple(row) for row in near(a, b, threshold=threshold).tolist()} == wanted


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 14), st.integers(0, 60))
def test_look_alikes_are_joined_by_chains_of_near_pairs(seed, count, threshold):
    rng = np.random.default_rng(seed)
    hashes = np.repeat(rng.integers(0, 2**64, (count, 1, WORDS), np.uint64), VIEWS, axis=1)
    for i in range(1, count):  # most are some bits away from another one
        if rng.random() < 0.7:
            flipped = rng.integers(0, 64, int(rng.integers(0, 30)))
            mask = np.bitwise_or.reduce(np.uint64(1) << flipped.astype(np.uint64), initial=0)
            hashes[i] = hashes[rng.integers(0, i)] ^ np.uint64(mask)
    pairs = [
        (i, j, bits)
        for i in range(count)
        for j in range(i)
        if (bits := distance(hashes[i], hashes[j])) <= threshold
    ]
    label, most = look_alikes(hashes, threshold=threshold)
    for i in range(count):
        group = _closure(i, [(a, b) for a, b, _ in pairs])
        assert label[i] == min(group)
        inside = [bits for a, _, bits in pairs if a in group]
        assert most[i] == max(inside, default=-1)


def _closure(start, pairs):
    seen = {start}
    while more := {b for p in pairs for a, b in (p, p[::-1]) if a in seen} - seen:
        seen |= more
    return seen


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="pixels: uint8"):
        perceptual_hash(wrong)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 500), (2000, 7)])
def test_any_size_has_a_hash(size):
    pixels = np.random.default_rng(1).integers(0, 255, (*size, 3)).astype(np.uint8)
    assert perceptual_hash(pixels).shape == (VIEWS, WORDS)
