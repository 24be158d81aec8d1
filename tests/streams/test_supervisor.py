"""Streams in processes of their own: started, stopped, lost, found again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import blocks
import psutil
import pytest

from viseon.schema import Event, StreamState
from viseon.streams import Hub, Patience, Picture, Supervisor

CHILD = Path(blocks.__file__).with_name("child_main.py")
QUICK = Patience(first_wait_s=0.05, stop_s=10.0, restarts=2, record_s=0.2)
SLOW = blocks.YAML.replace("path: film}", "path: film, realtime: true, fps: 20}")


def spawn(*command):
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


class Yard:
    """A shop with a supervisor that a test ticks by hand."""

    def __init__(self, shop, patience=QUICK):
        self.shop, self.hub = shop, Hub()
        self.spawned = []
        self.supervisor = Supervisor(
            lambda: {"default": shop.catalog}, self.spawn, self.hub, blocks.now, patience=patience
        )

    def spawn(self, workspace, stream):
        assert workspace == "default"
        self.spawned.append(spawn(sys.executable, str(CHILD), str(self.shop.home), stream))
        return self.spawned[-1]

    def until(self, condition, timeout_s=60.0):
        """Tick until `condition(stream)`; the stream."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.supervisor.tick()
            stream = self.shop.streams.get("hall")
            if condition(stream):
                return stream
            time.sleep(0.02)
        raise AssertionError(f"not in {timeout_s} s: {stream.state} {stream.reason!r}")

    def until_state(self, state):
        return self.until(lambda s: s.state is state)


@pytest.fixture
def yard(shop):
    yard = Yard(shop)
    yield yard
    yard.supervisor.close()
    assert all(p.poll() is not None for p in yard.spawned)


def hall(yard, text=blocks.YAML, pictures=None):
    blocks.film(yard.shop.home / "film", pictures or blocks.walk(0, 140))
    yard.shop.apply(text)
    yard.shop.streams.start("hall")


def test_a_film_runs_to_its_end_and_is_done(yard):
    hall(yard)
    with yard.hub.subscribe("default", "hall") as listener:
        done = yard.until_state(StreamState.DONE)
        heard = []
        while told := listener.next(0):
            heard.append(told.message)
    assert (done.desired, done.reason, done.pid, done.frames) == ("stopped", "", None, 35)
    assert done.counts["door"] == {"in": 1, "out": 0}
    events = [m.id for m in heard if isinstance(m, Event)]
    assert sorted(events) == sorted(e.id for e in yard.shop.events.query().items)
    assert len(yard.spawned) == 1
    assert yard.spawned[0].returncode == 0


def test_whoever_watches_gets_pictures_while_it_runs(yard):
    hall(yard, SLOW)
    with yard.hub.subscribe("default", "hall", pictures=True) as viewer:
        yard.until(lambda _: yard.hub.picture("default", "hall") is not None)
        pictures = []
        while told := viewer.next(0):
            if isinstance(told.message, Picture):
                pictures.append(told.message)
    picture = pictures[-1]
    assert yard.shop.parts.images.decode(picture.jpeg).shape == (blocks.HEIGHT, blocks.WIDTH, 3)
    running = yard.until_state(StreamState.RUNNING)
    assert running.pid == yard.spawned[0].pid


def test_stop_lets_it_finish_its_files(yard):
    hall(yard, SLOW + "  - {kind: video, path: out/hall.mp4}\n", blocks.walk(0, 140) * 20)
    yard.until_state(StreamState.RUNNING)
    yard.shop.streams.stop("hall")
    stopped = yard.until_state(StreamState.STOPPED)
    assert (stopped.reason, stopped.pid) == ("", None)
    assert yard.spawned[0].returncode == 0
    assert (yard.shop.home / "out/hall.mp4").exists()
    assert not list((yard.shop.home / "out").glob("*.part*"))


def test_a_killed_stream_starts_again_and_its_events_are_there_once(yard):
    hall(yard, SLOW)
    yard.until(lambda _: yard.shop.events.query().items)
    yard.spawned[0].kill()
    again = yard.until(lambda s: s.restarts == 1)
    assert "SIGKILL" in again.reason
    assert "restart 1 of 2" in again.reason
    done = yard.until_state(StreamState.DONE)
    assert done.frames == 35
    kinds = sorted(e.kind for e in yard.shop.events.query().items)
    assert kinds == ["crossed", "entered", "left"]
    assert len(yard.spawned) == 2


def test_one_that_keeps_dying_is_given_up_with_the_reason_and_may_be_asked_again(yard):
    hall(yard, SLOW)
    for n in range(3):
        yard.until(lambda s, n=n: len(yard.spawned) == n + 1 and s.pid == yard.spawned[n].pid)
        yard.spawned[n].kill()
    failed = yard.until_state(StreamState.FAILED)
    assert failed.desired == "stopped"
    assert failed.reason == "its process was ended by SIGKILL; given up after 2 restarts"
    for _ in range(5):
        yard.supervisor.tick()
    assert len(yard.spawned) == 3
    yard.shop.streams.start("hall")
    assert yard.until_state(StreamState.DONE).restarts == 0


def test_what_a_restart_cannot_mend_is_not_restarted(yard):
    hall(yard, blocks.YAML.replace("path: film", "path: nowhere"))
    failed = yard.until_state(StreamState.FAILED)
    assert "there is no folder" in failed.reason
    assert failed.desired == "stopped"
    assert len(yard.spawned) == 1
    assert yard.spawned[0].returncode == 3


def test_a_new_configuration_replaces_the_running_one(yard):
    hall(yard, SLOW)
    yard.until_state(StreamState.RUNNING)
    second = yard.shop.apply(SLOW.replace("[0.5, 1.0]", "[0.4, 1.0]"))
    yard.until(lambda _: len(yard.spawned) == 2)
    yard.until_state(StreamState.DONE)
    assert second.config in {e.config for e in yard.shop.events.query().items}


def test_a_program_that_cannot_be_started_is_said_so(shop):
    yard = Yard(shop)
    yard.supervisor._spawn = lambda *_: spawn("/nowhere/python")
    hall(yard)
    assert "No such file" in yard.until_state(StreamState.FAILED).reason


def test_shutting_down_ends_streams_and_the_next_supervisor_goes_on(shop):
    yard = Yard(shop)
    hall(yard, SLOW)
    yard.until_state(StreamState.RUNNING)
    yard.supervisor.close()
    assert yard.spawned[0].returncode == 0
    left = shop.streams.get("hall")
    assert (left.desired, left.state, left.pid) == ("running", StreamState.STARTING, None)
    following = Yard(shop)
    following.until_state(StreamState.DONE)
    following.supervisor.close()


def test_a_supervisor_that_is_killed_takes_its_streams_along(shop, tmp_path):
    """Nothing may run on unwatched, or the next server would run it twice."""
    blocks.film(shop.home / "film", blocks.walk(0, 140) * 30)
    shop.apply(SLOW + "  - {kind: video, path: out/hall.mp4}\n")
    shop.streams.start("hall")
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "import blocks, test_supervisor as t\n"
        "yard = t.Yard(blocks.Shop(t.Path(sys.argv[2])))\n"
        "while True:\n"
        "    yard.supervisor.tick(); time.sleep(0.05)\n"
    )
    command = [sys.executable, "-c", program, str(CHILD.parent), str(shop.home)]
    server = subprocess.Popen(command, start_new_session=True)
    try:
        child = _awaited(lambda: _running_pid(shop))
        process = psutil.Process(child)
        server.send_signal(signal.SIGKILL)
        server.wait()
        process.wait(20)  # raises where it still lives
    finally:
        server.kill()
        server.wait()
    assert not psutil.pid_exists(child)
    assert (shop.home / "out/hall.mp4").exists()  # it finished its files on the way
    assert sorted(os.listdir(shop.home / "out")) == ["hall.jsonl", "hall.mp4"]


def _running_pid(shop):
    stream = shop.streams.get("hall")
    return stream.pid if stream.state is StreamState.RUNNING else None


def _awaited(get, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := get():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in {timeout_s} s")


def test_watching_over_streams_is_nobodys_deed(yard):
    """The audit log says what people did, not that a stream still runs."""
    from viseon.schema import AuditRecord

    def audited():
        with yard.shop.catalog.read() as records:
            return [r.operation for r in records.find(AuditRecord)]

    hall(yard)
    before = audited()
    yard.until_state(StreamState.DONE)
    assert audited() == before
    assert before[-2:] == ["streams.apply", "streams.start"]
