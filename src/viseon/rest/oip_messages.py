"""The messages of the Open Inference Protocol over gRPC, built from a table instead of generated.

https://github.com/kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto.
They live in a pool of their own: another library in this process may bring the same names.
"""

from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClassesForFiles

SERVICE = "inference.GRPCInferenceService"

_ASKS = "name=1 version=2"
_TENSOR = "name=1 datatype=2 shape=3:int64* parameters=4:map contents=5:InferTensorContents"
_TABLE = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live=1:bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready=1:bool",
    "ModelReadyRequest": _ASKS,
    "ModelReadyResponse": "ready=1:bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name=1 version=2 extensions=3:string*",
    "ModelMetadataRequest": _ASKS,
    "TensorMetadata": "name=1 datatype=2 shape=3:int64*",
    "ModelMetadataResponse": "name=1 versions=2:string* platform=3"
    " inputs=4:TensorMetadata* outputs=5:TensorMetadata*",
    "InferParameter": "bool_param=1:bool| int64_param=2:int64| string_param=3:string|"
    " double_param=4:double| uint64_param=5:uint64|",
    "InferTensorContents": "bool_contents=1:bool* int_contents=2:int32* int64_contents=3:int64*"
    " uint_contents=4:uint32* uint64_contents=5:uint64* fp32_contents=6:float*"
    " fp64_contents=7:double* bytes_contents=8:bytes*",
    "InferInputTensor": _TENSOR,
    "InferOutputTensor": _TENSOR,
    "InferRequestedOutputTensor": "name=1 parameters=2:map",
    "ModelInferRequest": "model_name=1 model_version=2 id=3 parameters=4:map"
    " inputs=5:InferInputTensor* outputs=6:InferRequestedOutputTensor* raw_input_contents=7:bytes*",
    "ModelInferResponse": "model_name=1 model_version=2 id=3 parameters=4:map"
    " outputs=5:InferOutputTensor* raw_output_contents=6:bytes*",
}
"""Field, number and kind of each message: a string unless said, `*` for many, `|` for one of."""


def _built() -> Any:
    file = FileDescriptorProto(name="open_inference.proto", package="inference", syntax="proto3")
    for name, fields in _TABLE.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            _field(message, text)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClassesForFiles([file.name], pool)


def _field(message: DescriptorProto, text: str) -> None:
    said, _, kind = text.partition(":")
    name, _, number = said.partition("=")
    field = message.field.add(
        name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL
    )
    if kind.endswith("*") or kind == "map":
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if kind.endswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="choice")
        field.oneof_index = 0
    kind = kind.rstrip("*|") or "string"
    if kind == "map":  # protobuf's own form of map<string, InferParameter>
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _field(entry, "key=1")
        _field(entry, "value=2:InferParameter")
        kind = f"{message.name}.{entry.name}"
    if kind[0].isupper():
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".inference.{kind}"
    else:
        field.type = getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}")


_CLASSES = _built()


def message(name: str) -> Any:
    """The class of a message, such as `ModelInferRequest`."""
    return _CLASSES[f"inference.{name}"]
