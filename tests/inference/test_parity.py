"""The gate as laws: what is the same passes, what is not is named."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.models.parity import compare
from viseon.vision import Detections


def detections(rng, n):
    corner = rng.uniform(0, 400, (n, 2))
    boxes = np.hstack([corner, corner + rng.uniform(20, 200, (n, 2))])
    score = rng.uniform(0.3, 1, n).astype(np.float32)
    return Detections(boxes.astype(np.float32), score, rng.integers(0, 3, n))


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=100)
@given(seeds, st.integers(0, 15))
def test_what_is_the_same_passes_in_any_order(seed, n):
    rng = np.random.default_rng(seed)
    one = detections(rng, n)
    told = compare([one], [one[rng.permutation(n)]], ["a.jpg"], score=0.25)
    assert told.passed
    assert (told.worst_iou, told.worst_score_diff) == (1.0, 0.0)
    assert told.compared == 2 * n


@settings(deadline=None, max_examples=100)
@given(seeds, st.integers(1, 15), st.sampled_from(["lost", "invented", "moved", "class", "score"]))
def test_one_difference_fails_and_names_its_picture(seed, n, kind):
    rng = np.random.default_rng(seed)
    same, one = detections(rng, n), detections(rng, n)
    xyxy, score, class_id = one.xyxy.copy(), one.score.copy(), one.class_id.copy()
    row = int(rng.integers(n))
    if kind == "moved":
        xyxy[row] += 3
    elif kind == "class":
        class_id[row] = 7
    elif kind == "score":
        score[row] -= 0.02
    other = Detections(xyxy, score, class_id)
    if kind in ("lost", "invented"):
        other = other.where(np.arange(n) != row)
    pair = (other, one) if kind == "invented" else (one, other)
    told = compare([same, pair[0]], [same, pair[1]], ["good.jpg", "bad.jpg"], score=0.25)
    assert not told.passed
    assert {offence.image for offence in told.offences} == {"bad.jpg"}


def test_a_partner_just_below_the_threshold_counts():
    box = np.array([[0, 0, 50, 50]], np.float32)
    just_above = Detections(box, np.array([0.252], np.float32))
    just_below = Detections(box, np.array([0.246], np.float32))
    assert compare([just_above], [just_below], ["a"], score=0.25).passed
    assert compare([just_below], [just_above], ["a"], score=0.25).passed
