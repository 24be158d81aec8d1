"""HOTA, CLEAR and IDF1 against TrackEval, on sequences with every kind of mistake.

`mot_reference.json` holds TrackEval's numbers; `python tests/golden/test_mot_metrics.py` writes it
anew where `trackeval` is installed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from viseon.vision import Detections, Tracks, VisionError
from viseon.vision.metrics import clear, hota, idf1

REFERENCE = Path(__file__).with_name("mot_reference.json")
SEEDS = range(20)


def sequence(seed):
    """Walkers; the found ones are shaken, miss frames, swap and change identities, and see ghosts."""
    random = np.random.default_rng(seed)
    n, frames = int(random.integers(1, 9)), int(random.integers(5, 40))
    place, pace = random.uniform(0, 300, (n, 2)), random.normal(0, 6, (n, 2))
    name = np.arange(n) + 1
    found, truth = [], []
    for frame in range(frames):
        here = random.random(n) < 0.9
        low = place + pace * frame
        box = np.hstack([low, low + (40, 80)])
        truth.append(_tracks(box[here], np.arange(n)[here] * 3 + 5, frame))
        if random.random() < 0.15 and n > 1:
            a, b = random.choice(n, 2, replace=False)
            name[[a, b]] = name[[b, a]]
        if random.random() < 0.15:
            name[random.integers(n)] = name.max() + 1
        seen = here & (random.random(n) < 0.85)
        shaken = box[seen] + random.normal(0, 6, (int(seen.sum()), 4))
        ghosts = np.hstack([g := random.uniform(0, 300, (int(random.integers(0, 2)), 2)), g + 50])
        ids = np.concatenate([name[seen], 1000 + np.arange(len(ghosts))])
        found.append(_tracks(np.concatenate([shaken, ghosts]), ids, frame))
    return found, truth


def _tracks(box, ids, frame):
    return Tracks(Detections(box.astype(np.float32)), ids, frame / 30, frame)


def ours(found, truth):
    h, c, i = hota(found, truth), clear(found, truth), idf1(found, truth)
    return {
        "HOTA": h.hota_alpha.tolist(),
        "DetA": h.det_a.tolist(),
        "AssA": h.ass_a.tolist(),
        "AssRe": h.ass_re.tolist(),
        "AssPr": h.ass_pr.tolist(),
        "LocA": h.loc_a.tolist(),
        "MOTA": c.mota,
        "MOTP": c.motp,
        "CLR_TP": c.tp,
        "CLR_FN": c.fn,
        "CLR_FP": c.fp,
        "IDSW": c.switches,
        "Frag": c.fragments,
        "MT": c.mostly_tracked,
        "PT": c.partly_tracked,
        "ML": c.mostly_lost,
        "IDF1": i.idf1,
        "IDP": i.idp,
        "IDR": i.idr,
        "IDTP": i.idtp,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_tracking_metrics_equal_trackeval(seed):
    expected = json.loads(REFERENCE.read_text())[str(seed)]
    got = ours(*sequence(seed))
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, atol=1e-9, err_msg=name)


def test_a_perfect_tracker_scores_one():
    _, truth = sequence(0)
    assert hota(truth, truth).hota == pytest.approx(1.0)
    assert clear(truth, truth).mota == 1.0
    assert idf1(truth, truth).idf1 == 1.0


def test_nothing_found_scores_zero():
    _, truth = sequence(0)
    blind = [Tracks.empty(time_s=t.time_s, frame_index=t.frame_index) for t in truth]
    assert hota(blind, truth).hota == 0.0
    assert idf1(blind, truth).idf1 == 0.0
    assert clear(blind, truth).fn == sum(map(len, truth))
    assert hota([], []).hota == 0.0


def test_sequences_of_different_length_are_refused():
    _, truth = sequence(0)
    with pytest.raises(VisionError, match="frames, but truth has"):
        hota(truth[1:], truth)


def _write():
    from trackeval.metrics import CLEAR, HOTA, Identity

    from viseon.vision.metrics.sequences import paired

    table = {}
    for seed in SEEDS:
        found, truth = sequence(seed)
        pairs = paired(found, truth)
        data = {
            "num_timesteps": len(truth),
            "num_gt_ids": len(pairs.truth_frames),
            "num_tracker_ids": len(pairs.found_frames),
            "num_gt_dets": int(pairs.truth_frames.sum()),
            "num_tracker_dets": int(pairs.found_frames.sum()),
            "gt_ids": [f.truth for f in pairs.frames],
            "tracker_ids": [f.found for f in pairs.frames],
            "similarity_scores": [f.overlap for f in pairs.frames],
        }
        got = {}
        for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
            got |= metric.eval_sequence(data)
        table[seed] = {k: np.asarray(got[k]).tolist() for k in ours(found, truth)}
    REFERENCE.write_text(json.dumps(table))


if __name__ == "__main__":
    sys.exit(_write())
