"""Variants: what they are made of, and the gate that keeps bad ones out."""

import json
import os
import stat

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from viseon.adapters.exporters.precision import tail
from viseon.models import Overrides
from viseon.models.export import verdict
from viseon.models.service import Bounds
from viseon.plugins import find
from viseon.schema import Conflict, Failed, Measured, NotFound, Parity, Unavailable

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}


@pytest.fixture
def network(tmp_path):
    """Two convolutions and a softmax that tell which colour a picture has."""
    rng = np.random.default_rng(0)
    spread = np.vstack([np.eye(3), -np.eye(3), rng.normal(0, 0.1, (2, 3))]).astype(np.float32)
    gather = np.hstack([np.eye(3) * 6, -np.eye(3), np.zeros((3, 2))]).astype(np.float32)
    weights = {
        "w1": spread[:, :, None, None],
        "w2": gather[:, :, None, None],
        "zero": np.zeros(8, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w1", "zero"], ["wide"], name="first"),
        helper.make_node("Relu", ["wide"], ["kept"], name="relu"),
        helper.make_node("Conv", ["kept", "w2"], ["narrow"], name="second"),
        helper.make_node("GlobalAveragePool", ["narrow"], ["mean"], name="pool"),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flatten"),
        helper.make_node("Softmax", ["flat"], ["output"], name="softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes, "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path = tmp_path / "colours.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def shop(local, network):
    """A model `colours@1` and an unlabelled version `shop@1` of nine coloured pictures."""
    plain = Overrides(mean=(), std=(), resize="stretch")
    local.models.add(
        name="colours", onnx=local.blobs.add(network), classes=tuple(COLOURS), overrides=plain
    )
    local.datasets.create(name="shop")
    rows = []
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(3):
            pixels = np.clip(
                np.full((32, 32, 3), colour) * 0.9 + rng.integers(0, 20, (32, 32, 3)), 0, 255
            )
            digest = local.blobs.put(cv2.imencode(".png", pixels.astype(np.uint8))[1].tobytes())
            rows.append(
                json.dumps(
                    {
                        "filename": f"{name}-{number}.png",
                        "digest": digest,
                        "width": 32,
                        "height": 32,
                    }
                )
            )
    local.datasets.add("shop", rows=local.blobs.put("\n".join(rows).encode()))
    local.datasets.commit("shop", message="colours")
    return local


@pytest.mark.parametrize("exporter", ["int8", "fp16"])
@pytest.mark.filterwarnings("ignore")
def test_a_variant_becomes_a_model_with_its_table(shop, exporter):
    job = shop.models.export("colours@1", exporter=exporter, data="shop@1")
    told = job.wait().result
    assert told["deployable"], told
    assert [row["variant"] for row in told["table"]] == ["original", exporter]
    assert all(row["map50_95"] == 1.0 and row["ms"] > 0 for row in told["table"])
    variant = shop.models.get(told["model"])
    assert variant.parent == shop.models.get("colours@1").digest
    assert (variant.number, variant.blocked) == (2, "")
    graph = onnx.load_from_string(shop.blobs.get(variant.onnx)).graph
    kinds = {node.op_type for node in graph.node}
    if exporter == "int8":
        assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
        # The tail stays in float: nothing quantises what the pool gives.
        pool = next(node for node in graph.node if node.op_type == "GlobalAveragePool")
        after = {node.op_type for node in graph.node if pool.output[0] in node.input}
        assert "QuantizeLinear" not in after
    else:
        assert any(i.data_type == TensorProto.FLOAT16 for i in graph.initializer)


@pytest.fixture
def saboteur(monkeypatch):
    """Lets `int8` swap the classes without looking at a picture."""

    class Saboteur:
        suffix = ".onnx"

        def missing(self):
            return ""

        def export(self, path, workdir, pictures):
            model = onnx.load(path)
            w2 = next(i for i in model.graph.initializer if i.name == "w2")
            w2.CopyFrom(
                numpy_helper.from_array(np.roll(numpy_helper.to_array(w2), 1, axis=0), "w2")
            )
            onnx.save(model, workdir / "bad.onnx")
            return workdir / "bad.onnx"

    class Found:
        def make(self, options):
            return Saboteur()

    real = find
    monkeypatch.setattr(
        "viseon.models.service.find_plugin", lambda k, n: Found() if k == "exporter" else real(k, n)
    )


def labelled(shop, name, *class_names, most=9):
    """A version of the shop's pictures, in all of which people saw these classes."""
    shop.datasets.create(name=name, classes=class_names)
    objects = [{"class_name": c, "box": [0, 0, 32, 32], "id": c} for c in class_names]
    rows = [
        {"filename": s.filename, "digest": s.digest, "width": 32, "height": 32,
         "annotation": {"objects": objects}}
        for s in shop.datasets.samples("shop").items[:most]
    ]  # fmt: skip
    shop.datasets.add(name, rows=shop.blobs.put("\n".join(map(json.dumps, rows)).encode()))
    shop.datasets.commit(name, message="labels")
    return f"{name}@1"


def export(shop, data, **more):
    return shop.models.export("colours@1", exporter="int8", data=data, **more).wait().result


def test_a_variant_that_sees_other_things_may_not_be_deployed(shop, saboteur):
    told = export(shop, "shop@1")
    assert not told["deployable"]
    assert "more than the 0.020 allowed" in told["reason"]
    assert told["parity"]["offences"][0]["image"].endswith(".png")
    with pytest.raises(Conflict, match="may not be deployed"):
        shop.deployments.create(name="door", models=[told["model"]])


@pytest.mark.parametrize("class_names", [("purple", "mauve"), ()])
def test_where_there_is_nothing_to_find_only_parity_lets_a_variant_pass(
    shop, saboteur, class_names
):
    told = export(shop, labelled(shop, "odd", *class_names))
    assert [row["map50_95"] for row in told["table"]] == [-1, -1]
    assert not told["deployable"], told["reason"]
    assert "mAP is undefined" in told["reason"]
    assert "first difference" in told["reason"]
    stranger = "knows none of the labels' classes (mauve, purple), it knows red, green, blue"
    assert (stranger in told["reason"]) == bool(class_names)
    variant = shop.models.get(told["model"])
    assert (variant.blocked, variant.metrics) == (told["reason"], {})


@pytest.mark.filterwarnings("ignore")
def test_parity_passes_a_variant_whose_map_is_undefined_and_says_so(shop):
    told = export(shop, labelled(shop, "odd", "purple"))
    assert told["parity"]["passed"]
    assert told["deployable"]
    assert "mAP is undefined" in told["reason"]


@pytest.mark.parametrize("found", [-1.0, float("nan")])
def test_engines_that_both_see_nothing_prove_nothing(found):
    row = Measured(variant="one", size=1, ms=1, map50=found, map50_95=found)
    blind = Parity(passed=True, images=3, compared=0, worst_iou=1, worst_score_diff=0)
    good, reason = verdict((row, row), blind, max_map_drop=1)
    assert not good
    assert "nothing was measured" in reason
    seen = row.model_copy(update={"map50_95": 0.5})
    assert verdict((seen, seen), blind, max_map_drop=0)[0]


@pytest.mark.filterwarnings("ignore")
def test_int8_from_one_picture_says_how_little_it_proves(shop):
    told = export(shop, labelled(shop, "lonely", "red", most=1))
    assert "calibrated with only 1 picture: this proves little" in told["reason"]


def test_the_newest_verdict_counts_for_a_variant_that_is_exported_again(shop, saboteur):
    lax, strict = Bounds(max_map_drop=1.0), Bounds(max_map_drop=0.02)
    for bounds in (lax, strict, lax):
        told = export(shop, "shop@1", bounds=bounds)
        assert told["model"] == "colours@2"
        assert told["deployable"] == (bounds is lax)
        blocked = shop.models.get("colours@2").blocked
        assert blocked == ("" if bounds is lax else told["reason"])
    data = labelled(shop, "motley", *COLOURS)
    export(shop, data, bounds=lax)
    variant = shop.models.get("colours@2")
    assert variant.metrics["map50"] != 0.0
    # Bringing the file by hand is no verdict.
    export(shop, "shop@1", bounds=strict)
    signature = shop.models.get("colours@1").signature
    plain = Overrides(mean=(), std=(), resize="stretch")
    again = shop.models.add(
        name="colours", onnx=variant.onnx, classes=signature.classes, overrides=plain
    )
    assert again.blocked == shop.models.get("colours@2").blocked != ""


def test_an_export_that_changes_nothing_does_not_judge_the_original(shop, monkeypatch):
    class Idle:
        suffix = ".onnx"

        def missing(self):
            return ""

        def export(self, path, workdir, pictures):
            return path

    class Found:
        def make(self, options):
            return Idle()

    real = find
    monkeypatch.setattr(
        "viseon.models.service.find_plugin", lambda k, n: Found() if k == "exporter" else real(k, n)
    )
    before = shop.models.get("colours@1")
    assert export(shop, "shop@1")["model"] == "colours@1"
    assert shop.models.get("colours@1") == before


def test_exporters_say_what_is_missing(local, tmp_path):
    states = {state.name: state for state in local.models.exporters()}
    assert {"int8", "fp16", "openvino", "tensorrt", "coreml", "tflite"} <= set(states)
    for state in states.values():
        assert state.available == (not state.missing)
    if not states["tensorrt"].available:
        assert "trtexec" in states["tensorrt"].missing


def test_an_export_whose_tool_is_missing_says_so_before_any_work(shop, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Failed, match="trtexec"):
        shop.models.export("colours@1", exporter="tensorrt", data="shop@1").wait()
    with pytest.raises(NotFound, match="did you mean|installed"):
        find("exporter", "int4")


@pytest.mark.parametrize(("exporter", "program"), [("tensorrt", "trtexec"), ("tflite", "onnx2tf")])
def test_outside_tools_are_called_and_their_failures_told(
    network, tmp_path, monkeypatch, exporter, program
):
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / program
    tool.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --saveEngine=*) echo made > "${a#*=}";; esac; done\n'
                    'if [ "$3" = "-o" ]; then echo made > "$4/colours_float32.tflite"; fi\n')  # fmt: skip
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/bin{os.pathsep}/usr/bin")
    made = find("exporter", exporter).make({}).export(network, tmp_path, [])
    assert made.read_text() == "made\n"
    tool.write_text("#!/bin/sh\necho no GPU found >&2\nexit 3\n")
    made.unlink()
    with pytest.raises(Failed, match="ended with 3: no GPU found"):
        find("exporter", exporter).make({}).export(network, tmp_path, [])
    tool.unlink()
    with pytest.raises(Unavailable, match=program):
        find("exporter", exporter).make({}).export(network, tmp_path, [])


def test_the_tail_is_what_no_convolution_follows(network):
    assert sorted(tail(onnx.load(network).graph)) == ["flatten", "pool", "softmax"]


@pytest.mark.filterwarnings("ignore")
def test_openvino_passes_the_gate_and_its_file_is_kept(shop):
    pytest.importorskip("openvino")
    parity = shop.models.parity("colours@1", data="shop@1", backend="openvino").wait().result
    assert parity["passed"], parity
    told = shop.models.export("colours@1", exporter="openvino", data="shop@1").wait().result
    assert told["deployable"]
    assert shop.models.get("colours@1").artefacts["openvino"] == told["artefact"]


@pytest.mark.filterwarnings("ignore")
def test_openvino_serves_a_deployment(shop):
    pytest.importorskip("openvino")
    shop.deployments.create(name="door", models=["colours@1"], serving={"backend": "openvino"})
    image = next(s.digest for s in shop.datasets.samples("shop").items if s.filename == "red-0.png")
    (told,) = shop.deployments.predict("door", images=[image])
    assert told.objects[0].class_name == "red"
