"""Pictures as people send them."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.images.raw import RawImages
from viseon.schema import Invalid, TooLarge, ViseonError

IMAGES = OpencvImages()


def picture(width=40, height=24):
    """Left half blue, right half red, BGR."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return pixels


def encoded(kind, pixels, *options):
    return cv2.imencode(kind, pixels, list(options))[1].tobytes()


def with_orientation(jpeg, orientation):
    """The same JPEG with an EXIF block (TIFF, one entry: tag 0x0112)."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("kind", [".png", ".bmp", ".tiff", ".webp"])
def test_what_was_written_is_read(kind):
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    assert np.array_equal(IMAGES.decode(encoded(kind, picture(), *options)), picture())


@pytest.mark.parametrize("images", [IMAGES, RawImages()])
def test_encode_and_decode_are_inverse(images):
    data = images.encode(picture(), kind="png")
    assert np.array_equal(images.decode(data), picture())
    assert images.size(data) == (40, 24)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photograph_stands_upright_and_its_size_says_so(orientation):
    data = with_orientation(encoded(".jpg", picture()), orientation)
    pixels = IMAGES.decode(data)
    assert IMAGES.size(data) == pixels.shape[1::-1]
    assert pixels.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    blue_first = {
        1: "left",
        2: "right",
        3: "right",
        4: "left",
        5: "top",
        6: "top",
        7: "bottom",
        8: "bottom",
    }
    corner = {
        "left": pixels[12, 2],
        "right": pixels[12, -3],
        "top": pixels[2, 12],
        "bottom": pixels[-3, 12],
    }
    blue, _, red = (
        corner[blue_first[orientation]]
        if orientation < 5
        else pixels[2 if blue_first[orientation] == "top" else -3, 12]
    )
    assert blue > 200 > 50 > red


def test_sixteen_bits_grey_and_alpha_become_plain_bgr():
    deep = (picture().astype(np.uint16)) * 257
    assert np.array_equal(IMAGES.decode(encoded(".png", deep)), picture())
    grey = IMAGES.decode(encoded(".png", np.full((5, 6), 77, np.uint8)))
    assert grey.shape == (5, 6, 3)
    assert (grey == 77).all()
    clear = np.dstack([picture(), np.full((24, 40), 128, np.uint8)])
    assert np.array_equal(IMAGES.decode(encoded(".png", clear)), picture())


@pytest.mark.parametrize("kind", [".gif", ".webp", ".png"])
def test_an_animation_is_its_first_frame(kind, tmp_path):
    animation = cv2.Animation()
    animation.frames = [picture(), np.zeros_like(picture())]
    animation.durations = [100, 100]
    path = tmp_path / f"moving{kind}"
    assert cv2.imwriteanimation(str(path), animation)
    pixels = IMAGES.decode(path.read_bytes())
    assert pixels.shape == (24, 40, 3)
    assert pixels[12, 2, 0] > 200


def test_a_bomb_is_refused_before_it_is_unpacked():
    rows = zlib.compress(b"\0" * 1000)
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    with pytest.raises(TooLarge, match="100000x100000"):
        IMAGES.decode(bomb)
    with pytest.raises(TooLarge):
        OpencvImages(max_pixels=100).decode(encoded(".png", picture()))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", b"<svg width='9' height='9'/>"])
def test_what_is_not_a_picture_is_refused(data):
    with pytest.raises(Invalid, match="picture"):
        IMAGES.decode(data)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_picture_cut_short_is_refused(kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(kind, noise)
    with pytest.raises(Invalid, match="picture"):
        IMAGES.decode(data[: int(len(data) * share)])


def test_a_thumbnail_does_not_hide_that_a_photograph_is_cut_short():
    photo = encoded(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    thumbnail = encoded(".jpg", picture())
    block = b"Exif\0\0" + thumbnail
    data = photo[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + photo[2:]
    assert IMAGES.decode(data).shape == (64, 64, 3)
    with pytest.raises(Invalid, match="cut short"):
        IMAGES.decode(data[:-400])


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_bytes_give_pixels_or_a_reason_and_nothing_else(data):
    kind = data.draw(st.sampled_from([".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff"]))
    good = bytearray(encoded(kind, picture()))
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = IMAGES.decode(bytes(good))
    except ViseonError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3


def test_both_adapters_resize_alike():
    pixels = np.random.default_rng(2).integers(0, 256, (37, 53, 3), np.uint8)
    for width, height in [(20, 10), (100, 90), (53, 37)]:
        one, two = IMAGES.resize(pixels, width, height), RawImages().resize(pixels, width, height)
        assert np.abs(one.astype(int) - two).max() <= 1
