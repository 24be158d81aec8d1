"""`viseon demo` as somebody meets it: the truth, twice the same, and nobody called."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import cv2
import httpx
import pytest

from viseon.app import House
from viseon.schema import StreamState
from viseon.settings import Settings

pytestmark = pytest.mark.e2e
SECONDS = 40
BLOCKED = """
import socket
def refuse(self, address, *rest):
    raise OSError(f"this test has no network, but something wanted {address}")
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.socket.sendto = refuse
socket.getaddrinfo = lambda *given, **named: refuse(None, given)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One demo store for the module: drawing its past takes seconds."""
    return tmp_path_factory.mktemp("demo") / "home"


@pytest.fixture(scope="module")
def counted(store, tmp_path_factory):
    """Two headless runs, the second into the same store."""
    outs = [tmp_path_factory.mktemp("out") for _ in range(2)]
    return [(demo(store, "--headless", "--seconds", SECONDS, "--out", out), out) for out in outs]


def demo(store, *arguments, timeout=180, **environment):
    return subprocess.run(
        [sys.executable, "-m", "viseon", "demo", "--home", store, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | environment,
    )


@pytest.fixture
def page(store, tmp_path):
    """The served demo: its address and its process."""
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "viseon", "demo", "--home", store, "--port", "0"], stderr=err
        )
        try:
            yield said_address(tmp_path / "err"), process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)


def said_address(path, patience_s=30):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        for word in path.read_text().split():
            if word.startswith("http://"):
                return word
        time.sleep(0.05)
    raise AssertionError(path.read_text())


def until(ask, holds, patience_s=60):
    deadline = time.monotonic() + patience_s
    found = None
    while time.monotonic() < deadline:
        if holds(found := ask()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"still {found}")


def test_what_was_counted_is_what_happened(counted):
    for done, _ in counted:
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [line.split() for line in done.stdout.splitlines()[1:]]
        assert [row[-1] for row in rows] == ["ok"] * 5
        assert sum(int(row[2]) for row in rows[:4]) > 5, "hardly anything happened"


def test_the_same_scene_gives_the_same_events_byte_for_byte(counted):
    first, second = ((out / "events.jsonl").read_bytes() for _, out in counted)
    assert first == second
    assert len(first.splitlines()) > 5


def test_the_overlay_shows_every_frame(counted):
    video = cv2.VideoCapture(str(counted[0][1] / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == SECONDS * 25
    video.release()


def test_an_event_leads_to_the_pictures_its_model_learned_from(counted, store):
    event = json.loads((counted[0][1] / "events.jsonl").read_text().splitlines()[0])
    house = House(Settings(home=store))
    try:
        trace = house.platform().events.trace(event["id"])
        assert trace.notes == ()
        assert trace.run.id == trace.model.run
        assert trace.run.version == trace.version.fingerprint
        picture = house.platform().blobs.get(trace.samples[0].digest)
        assert picture.startswith(b"\x89PNG")
    finally:
        house.close()


def test_nobody_is_called(tmp_path):
    """Sockets that connect are refused in every process of the demo."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCKED)
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    probe = "import socket; socket.create_connection(('127.0.0.1', 9))"
    refused = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert "this test has no network" in refused.stderr, "the block itself does not work"
    done = demo(tmp_path / "home", "--headless", "--seconds", 4, PYTHONPATH=path)
    assert "data     drawn again" in done.stderr, done.stderr
    assert "no network" not in done.stderr


def test_it_runs_in_a_network_namespace_without_a_network(store, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    inside = ["unshare", "--net", "--map-root-user", "true"]
    if subprocess.run(inside, capture_output=True).returncode:
        pytest.skip("this machine does not allow network namespaces")
    command = [*inside[:-1], sys.executable, "-m", "viseon", "demo", "--home", store]
    done = subprocess.run(
        [*command, "--headless", "--seconds", "4"], capture_output=True, text=True, timeout=120
    )
    assert "frames," in done.stderr, done.stderr


def test_a_port_in_use_is_said_before_anything_is_done(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = demo(tmp_path / "home", "--port", port)
    assert done.returncode == 1
    assert f"port: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "fix: " in done.stderr
    assert not (tmp_path / "home").exists()


def test_files_are_for_the_headless_demo(tmp_path):
    done = demo(tmp_path / "home", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "out: " in done.stderr
    assert "--headless" in done.stderr


def test_the_page_lives_and_the_truth_is_beside_it(counted, page):
    url, _ = page
    with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
        assert "default-src 'self'" in http.get("/").headers["content-security-policy"]
        stream = until(lambda: http.get("/v1/streams/entrance").json(), lambda s: s["frames"] > 50)
        assert stream["state"] == "running"
        told = until(lambda: http.get("/v1/demo").json(), lambda d: d["truth"]["frames"] > 50)
        assert told["stream"] == "entrance"
        assert set(told["truth"]["lines"]) == set(stream["counts"]) - set(told["truth"]["zones"])
        until(lambda: http.get("/v1/demo").json(), lambda d: d["past"]["done"] == 1)
        with http.stream("GET", "/v1/streams/entrance/live.mjpeg") as live:
            start = next(live.iter_bytes(4096))
        assert start.startswith(b"--viseon-frame\r\nContent-Type: image/jpeg")


def test_a_killed_demo_leaves_a_store_that_opens_and_goes_on(counted, page, store, tmp_path):
    url, process = page
    ask = lambda: httpx.get(f"{url}/v1/streams/entrance", trust_env=False).json()  # noqa: E731
    until(ask, lambda s: s["frames"] > 25)
    process.kill()
    process.wait()
    house = House(Settings(home=store))
    try:
        platform = house.platform()
        assert platform.models.get("people").ref == "people@1"
        assert platform.streams.get("entrance").state in (StreamState.RUNNING, StreamState.STARTING)
    finally:
        house.close()
    done = demo(store, "--headless", "--seconds", 2)
    assert "50 frames" in done.stderr, done.stderr
