"""ONNX Runtime behind the port, and files it cannot run."""

import numpy as np
import onnx
import pytest
from onnx import helper

from viseon.adapters.backends.onnx import OnnxBackend, OnnxConfig
from viseon.plugins import find
from viseon.schema import Invalid, NotFound, Unavailable


def opened(path, **options):
    return find("backend", "onnxruntime").make({"threads": 1, **options}, path)


def test_it_is_found_by_name_and_tells_what_the_graph_takes_and_gives(make_onnx):
    path = make_onnx({"a": np.zeros((2, 3)), "b": np.zeros(4)}, metadata={"stride": "32"})
    backend = opened(path)
    (image,) = backend.inputs
    assert (image.name, image.shape, image.dtype) == ("images", (None, 3, 64, 64), "float32")
    assert [t.name for t in backend.outputs] == ["a", "b"]
    assert backend.metadata["stride"] == "32"


def test_it_runs_a_batch_and_the_same_batch_again_gives_the_same(make_onnx):
    answer = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    backend = opened(make_onnx({"out": answer}))
    batch = np.ones((3, 3, 64, 64), np.float32)
    first, second = backend.run({"images": batch}), backend.run({"images": batch})
    assert first["out"].shape == (3, 5, 6)
    assert np.array_equal(first["out"], second["out"])
    assert np.array_equal(first["out"][1], answer)


@pytest.mark.parametrize(
    "inputs",
    [{"images": np.zeros((1, 3, 10, 10), np.float32)}, {"images": np.zeros((1, 3, 64, 64), np.float16)},
     {"pictures": np.zeros((1, 3, 64, 64), np.float32)}],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_invalid(make_onnx, inputs):
    backend = opened(make_onnx({"out": np.zeros(3)}))
    with pytest.raises(Invalid, match="does not fit"):
        backend.run(inputs)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no file"):
        opened(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a torch file", b"\x08\x07" * 50])
def test_another_kind_of_file_is_explained(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(Invalid, match="not an ONNX file") as error:
        opened(path)
    assert ".pt" in error.value.fix


def test_a_file_cut_short_is_explained(make_onnx):
    path = make_onnx({"out": np.random.default_rng(0).random((50, 50))})
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(Invalid, match="cut short"):
        opened(path)


@pytest.mark.parametrize(("field", "word"), [("opset", "opset"), ("ir", "opset")])
def test_a_file_from_the_future_is_explained(make_onnx, field, word):
    path = make_onnx({"out": np.zeros(3)})
    model = onnx.load(path)
    if field == "opset":
        model.opset_import[0].version = 99
    else:
        model.ir_version = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Invalid, match="newer than ONNX Runtime") as error:
        opened(path)
    assert word in error.value.fix


def test_missing_external_weights_are_explained(make_onnx, tmp_path):
    path = make_onnx({"out": np.random.default_rng(0).random((50, 50))})
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(Invalid, match="weights in another file") as error:
        opened(path)
    assert "one file" in error.value.fix


def test_an_unknown_operator_is_explained(make_onnx):
    path = make_onnx({"out": np.zeros(3)})
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Frobnicate", ["out"], ["other"]))
    model.graph.output.append(helper.make_tensor_value_info("other", 1, [3]))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Invalid, match="operator"):
        opened(path)


def test_a_device_that_is_not_installed_names_the_package(make_onnx):
    path = make_onnx({"out": np.zeros(3)})
    with pytest.raises(Unavailable, match="TensorrtExecutionProvider") as error:
        opened(path, device="tensorrt")
    assert "onnxruntime-gpu" in error.value.fix


def test_unknown_options_name_the_nearest(make_onnx):
    with pytest.raises(Invalid, match="thread") as error:
        opened(make_onnx({"out": np.zeros(3)}), thread=2)
    assert "threads" in error.value.fix


def test_auto_takes_the_cpu_where_there_is_nothing_else(make_onnx):
    assert OnnxBackend(OnnxConfig(), make_onnx({"out": np.zeros(3)})).device in ("cpu", "cuda")
