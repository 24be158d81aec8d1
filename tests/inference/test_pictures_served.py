"""Pictures as cameras, phones and broken connections send them, through the whole server."""

import base64
import struct

import cv2
import numpy as np
import pytest

URL = "/v1/deployments/door/predict"


def scene(width=96, height=64):
    """A bright bar at a third from the left, as `box_model` looks for."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 3 - 4 : width // 3 + 4] = 255
    return pixels


def encoded(kind, pixels=None, *options):
    return cv2.imencode(kind, scene() if pixels is None else pixels, list(options))[1].tobytes()


def animated(tmp_path, kind):
    animation = cv2.Animation()
    animation.frames = [scene(), np.zeros_like(scene()), np.full_like(scene(), 255)]
    animation.durations = [100, 100, 100]
    path = tmp_path / f"moving{kind}"
    assert cv2.imwriteanimation(str(path), animation)
    return path.read_bytes()


def turned(jpeg, orientation):
    """The same JPEG with an EXIF block (TIFF, one entry: tag 0x0112)."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBt"
    "UVdfYmdoZz5NcXlwZHhcZWdj/8AAFAgAEAAgBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYH"
    "CAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBka"
    "JSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeo"
    "qaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD0CvQK"
    "9Ar0Ciiiivn+vn+vn+iiiiivoCvoCvoCiiiiivn+vn+vn+iiiiiv/9k="
)
"""32 x 16, Adobe CMYK JPEG: left half white, right half black."""


@pytest.fixture
def door(local, served, box_model):
    local.models.add(name="bright", onnx=local.blobs.add(box_model), classes=("bar",))
    local.deployments.create(name="door", models=("bright",))
    return served


def seen(response, width=96, height=64):
    assert response.status_code == 200, response.text
    (told,) = response.json()["predictions"]
    assert (told["width"], told["height"]) == (width, height)
    (thing,) = told["objects"]
    return (thing["box"][0] + thing["box"][2]) / 2


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_every_format_is_seen_alike(door, kind):
    assert seen(door.post(URL, content=encoded(kind))) == pytest.approx(32, abs=3)


@pytest.mark.parametrize("kind", [".gif", ".webp", ".png"])
def test_an_animation_is_its_first_frame(door, tmp_path, kind):
    assert seen(door.post(URL, content=animated(tmp_path, kind))) == pytest.approx(32, abs=3)


def test_sixteen_bits_grey_and_alpha(door):
    deep = encoded(".png", scene().astype(np.uint16) * 257)
    grey = encoded(".png", scene()[:, :, 0])
    clear = encoded(".png", np.dstack([scene(), np.full((64, 96), 9, np.uint8)]))
    for data in (deep, grey, clear):
        assert seen(door.post(URL, content=data)) == pytest.approx(32, abs=3)


def test_a_cmyk_jpeg_is_not_a_negative(door):
    assert seen(door.post(URL, content=CMYK), 32, 16) == pytest.approx(8, abs=2)


@pytest.mark.parametrize(("orientation", "where"), [(1, 32), (2, 64), (3, 64), (4, 32)])
def test_a_photograph_is_seen_as_it_is_looked_at(door, orientation, where):
    data = turned(encoded(".jpg"), orientation)
    assert seen(door.post(URL, content=data)) == pytest.approx(where, abs=3)


def test_a_photograph_on_its_side_is_stood_up(door):
    response = door.post(URL, content=turned(encoded(".jpg"), 6))
    seen(response, 64, 96)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
def test_every_prefix_is_refused_or_seen_and_never_our_fault(door, kind):
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    data = encoded(kind, noise)
    ends = sorted({*range(0, 64), *range(64, len(data), max(len(data) // 40, 1)), len(data) - 1})
    whole = 0
    for end in ends:
        response = door.post(URL, content=data[:end])
        assert response.status_code in (200, 422), (end, response.text)
        if response.status_code == 422:
            assert "picture" in response.json()["message"]
        whole += response.status_code == 200
    assert whole <= len(ends) // 10  # a few formats may do without their last bytes
    assert door.post(URL, content=data).status_code == 200


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
def test_damage_anywhere_is_refused_or_seen_and_never_our_fault(door, kind):
    random = np.random.default_rng(1)
    data = encoded(kind)
    for _ in range(60):
        bad = bytearray(data)
        for place in random.integers(0, len(bad), random.integers(1, 12)):
            bad[place] = random.integers(256)
        response = door.post(URL, content=bytes(bad))
        assert response.status_code in (200, 413, 422), response.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_forms_that_are_cut_short_or_lie_are_refused(door):
    body = (
        b"--x\r\nContent-Disposition: form-data; name=images; filename=a.jpg\r\n\r\n"
        + encoded(".jpg")
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for end in (*range(0, 90, 3), *range(90, len(body), 97)):
        response = door.post(URL, content=body[:end], headers=headers)
        assert response.status_code in (200, 400, 422), response.text
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "image/jpeg; x", "a/b"):
        response = door.post(URL, content=body, headers={"Content-Type": kind})
        assert response.status_code in (400, 422), response.text
