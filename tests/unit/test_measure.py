"""The quick look at a JPEG says what a look at all of it says, or nothing."""

import cv2
import numpy as np
import pytest

from viseon.adapters.formats import pictures
from viseon.schema import Invalid

PIXELS = np.random.default_rng(3).integers(0, 255, (40, 56, 3), np.uint8)
PLAIN = cv2.imencode(".jpg", PIXELS)[1].tobytes()
PROGRESSIVE = cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
RESTARTS = cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


def _with(marker: int, body: bytes, jpeg: bytes = PLAIN) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


KINDS = {
    "plain": PLAIN,
    "progressive": PROGRESSIVE,
    "restarts": RESTARTS,
    "comment": _with(0xFE, b"nobody was here"),
    "profile": _with(0xE2, b"ICC_PROFILE\0" + b"p" * 9000),
    "thumbnail": _with(0xEE, PLAIN),
    "turned": _with(0xE1, TURNED),
    "filled": PLAIN[:2] + b"\xff\xff\xff" + PLAIN[2:],
    "video behind": PLAIN + b"\0\0\0\x18ftypmp42" + b"v" * 90_000,
    "zeros behind": PLAIN + b"\0" * 100,
}


def _measured(path):
    try:
        return pictures.measure(path)
    except Invalid as error:
        return error.message


@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_look_agrees_with_the_long_one(kind, tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    whole = KINDS[kind]
    cuts = {len(whole), *range(0, min(len(whole), 1500)), *range(0, len(whole), 997)}
    answers = {}
    for little in (1 << 12, 0):
        monkeypatch.setattr(pictures, "LITTLE", little)
        for cut in sorted(cuts):
            path.write_bytes(whole[:cut])
            answers.setdefault(cut, []).append(_measured(path))
    assert {cut: said for cut, said in answers.items() if said[0] != said[1]} == {}
    assert answers[len(whole)][0] == ((40, 56) if kind == "turned" else (56, 40))


def test_most_jpegs_need_no_more_than_a_quick_look(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    monkeypatch.setattr(pictures, "_size", lambda *_: pytest.fail("it read all of the file"))
    for whole in (PLAIN, PROGRESSIVE, RESTARTS):
        path.write_bytes(whole)
        assert pictures.measure(path) == (56, 40)


def test_the_first_of_two_sizes_counts(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(_with(0xC0, b"\x08\0\0\0\0\x01\x01\x11\0"))
    assert "not a picture that can be read" in _measured(path)
