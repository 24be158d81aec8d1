"""The command line as people use it: results on stdout, words on stderr, exit codes."""

import hashlib
import json
import signal
import socket

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def pictures(tmp_path):
    """Six pictures with YOLO labels of one class."""
    root = tmp_path / "pictures"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "data.yaml").write_text("path: .\ntrain: images\nnames: [bar]\n")
    for number in range(6):
        pixels = np.full((64, 64, 3), 20 * number, np.uint8)
        pixels[16:48, 8 * number : 8 * number + 16] = 255
        cv2.imwrite(str(root / "images" / f"{number}.png"), pixels)
        x = (8 * number + 8) / 64
        (root / "labels" / f"{number}.txt").write_text(f"0 {x} 0.5 0.25 0.5\n")
    return root


def test_a_folder_becomes_a_version_and_comes_back_byte_for_byte(viseon, pictures, tmp_path):
    added = json.loads(viseon("import", pictures, "shop").stdout)
    assert added["added"] == 6
    version = json.loads(viseon("commit", "shop", "-m", "first").stdout)
    assert version["samples"] == 6
    manifest = viseon("manifest", "shop@1").stdout.encode()
    assert hashlib.sha256(manifest).hexdigest() == version["fingerprint"]
    assert version["fingerprint"][:12] in viseon("log", "shop").stdout
    viseon("pull", "shop@1", tmp_path / "out")
    for path in (pictures / "images").iterdir():
        copies = list((tmp_path / "out").rglob(path.name))
        assert [c.read_bytes() for c in copies] == [path.read_bytes()]
    assert viseon("diff", "shop").stderr.startswith("0 added, 0 removed")


def test_what_changed_is_shown(viseon, pictures):
    viseon("import", pictures, "shop")
    viseon("commit", "shop", "-m", "first")
    (pictures / "labels" / "0.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    viseon("import", pictures, "shop")
    shown = viseon("diff", "shop")
    assert shown.stdout.startswith("L ")
    assert "0.png" in shown.stdout
    viseon("commit", "shop", "-m", "second")
    assert viseon("diff", "shop@1", "shop@2").stdout == shown.stdout


def test_a_stream_runs_and_its_events_lead_to_the_model(
    viseon, box_model, crossing_video, tmp_path
):
    viseon("models", "add", box_model, "--name", "bright", "--set", "task=detect")
    yaml = tmp_path / "hall.yaml"
    yaml.write_text(
        f"stream: hall\nsource: {{kind: video, path: {crossing_video}}}\nmodel: bright@1\n"
        "lines: {middle: {from: [0.5, 1.0], to: [0.5, 0.0], hysteresis: 0.01}}\n"
        "rules: [{when: crossed, line: middle}]\n"
        "sinks: [{kind: events}, {kind: video, path: out.mp4}, {kind: jsonl, path: out.jsonl}]\n"
    )
    ran = viseon("run", yaml)
    assert "middle  in 1  out 1" in ran.stdout
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    overlay = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert overlay.get(cv2.CAP_PROP_FRAME_COUNT) == 40
    newest = viseon("events").stdout.split()[0]
    traced = viseon("trace", newest).stdout
    assert "crossed out middle in hall" in traced
    assert "bright@1" in traced


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "/no/such/folder", "shop"], "/no/such/folder"),
        (["commit", "nothing"], "no dataset named 'nothing'"),
        (["log", "nothing"], "no dataset named 'nothing'"),
        (["pull", "Nothing At All", "x"], "is not a version"),
        (["models", "add", "nothing.onnx"], "there is no file nothing.onnx"),
        (["models", "add", "/etc/hostname"], "ONNX"),
        (["run", "nothing.yaml"], "there is no file nothing.yaml"),
        (["trace", "nothing"], "nothing"),
        (["jobs", "get", "nothing"], "no job named 'nothing'"),
        (["serve", "--host", "0.0.0.0"], "VISEON_AUTH=token"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_exit_code_1(viseon, arguments, words):
    done = viseon(*arguments, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_be_understood_is_named(viseon):
    done = viseon("datasets", "find", check=False, VISEON_AUTH="perhaps")
    assert done.returncode == 1
    assert "setting auth" in done.stderr


def test_a_port_in_use_is_said(viseon):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = viseon("serve", "--port", port, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port 0" in done.stderr


def test_the_same_commands_work_against_a_server(viseon, serving, pictures, tmp_path):
    with serving() as (url, _):
        remote = {"VISEON_SERVER": url, "VISEON_HOME": str(tmp_path / "elsewhere")}
        viseon("import", pictures, "shop", **remote)
        version = json.loads(viseon("commit", "shop", "-m", "first", **remote).stdout)
        viseon("pull", "shop", tmp_path / "out", **remote)
    near = json.loads(viseon("datasets", "version", "shop", "1").stdout)
    assert near == version
    assert len(list((tmp_path / "out").rglob("*.png"))) == 6


def test_a_server_killed_at_work_leaves_a_store_that_opens(viseon, serving, pictures, tmp_path):
    with serving() as (url, process):
        remote = {"VISEON_SERVER": url}
        viseon("import", pictures, "shop", **remote)
        viseon("commit", "shop", "-m", "first", **remote)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert len(viseon("log", "shop").stdout.splitlines()) == 1
    viseon("pull", "shop@1", tmp_path / "out")
    with serving() as (url, _):
        assert "shop@1" in viseon("log", "shop", VISEON_SERVER=url).stdout


def test_sigterm_ends_the_server_quickly_and_cleanly(serving):
    with serving() as (_, process):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_video_is_tracked_without_a_store(viseon, box_model, crossing_video, tmp_path, home):
    done = viseon(
        "track", crossing_video, "--model", box_model, "--line", "gate=0.5,1,0.5,0",
        "--zone", "right=0.5,0,1,0,1,1,0.5,1", "-o", tmp_path / "out.mp4",
        "--events", tmp_path / "events.jsonl",
    )  # fmt: skip
    counts = json.loads(done.stdout)
    assert counts["frames"] == 40
    assert counts["gate"] == {"in": 1, "out": 1}
    assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 40
    kinds = [json.loads(e)["kind"] for e in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert kinds.count("crossed") == 2
    assert not home.exists()
