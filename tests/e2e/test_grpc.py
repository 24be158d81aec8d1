"""`viseon serve --grpc-port`: both doors of one server."""

import re
import signal
import socket
import subprocess
import sys
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tritonclient.grpc as triton


@pytest.mark.e2e
def test_grpc_is_served_beside_http_and_leaves_with_it(serving):
    with serving("--grpc-port", "0") as (_, process):
        address = re.search(r"gRPC is at (\S+)", process.stderr.readline())[1]
        with triton.InferenceServerClient(address) as client:
            assert client.is_server_live()
            assert client.get_server_metadata().name == "viseon"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.e2e
def test_a_grpc_port_that_is_taken_is_said_in_words(home, monkeypatch):
    monkeypatch.setenv("VISEON_HOME", str(home))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "viseon", "serve", "--port", "0", "--grpc-port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "grpc_port: cannot listen" in done.stderr
    assert "Traceback" not in done.stderr
