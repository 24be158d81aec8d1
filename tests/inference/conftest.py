"""Tiny ONNX files with known answers."""

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


@pytest.fixture
def make_onnx(tmp_path):
    """A file whose outputs are given arrays (without batch axis), whatever the picture shows."""

    def make(
        outputs,
        *,
        shape=("batch", 3, 64, 64),
        dtype="float32",
        metadata=None,
        name="images",
        extra=None,
        file="model.onnx",
    ):
        rank = len(shape)
        nodes = [
            helper.make_node("Cast", [name], ["as_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["as_float", "nought"], ["zero"]),
            helper.make_node(
                "ReduceMax", ["zero"], ["flat"], axes=list(range(1, rank)), keepdims=0
            ),
        ]
        weights = [numpy_helper.from_array(np.zeros((), np.float32), "nought")]
        declared = []
        for out, array in outputs.items():
            array = np.asarray(array)
            ones = np.array([-1] + [1] * array.ndim, np.int64)
            weights += [
                numpy_helper.from_array(array[None].astype(np.float32), f"{out}_answer"),
                numpy_helper.from_array(ones, f"{out}_ones"),
            ]
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            nodes += [
                helper.make_node("Reshape", ["flat", f"{out}_ones"], [f"{out}_zero"]),
                helper.make_node("Add", [f"{out}_answer", f"{out}_zero"], [f"{out}_sum"]),
                helper.make_node("Cast", [f"{out}_sum"], [out], to=kind),
            ]
            declared.append(helper.make_tensor_value_info(out, kind, [shape[0], *array.shape]))
        inputs = [helper.make_tensor_value_info(name, KINDS[dtype], list(shape))]
        for other, (kind, sizes) in (extra or {}).items():
            inputs.append(helper.make_tensor_value_info(other, kind, sizes))
            nodes.append(helper.make_node("Identity", [other], [f"{other}_unused"]))
        graph = helper.make_graph(nodes, "tiny", inputs, declared, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        for key, value in (metadata or {}).items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        checker.check_model(model)
        path = tmp_path / file
        path.write_bytes(model.SerializeToString())
        return path

    return make
