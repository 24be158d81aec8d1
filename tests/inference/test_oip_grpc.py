"""The Open Inference Protocol over gRPC, spoken by Triton's own client."""

import asyncio
import socket
import threading
import warnings

import numpy as np
import pytest

from viseon.app import House
from viseon.rest import create_app
from viseon.rest.oip_grpc import GrpcServer
from viseon.rest.oip_messages import message
from viseon.schema import Conflict, Role
from viseon.settings import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import grpc
    import tritonclient.grpc as triton
    from tritonclient.grpc import service_pb2
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype

TENSOR = np.random.default_rng(0).random((2, 3, 64, 64)).astype(np.float32)
ROWS = np.random.default_rng(1).random((84, 8)).astype(np.float32)


@pytest.fixture
def app(house):
    return create_app(house)


@pytest.fixture
def address(app):
    """A server in an event loop of its own."""
    up, told, leave = threading.Event(), [], []

    async def serve():
        server = GrpcServer(app, "127.0.0.1:0")
        await server.start()
        told.append(server.port)
        leave.append((asyncio.get_running_loop(), over := asyncio.Event()))
        up.set()
        await over.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(10)
    yield f"127.0.0.1:{told[0]}"
    loop, over = leave[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()


@pytest.fixture
def client(address):
    with triton.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
def deployed(local, make_onnx):
    onnx = local.blobs.put(make_onnx({"output": ROWS}).read_bytes())
    local.models.add(name="boxes", onnx=onnx)
    local.deployments.create(name="door", models=["boxes"])
    return local


def tensor(array=TENSOR, name="images"):
    filled = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    filled.set_data_from_numpy(array)
    return filled


@pytest.fixture
def call(address):
    """A method with any bytes or message of Triton's as its request."""
    with grpc.insecure_channel(address) as channel:

        def ask(method, request, timeout=20):
            body = request if isinstance(request, bytes) else request.SerializeToString()
            way = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            return way(body, timeout=timeout)

        yield ask


def asked(**changes):
    """A request with its numbers in the message, not raw."""
    request = service_pb2.ModelInferRequest(model_name=changes.pop("model", "door"))
    given = {"name": "images", "datatype": "FP32", "shape": TENSOR.shape} | changes
    raw = given.pop("raw", None)
    added = request.inputs.add(**given)
    if raw is None:
        added.contents.fp32_contents.extend(TENSOR.ravel().tolist())
    else:
        request.raw_input_contents.extend(raw)
    return request


def test_the_messages_are_those_that_triton_generates_from_the_protocol():
    names = [
        "ServerLive",
        "ServerReady",
        "ModelReady",
        "ServerMetadata",
        "ModelMetadata",
        "ModelInfer",
    ]
    pairs = [(f"{n}Request", f"{n}Request") for n in names]
    pairs += [(f"{n}Response", f"{n}Response") for n in names]
    theirs = service_pb2.DESCRIPTOR.message_types_by_name
    fields = 0
    todo = [(message(ours).DESCRIPTOR, theirs[name]) for ours, name in pairs]
    while todo:
        mine, published = todo.pop()
        for field in mine.fields:
            same = published.fields_by_name[field.name]
            fields += 1
            assert (field.number, field.type, field.is_repeated) == (
                same.number,
                same.type,
                same.is_repeated,
            )
            if field.message_type is not None and fields < 500:
                todo.append((field.message_type, same.message_type))
    assert fields > 60


def test_who_answers_and_what_there_is(deployed, client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("door")
    assert client.is_model_ready("door", "1")
    assert client.get_server_metadata().name == "viseon"
    told = client.get_model_metadata("door", as_json=True)
    assert told["inputs"] == [
        {"name": "images", "datatype": "FP32", "shape": ["-1", "3", "64", "64"]}
    ]
    assert told["outputs"] == [{"name": "output", "datatype": "FP32", "shape": ["-1", "84", "8"]}]
    assert (told["versions"], told["platform"]) == (["1"], "viseon_onnxruntime")


def test_triton_s_client_works_as_it_is(deployed, client):
    wanted = [triton.InferRequestedOutput("output")]
    result = client.infer("door", [tensor()], outputs=wanted, request_id="9")
    np.testing.assert_array_equal(result.as_numpy("output")[1], ROWS)
    answer = result.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("9", "door", "1")
    assert answer.parameters["digest"].string_param == deployed.models.get("boxes").digest


def test_numbers_in_the_message_are_as_good_as_bytes_behind_it(deployed, call):
    answer = service_pb2.ModelInferResponse.FromString(call("ModelInfer", asked()))
    array = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(
        answer.outputs[0].shape
    )
    np.testing.assert_array_equal(array[0], ROWS)


def test_both_wires_share_the_batches_and_the_counts(deployed, client, served):
    client.infer("door", [tensor()])
    binary = {
        "name": "images",
        "datatype": "FP32",
        "shape": [2, 3, 64, 64],
        "data": TENSOR.ravel().tolist(),
    }
    assert served.post("/v2/models/door/infer", json={"inputs": [binary]}).status_code == 200
    stats = deployed.deployments.stats("door")
    assert stats.answered == 4
    assert stats.mean_batch == 2
    assert stats.latency_ms["total"].p50 >= stats.latency_ms["model"].p50 > 0


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"name": "pictures"}, "images"), ({"datatype": "FP99"}, "datatype"), ({"shape": [1, 3]}, "shape"),
     ({"shape": [1, 3, 64, 65]}, "numbers"), ({"datatype": "FP16"}, "raw_input_contents"),
     ({"shape": [-1, 3, 64, 64]}, "shape"), ({"raw": [b"1234"]}, "bytes"), ({"raw": [b"", b""]}, "2 for 1"),
     ({"datatype": "FP64", "raw": [TENSOR.astype(np.float64).tobytes()]}, "float32")],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_named(deployed, call, changes, word):
    with pytest.raises(grpc.RpcError) as error:
        call("ModelInfer", asked(**changes))
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert word in error.value.details()


def test_bytes_that_are_no_message_are_refused(deployed, call):
    for method in ("ModelInfer", "ModelReady", "ModelMetadata"):
        with pytest.raises(grpc.RpcError) as error:
            call(method, b"\xff\xff\xff")
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def status(error):
    return error.value.status().removeprefix("StatusCode.")


def test_what_is_not_there_is_named(deployed, client):
    with pytest.raises(InferenceServerException, match="no deployment named 'ghost'") as error:
        client.get_model_metadata("ghost")
    assert status(error) == "NOT_FOUND"
    with pytest.raises(InferenceServerException, match="has no version '9'") as error:
        client.infer("door", [tensor()], model_version="9")
    assert status(error) == "NOT_FOUND"
    with pytest.raises(InferenceServerException, match="outputs: no 'ghost'") as error:
        client.infer("door", [tensor()], outputs=[triton.InferRequestedOutput("ghost")])
    assert status(error) == "INVALID_ARGUMENT"


def refused(ask):
    with pytest.raises(grpc.RpcError) as error:
        ask()
    return error.value.code().name, error.value.details(), dict(error.value.trailing_metadata())


def test_a_full_deployment_refuses_at_once_and_says_when_to_come_back(deployed, house, call):
    call("ModelInfer", asked())
    gate = house.model_server._gates["door"]
    gate._answers, gate._pace_s = 50, 0.9
    for _ in range(2):
        gate.enter(1e12)
    code, words, after = refused(lambda: call("ModelInfer", asked(), timeout=1.5))
    assert code == "RESOURCE_EXHAUSTED"
    assert "2 requests are being answered, one more would take about 2700 ms" in words
    assert (after["retry-after"], after["grpc-retry-pushback-ms"]) == ("2", "2000")
    assert gate.inside == 2
    assert deployed.deployments.stats("door").refused == 1


def test_a_request_that_is_too_late_is_told_so(deployed, house, call):
    ready = deployed.deployments.ready("door")
    with house.model_server.engine(ready, ready.models[0]) as engine:
        run, held = engine._batcher._run, threading.Event()

        def slow(items):
            held.wait(10)
            return run(items)

        engine._batcher._run = slow
        request = asked()
        request.parameters["timeout"].int64_param = 200_000
        code, words, _ = refused(lambda: call("ModelInfer", request))
        held.set()
    assert code == "DEADLINE_EXCEEDED"
    assert "deadline" in words
    assert house.model_server._gates["door"].inside == house.model_server.room.taken_bytes == 0


def test_a_bug_is_told_as_one_without_its_words(deployed, house, call, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr(house.model_server, "infer", broken)
    code, words, _ = refused(lambda: call("ModelInfer", asked()))
    assert (code, "secret" in words) == ("INTERNAL", False)


def test_a_port_that_is_taken_is_named(app):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        async def serve():
            GrpcServer(app, f"127.0.0.1:{other.getsockname()[1]}")

        with pytest.raises(Conflict, match="grpc_port: cannot listen"):
            asyncio.run(serve())


class TestTokens:
    @pytest.fixture
    def house(self, tmp_path):
        house = House(Settings(home=tmp_path / "home", jobs="inline", auth="token"))
        yield house
        house.close()

    def test_a_token_comes_as_metadata(self, deployed, client):
        secret = deployed.access.create_token(name="robot", role=Role.VIEWER).secret
        headers = {"authorization": f"Bearer {secret}"}
        assert client.infer("door", [tensor()], headers=headers).as_numpy("output").shape == (
            2,
            84,
            8,
        )
        assert client.is_server_live()
        assert client.is_server_ready()
        for wrong in ({}, {"authorization": "Bearer wrong"}, {"authorization": secret}):
            with pytest.raises(InferenceServerException) as error:
                client.infer("door", [tensor()], headers=wrong)
            assert status(error) == "UNAUTHENTICATED"
        with pytest.raises(InferenceServerException) as error:
            client.get_model_metadata("door")
        assert status(error) == "UNAUTHENTICATED"
