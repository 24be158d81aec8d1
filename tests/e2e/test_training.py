"""Training as a whole program: in a process of its own, followed, killed, taken up again."""

import json
import os
import signal
import time
from importlib.util import find_spec

import psutil
import pytest

from viseon.demo.recreate import draw

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install viseon[train]"),
]


@pytest.fixture
def street(viseon, tmp_path):
    """A version of 40 drawn pictures."""
    draw(tmp_path / "pictures", 40, 5, lambda _: None)
    viseon("import", tmp_path / "pictures", "street", "--format", "coco")
    viseon("commit", "street", "-m", "drawn")
    return "street@1"


def _until(ask, holds, *, patience_s=60):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if holds(found := ask()):
            return found
        time.sleep(0.2)
    raise AssertionError(f"still {found}")


def _job(viseon, id):
    return json.loads(viseon("jobs", "get", id).stdout)


def test_a_training_leaves_a_model_that_knows_its_run_and_version(viseon, street, tmp_path):
    done = viseon("train", street, "--name", "people", "--set", "epochs=1", "--seed", "7")
    assert "people@1" in done.stdout
    assert "loss" in done.stderr
    model = json.loads(viseon("models", "get", "people").stdout)
    run = json.loads(viseon("runs", "get", model["run"]).stdout)
    version = json.loads(viseon("datasets", "version", "street", "1").stdout)
    assert run["state"] == "done"
    assert run["version"] == model["version"] == version["fingerprint"]
    assert run["seed"] == 7
    assert {"torch", "python"} <= set(run["environment"])


def test_a_killed_training_is_failed_and_the_store_is_whole(viseon, street):
    job = json.loads(viseon("train", street, "--set", "epochs=500", "--no-wait").stdout)
    running = _until(
        lambda: _job(viseon, job["id"]), lambda j: j["state"] == "running" and j["progress"] > 0
    )
    os.kill(running["pid"], signal.SIGKILL)
    ended = _until(lambda: _job(viseon, job["id"]), lambda j: j["state"] != "running")
    assert ended["state"] == "failed"
    assert "without a word" in ended["reason"]
    (run,) = json.loads(viseon("runs", "find").stdout)["items"]
    assert run["state"] == "failed"
    assert json.loads(viseon("models", "find").stdout)["items"] == []
    again = viseon("train", street, "--name", "people", "--set", "epochs=1")
    assert "people@1" in again.stdout


def test_a_cancelled_training_frees_its_process_at_once(viseon, street):
    job = json.loads(viseon("train", street, "--set", "epochs=500", "--no-wait").stdout)
    running = _until(lambda: _job(viseon, job["id"]), lambda j: j["progress"] > 0)
    cancelled = json.loads(viseon("jobs", "cancel", job["id"]).stdout)
    assert cancelled["state"] == "cancelled"
    _until(lambda: psutil.pid_exists(running["pid"]), lambda alive: not alive)
    (run,) = json.loads(viseon("runs", "find").stdout)["items"]
    assert run["state"] == "cancelled"
