"""Appearance from an ONNX file keeps two people apart who swap places unseen."""

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from viseon import plugins
from viseon.schema import Invalid, NotFound
from viseon.vision import Detections

RED, BLUE = (0, 0, 200), (200, 0, 0)


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A ReID model that sees nothing but the average colour of a crop."""
    nodes = [helper.make_node("ReduceMean", ["crop"], ["looks"], axes=[2, 3], keepdims=0)]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["n", 3, 32, 16])],
        [helper.make_tensor_value_info("looks", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path_factory.mktemp("reid") / "colours.onnx"
    save(model, str(path))
    return path


def moment(places):
    """A frame with coloured people, and where they are."""
    frame = np.full((120, 200, 3), 90, np.uint8)
    boxes = []
    for x, colour in places:
        frame[30:90, x : x + 20] = colour
        boxes.append([x, 30, x + 20, 90])
    found = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.9, np.float32),
        np.zeros(len(boxes), np.int64),
    )
    return frame, found


def swapped(tracker):
    """Ids of (red, blue) before and after they changed places while nobody saw them."""
    told = []
    for index in range(40):
        if index < 12:
            places = [(40, RED), (64, BLUE)]
        elif index < 22:
            places = []
        else:
            places = [(40, BLUE), (64, RED)]
        frame, found = moment(places)
        tracks = tracker.update(found, frame, time_s=index / 25)
        told.append(
            dict(
                zip(
                    tracks.detections.xyxy[:, 0].astype(int).tolist(),
                    tracks.track_id.tolist(),
                    strict=True,
                )
            )
        )
    before, after = told[11], told[39]
    return (before[40], before[64]), (after[64], after[40])


def test_looks_decide_who_is_who(colours):
    tracker = plugins.find("tracker", "deepsort").make({"encoder": str(colours)})
    before, after = swapped(tracker)
    assert after == before


def test_without_looks_the_same_scene_swaps_their_ids():
    before, after = swapped(plugins.find("tracker", "bytetrack").make({}))
    assert after == before[::-1]


def test_a_file_that_is_no_such_model_is_said(tmp_path, box_model):
    with pytest.raises(NotFound, match="no file"):
        plugins.find("tracker", "deepsort").make({"encoder": str(tmp_path / "nothing.onnx")})
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(Invalid, match="is not an ONNX model"):
        plugins.find("tracker", "deepsort").make({"encoder": str(tmp_path / "text.onnx")})
