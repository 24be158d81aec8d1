"""The Open Inference Protocol, spoken by hand and by Triton's own client."""

import http.server
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import uvicorn

from viseon.adapters.images.raw import RawImages
from viseon.models import load
from viseon.plugins import find
from viseon.rest import create_app
from viseon.schema import Failed, Invalid, NotFound, Unavailable

TENSOR = np.random.default_rng(0).random((2, 3, 64, 64)).astype(np.float32)
ROWS = np.random.default_rng(1).random((84, 8)).astype(np.float32)


@pytest.fixture
def deployed(local, make_onnx):
    onnx = local.blobs.put(make_onnx({"output": ROWS}).read_bytes())
    local.models.add(name="boxes", onnx=onnx)
    local.deployments.create(name="door", models=["boxes"])
    return local


def request(**changes):
    tensor = {
        "name": "images",
        "datatype": "FP32",
        "shape": [2, 3, 64, 64],
        "data": TENSOR.ravel().tolist(),
    }
    return {"id": "7", "inputs": [tensor | changes]}


def test_metadata_tells_what_the_model_takes_and_gives(deployed, served):
    told = served.get("/v2/models/door").json()
    assert told["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, 3, 64, 64]}]
    assert told["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 84, 8]}]
    assert served.get("/v2/models/door/versions/1/ready").json()["ready"]
    assert served.get("/v2/health/ready").status_code == 200
    assert served.get("/v2/models/ghost").status_code == 404
    assert served.get("/v2/models/door/versions/9").status_code == 404


def test_tensors_go_in_and_raw_outputs_come_out(deployed, served):
    answer = served.post("/v2/models/door/infer", json=request()).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("door", "1", "7")
    (output,) = answer["outputs"]
    assert output["shape"] == [2, 84, 8]
    data = np.array(output["data"], np.float32).reshape(2, 84, 8)
    np.testing.assert_array_equal(data[1], ROWS)


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"name": "pictures"}, "images"), ({"datatype": "FP99"}, "datatype"), ({"shape": [1, 3]}, "shape"),
     ({"shape": [1, 3, 64, 65]}, "shape"), ({"data": ["x"]}, "data"), ({"datatype": "FP16"}, "float32"),
     ({"shape": [-1, 3, 64, 64]}, "shape"), ({"parameters": {"binary_data_size": 4}}, "bytes"),
     ({"shape": [10**9, 10**9]}, "shape"), ({"shape": [0, 2**40, 2**40], "data": []}, "shape")],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_named(deployed, served, changes, word):
    response = served.post("/v2/models/door/infer", json=request(**changes))
    assert response.status_code == 422, response.text
    assert word in response.json()["detail"]


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", " 1"])
def test_a_length_that_is_no_number_is_named(deployed, served, length):
    headers = {"Inference-Header-Content-Length": length.encode("latin-1")}
    answer = served.post("/v2/models/door/infer", content=b"{}", headers=headers)
    assert answer.status_code == 422
    assert "Inference-Header-Content-Length" in answer.json()["detail"]


def test_a_number_of_thousands_of_digits_is_not_json(deployed, served):
    answer = served.post("/v2/models/door/infer", content=b'{"inputs": ' + b"9" * 5000 + b"}")
    assert answer.status_code == 422
    assert "JSON" in answer.json()["detail"]


@pytest.fixture
def url(house):
    """A real server, because real clients want a port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # whoever comes before the server is up waits
    server = uvicorn.Server(uvicorn.Config(create_app(house), log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("binary", [True, False])
def test_triton_s_client_works_as_it_is(deployed, url, binary):
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(url)
    assert client.is_server_live()
    assert client.is_model_ready("door")
    assert client.get_model_metadata("door")["name"] == "door"
    tensor = triton.InferInput("images", TENSOR.shape, "FP32")
    tensor.set_data_from_numpy(TENSOR, binary_data=binary)
    wanted = triton.InferRequestedOutput("output", binary_data=binary)
    result = client.infer("door", [tensor], outputs=[wanted], request_id="9")
    np.testing.assert_array_equal(result.as_numpy("output")[0], ROWS)
    assert result.get_response()["id"] == "9"
    client.close()


@pytest.mark.filterwarnings("ignore")
def test_another_server_s_model_is_a_backend_like_any_other(deployed, url, make_onnx):
    pytest.importorskip("tritonclient.http")
    backend = find("backend", "triton").make({"url": url, "model": "door"}, Path("unused.onnx"))
    assert [tensor.name for tensor in backend.outputs] == ["output"]
    assert backend.inputs[0].shape == (None, 3, 64, 64)
    np.testing.assert_array_equal(backend.run({"images": TENSOR})["output"][1], ROWS)
    here = load(find("backend", "onnxruntime").make({}, make_onnx({"output": ROWS})), RawImages())
    model = deployed.models.get("boxes").model_copy(update={"signature": here.signature})
    there = load(backend, RawImages(), registered=model)
    frame = np.zeros((50, 70, 3), np.uint8)
    np.testing.assert_array_equal(there(frame).xyxy, here(frame).xyxy)
    with pytest.raises(Invalid, match="refused"):
        backend.run({"images": TENSOR[:, :, :10]})
    backend.close()


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_is_gone_or_has_no_such_model_says_so(url):
    pytest.importorskip("tritonclient.http")
    with pytest.raises(NotFound, match="no model 'ghost'"):
        find("backend", "triton").make({"url": url, "model": "ghost"}, Path("unused.onnx"))
    with pytest.raises(Unavailable, match="does not answer"):
        find("backend", "triton").make({"url": "127.0.0.1:9", "model": "door"}, Path("unused.onnx"))


@pytest.fixture
def babbler():
    """A web server that answers everything with what it is told to."""
    told = {"status": 200, "body": b"<html>hello</html>"}

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = told["status"], told["body"]
            if self.command == "GET" and "model" in told:
                status, body = 200, told["model"]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.filterwarnings("ignore")
def test_a_deployment_asks_another_server_from_many_threads(deployed, url):
    pytest.importorskip("tritonclient.http")
    patient = {"timeout_ms": 60_000}  # 24 at once on a machine that does other things, too
    served = {"backend": "triton", "options": {"url": url, "model": "door"}, "max_batch": 1}
    deployed.deployments.create(name="far", models=["boxes"], serving=served | patient)
    deployed.deployments.create(name="near", models=["boxes"], serving=patient)
    images = [
        deployed.blobs.put(cv2.imencode(".png", np.full((40, 60, 3), n, np.uint8))[1].tobytes())
        for n in range(8)
    ]

    def seen(name):
        with ThreadPoolExecutor(8) as pool:
            asked = pool.map(lambda i: deployed.deployments.predict(name, images=[i]), images * 3)
            return [told.objects for (told,) in asked]

    assert seen("far") == seen("near")
    deployed.deployments.remove("far")
    deployed.deployments.remove("near")


@pytest.mark.filterwarnings("ignore")
def test_what_goes_wrong_on_the_way_has_an_error_of_its_own(babbler):
    pytest.importorskip("tritonclient.http")
    url, told = babbler
    plugin, nowhere = find("backend", "triton"), Path("unused.onnx")
    given = {"url": url, "model": "door"}
    with pytest.raises(Failed, match="not the Open Inference Protocol"):
        plugin.make(given, nowhere)
    for wrong in ("http://box:8000", "box:port"):
        with pytest.raises(Invalid, match="url"):
            plugin.make(given | {"url": wrong}, nowhere)
    tensor = {"name": "x", "datatype": "FP32", "shape": [-1]}
    told["model"] = json.dumps({"inputs": [tensor], "outputs": [tensor | {"name": "y"}]}).encode()
    backend = plugin.make(given, nowhere)
    sent = {"x": np.zeros(1, np.float32)}
    with pytest.raises(Failed, match="not the Open Inference Protocol"):
        backend.run(sent)
    told["body"] = b'{"outputs": []}'
    with pytest.raises(Failed, match="without the output 'y'"):
        backend.run(sent)
    for status, kind in ((400, Invalid), (401, Failed), (500, Failed), (503, Unavailable)):
        told.update(status=status, body=b'{"error": "because"}')
        with pytest.raises(kind, match="refused: because"):
            backend.run(sent)
    backend.close()
