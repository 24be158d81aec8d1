"""Models as people really have them: brought, deployed, asked with pictures and with tensors."""

import cv2
import numpy as np
import onnx
import pytest

ROWS = np.full((84, 8), 0.01, np.float32)
ROWS[:, :2] = np.linspace(0, 64, 84)[:, None]
ROWS[9, :5] = [20, 32, 10, 8, 1.0]
ROWS[9, 5:] = [0.01, 0.9, 0.01]
"""What a YOLOX-decoded graph says: class 1 at (15, 28, 25, 36)."""

PROTOS = np.ones((2, 16, 16), np.float32)
GRID = np.full((9, 84), 0.01, np.float32)
GRID[:4, 5], GRID[4:7, 5] = [20, 32, 10, 8], [0.01, 0.9, 0.01]
"""The same of a YOLOv8 head with masks."""

ODD = {
    "plain": {"outputs": {"output": ROWS}},
    "a fixed batch of one": {"outputs": {"output": ROWS}, "shape": (1, 3, 64, 64)},
    "a fixed batch of four": {"outputs": {"output": ROWS}, "shape": (4, 3, 64, 64)},
    "any size": {
        "outputs": {"output": ROWS},
        "shape": ("n", 3, "height", "width"),
        "overrides": {"width": 64, "height": 64},
    },
    "float16": {"outputs": {"output": ROWS.astype(np.float16)}, "dtype": "float16"},
    "uint8": {"outputs": {"output": ROWS}, "dtype": "uint8"},
    "channels last": {"outputs": {"output": ROWS}, "shape": ("n", 64, 64, 3)},
    "channels last in uint8": {
        "outputs": {"output": ROWS},
        "shape": (1, 64, 64, 3),
        "dtype": "uint8",
    },
    "no metadata, odd names": {"outputs": {"1734": ROWS}, "name": "input.1"},
    "outputs in another order": {"outputs": {"protos": PROTOS, "boxes": GRID}},
}
"""How each file differs; none of them says anything about itself in its metadata."""


@pytest.fixture
def bring(served, make_onnx):
    def post(path, **options):
        digest = served.post("/v1/blobs", content=path.read_bytes()).json()
        return served.post("/v1/models", json={"name": "odd", "onnx": digest, **options})

    def run(*, outputs, overrides=None, **how):
        path = make_onnx(outputs, **how)
        return post(path, classes=["a", "b", "c"], overrides=overrides or {})

    run.file = post
    return run


@pytest.mark.parametrize("kind", ODD)
def test_it_is_understood_deployed_and_asked(bring, served, kind):
    assert bring(**ODD[kind]).status_code == 200
    made = served.post("/v1/deployments", json={"name": "door", "models": ["odd@1"]})
    assert made.status_code == 200, made.text
    pictures = [np.full((64, 64, 3), value, np.uint8) for value in (0, 90, 255)]
    files = [("images", ("a.png", cv2.imencode(".png", p)[1].tobytes())) for p in pictures]
    answer = served.post("/v1/deployments/door/predict", files=files)
    assert answer.status_code == 200, answer.text
    for told in answer.json()["predictions"]:
        (thing,) = told["objects"]
        assert thing["class_name"] == "b"
        assert thing["score"] == pytest.approx(0.9, abs=2e-3)
        assert thing["box"] == pytest.approx([15, 28, 25, 36], abs=0.1)


@pytest.mark.parametrize("kind", ODD)
def test_its_tensors_are_described_and_taken_as_they_are(bring, served, kind):
    spec = bring(**ODD[kind]).json()["signature"]["input"]
    served.post("/v1/deployments", json={"name": "door", "models": ["odd@1"]})
    (wanted,) = served.get("/v2/models/door").json()["inputs"]
    assert (
        wanted["datatype"]
        == {"float32": "FP32", "float16": "FP16", "uint8": "UINT8"}[spec["dtype"]]
    )
    sizes = [64 if size == -1 else size for size in wanted["shape"][1:]]
    tensor = {**wanted, "shape": [2, *sizes], "data": [0] * (2 * 3 * 64 * 64)}
    answer = served.post("/v2/models/door/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    assert {o["shape"][0] for o in answer.json()["outputs"]} == {2}


def broken(path, kind):
    model = onnx.load(path)
    if kind == "wrong opset":
        model.opset_import[0].version = 99
    elif kind == "external data missing":
        onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        return
    elif kind == "an operator nobody has":
        model.graph.node.append(onnx.helper.make_node("Frobnicate", ["output"], ["other"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info("other", 1, [3]))
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "word", "fix"),
    [("wrong opset", "newer", "opset"), ("external data missing", "another file", "one file"),
     ("an operator nobody has", "operator", "custom")],
)  # fmt: skip
def test_a_file_that_cannot_be_run_is_refused_with_what_to_do(
    bring, served, make_onnx, kind, word, fix
):
    path = make_onnx({"output": ROWS})
    broken(path, kind)
    answer = bring.file(path)
    assert answer.status_code == 422
    assert word in answer.json()["message"]
    assert fix in answer.json()["fix"]
    assert served.get("/v1/models").json()["items"] == []


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ({"scale": 0}, "overrides.scale"),
        ({"color": "gray"}, "the graph takes 3 channels"),
        ({"mean": [1, 2]}, "mean has 2 numbers, the input 3 channels"),
        ({"std": [1, 0, 1]}, "std must not be 0"),
        ({"mean": ["NaN", 0, 0]}, "mean must be finite"),
    ],
)
def test_what_a_person_says_is_refused_where_it_cannot_be_so(bring, overrides, word):
    answer = bring(outputs={"output": ROWS}, overrides=overrides)
    assert answer.status_code == 422
    assert word in answer.json()["message"]
    assert ".:" not in answer.json()["message"]


def test_a_model_that_answers_nothing_but_nan_is_refused(bring):
    answer = bring(outputs={"output": np.full_like(ROWS, np.nan)})
    assert answer.status_code == 422
    assert "nan throughout" in answer.json()["message"]
