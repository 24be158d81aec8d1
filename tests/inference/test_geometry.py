"""A box goes to the input and back to where it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.images.raw import RawImages
from viseon.inference import place
from viseon.inference.preprocess import prepare
from viseon.schema import InputSpec, Invalid

KINDS = ["letterbox", "letterbox-topleft", "stretch", "crop"]
sides = st.integers(1, 4000)


def spec(kind="letterbox", width=64, height=48, **more):
    return InputSpec(name="x", width=width, height=height, resize=kind, **more)


@settings(deadline=None, max_examples=200)
@given(sides, sides, st.sampled_from(KINDS), st.integers(1, 1280), st.integers(1, 1280))
def test_to_input_and_back_is_where_it_was(width, height, kind, w, h):
    placement = place(width, height, spec(kind, w, h))
    box = np.array([[0, 0, width, height], [width / 3, height / 4, width / 2, height]], np.float32)
    back = placement.to_frame(placement.to_input(box))
    np.testing.assert_allclose(back, box, rtol=1e-5, atol=max(width, height) * 1e-4)


@settings(deadline=None, max_examples=200)
@given(sides, sides, st.integers(1, 1280), st.integers(1, 1280))
def test_a_letterboxed_picture_lies_within_the_input_and_touches_two_sides(width, height, w, h):
    for kind in KINDS[:2]:
        placed = place(width, height, spec(kind, w, h))
        assert placed.left >= 0 <= placed.top
        assert placed.left + placed.width <= w
        assert placed.top + placed.height <= h
        assert w - placed.width <= 1 or h - placed.height <= 1


@settings(deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 512), st.integers(1, 512))
def test_a_cropped_picture_covers_the_input(width, height, w, h):
    placed = place(width, height, spec("crop", w, h))
    assert placed.left <= 0 >= placed.top
    assert placed.left + placed.width >= w
    assert placed.top + placed.height >= h


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (64, 48), (129, 97)])
def test_every_frame_becomes_a_tensor_of_the_input_size(kind, size):
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    tensor, _ = prepare(frame, spec(kind), RawImages())
    assert tensor.shape == (3, 48, 64)


@pytest.mark.parametrize("images", [OpencvImages(), RawImages()])
@pytest.mark.parametrize("kind", KINDS)
def test_the_edge_of_an_object_is_found_again_below_the_pixel(images, kind):
    """A white square on black: its edges in the tensor, mapped back, are where they were drawn."""
    frame = np.zeros((360, 500, 3), np.uint8)
    frame[120:240, 150:350] = 255
    tensor, placement = prepare(frame, spec(kind, 320, 320, scale=1 / 255), images)
    top, left = max(placement.top, 0), max(placement.left, 0)
    picture = tensor[0][
        top : placement.top + placement.height, left : placement.left + placement.width
    ]
    (x1, x2), (y1, y2) = span(picture[len(picture) // 2]), span(picture[:, picture.shape[1] // 2])
    box = np.array([[x1 + left, y1 + top, x2 + left, y2 + top]], np.float32)
    # The YOLOX way cuts sizes off and is up to one input pixel (1.6 of the frame) wrong.
    near = 1.6 if kind == "letterbox-topleft" else 0.25
    np.testing.assert_allclose(placement.to_frame(box)[0], [150, 120, 350, 240], atol=near)


def span(profile):
    """Where a bright stretch begins and ends: its middle, and half its amount of light either side."""
    amount = profile.sum()
    middle = (profile * (np.arange(len(profile)) + 0.5)).sum() / amount
    return middle - amount / 2, middle + amount / 2


def test_rgb_bgr_and_gray_order_their_channels():
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:] = (10, 20, 200)  # blue, green, red
    values = {
        c: prepare(frame, spec(color=c, scale=1.0), RawImages())[0] for c in ("rgb", "bgr", "gray")
    }
    assert values["rgb"][:, 0, 0].tolist() == [200, 20, 10]
    assert values["bgr"][:, 0, 0].tolist() == [10, 20, 200]
    assert values["gray"][:, 0, 0].tolist() == [round(0.114 * 10 + 0.587 * 20 + 0.299 * 200)]


def test_scale_mean_and_std_are_applied_in_that_order():
    frame = np.full((48, 64, 3), 100, np.uint8)
    wants = spec(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    tensor, _ = prepare(frame, wants, RawImages())
    expected = (100 / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.25, 2.0])
    np.testing.assert_allclose(tensor[:, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_layout_and_numbers_are_the_model_s(dtype, layout):
    frame = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    scale = 1.0 if dtype == "uint8" else 1 / 255
    tensor, _ = prepare(frame, spec(layout=layout, dtype=dtype, scale=scale), RawImages())
    assert tensor.dtype == dtype
    planes = tensor if layout == "nchw" else tensor.transpose(2, 0, 1)
    expected = frame[:, :, ::-1].transpose(2, 0, 1) * scale
    np.testing.assert_allclose(planes.astype(np.float64), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "frame",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8),
     np.zeros((4, 4, 3), np.float32), "not an array"],
)  # fmt: skip
def test_what_is_not_a_frame_is_refused(frame):
    with pytest.raises(Invalid, match="frame"):
        prepare(frame, spec(), RawImages())
