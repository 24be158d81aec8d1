"""ONNX Runtime behind the port, and files it cannot run."""

import numpy as np
import onnx
import pytest
from onnx import helper

from viseon.adapters.backends import onnx as adapter
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


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [(b"", "it is empty", "again"), (b"PK\x03\x04 a torch file", "PyTorch", ".pt"),
     (b"\x80\x02\x8a old torch", "PyTorch", ".pt"), (b"\x08\x07" * 50, "cut short", ".pt"),
     (b"just some text, nothing else\n" * 9, "cut short", ".pt"),
     (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS pointer", "git lfs pull"),
     (b"\n<!DOCTYPE html><html>404</html>", "web page", "get the file again"),
     (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture", "predicting"),
     (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a picture", "predicting"),
     (b"\x1c\0\0\0TFL3\x14\0 \0", "TFLite", "tf2onnx"), (b"\x89HDF\r\n\x1a\n", "Keras", "tf2onnx")],
)  # fmt: skip
def test_another_kind_of_file_is_explained(tmp_path, content, what, fix):
    path = tmp_path / "opset.onnx"
    path.write_bytes(content)
    with pytest.raises(Invalid, match="opset.onnx is not an ONNX file") as error:
        opened(path)
    assert what in error.value.message
    assert fix in error.value.fix
    assert str(tmp_path) not in str(error.value)


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
    assert "::" not in error.value.message  # the engine's own source says nothing to a user


@pytest.mark.parametrize("version", [None, 0, 3])
def test_a_file_from_long_ago_is_explained(make_onnx, version):
    path = make_onnx({"out": np.zeros(3)})
    model = onnx.load(path)
    model.opset_import[0].version = version or 0
    if version is None:
        del model.opset_import[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Invalid, match="too old") as error:
        opened(path)
    assert "opset 17" in error.value.fix


def test_missing_external_weights_are_explained(make_onnx, tmp_path):
    path = make_onnx({"out": np.random.default_rng(0).random((50, 50))})
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(Invalid, match="weights in another file") as error:
        opened(path)
    assert "one file" in error.value.fix
    assert str(tmp_path) not in error.value.message


@pytest.mark.parametrize(("domain", "declared"), [("", False), ("acme", True), ("acme", False)])
def test_an_unknown_operator_is_explained(make_onnx, domain, declared):
    path = make_onnx({"out": np.zeros(3)})
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Frobnicate", ["out"], ["other"], domain=domain))
    model.graph.output.append(helper.make_tensor_value_info("other", 1, [3]))
    path.write_bytes(model.SerializeToString())
    if declared:
        model.opset_import.append(helper.make_opsetid(domain, 1))
        path.write_bytes(model.SerializeToString())
    with pytest.raises(Invalid, match="operator that ONNX Runtime does not have.*Frobnicate"):
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


@pytest.mark.parametrize(
    ("release", "spin_us", "spins"),
    [("1.31.1", 20, "1"), ("1.27.0", 20, "1"), ("1.26.2", 20, "0"), ("1.31.1", 0, "0")],
)
def test_threads_never_wait_busily_for_milliseconds(monkeypatch, release, spin_us, spins):
    monkeypatch.setattr(adapter.ort, "__version__", release)
    options = adapter._session_options(OnnxConfig(spin_us=spin_us))
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == spins
    if spins == "1":
        assert options.get_session_config_entry("session.intra_op.spin_duration_us") == "20"
