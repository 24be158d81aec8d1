"""The page and what it follows: pictures while somebody watches, events as they are stored."""

import re
import threading
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from starlette.websockets import WebSocketDisconnect

from viseon.app import LOCAL
from viseon.schema import Event, Stream, StreamState, new_id
from viseon.streams import Picture

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def running(house):
    """A stream that is said to run; gives a way to end it."""

    def put(state):
        stream = Stream(
            name="gate", config="0" * 64, document={}, desired="running", state=state, updated=NOON
        )
        with house.store.catalog(LOCAL).transaction() as records:
            records.put("gate", stream)

    put(StreamState.RUNNING)
    return lambda: put(StreamState.DONE)


def event(number, stream="gate"):
    at = NOON + timedelta(seconds=number)
    return Event(
        id=new_id(at),
        stream=stream,
        config="0" * 64,
        kind="crossed",
        where="door",
        direction="in",
        track_id=number,
        class_name="person",
        score=0.9,
        frame_index=number,
        time_s=float(number),
        at=at,
        x=0.5,
        y=0.5,
        model="1" * 64,
    )


def test_who_watches_gets_each_new_picture_and_then_the_end(house, served, running):
    """Old pictures, from when nobody watched, are not shown as if they were now."""
    house.hub.publish("default", "gate", Picture(b"old", 1, 0.0))
    done = threading.Event()

    def play():
        while not house.hub.watched("default", "gate"):
            done.wait(0.005)
        for index in (2, 3):
            house.hub.publish("default", "gate", Picture(b"\xff\xd8 %d" % index, index, index / 25))
            done.wait(0.2)
        running()

    player = threading.Thread(target=play)
    player.start()
    answer = served.get("/v1/streams/gate/live.mjpeg")
    player.join()
    assert not house.hub.watched("default", "gate")
    boundary = re.search("boundary=(.+)", answer.headers["content-type"])[1]
    parts = answer.content.split(b"--" + boundary.encode() + b"\r\n")[1:]
    assert [re.search(rb"X-Frame-Index: (\d+)", part)[1] for part in parts] == [b"2", b"3"]
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body) - 2


def test_a_stream_that_does_not_run_has_no_live_picture(served, running):
    assert served.get("/v1/streams/nobody/live.mjpeg").status_code == 404
    running()
    answer = served.get("/v1/streams/gate/live.mjpeg")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "viseon streams start gate" in answer.json()["fix"]


def test_events_are_pushed_in_the_order_in_which_they_were_stored(house, served):
    log = house.event_log(LOCAL)
    log.append([event(1)])
    with served.websocket_connect("/v1/events/live") as socket:
        later = [event(n) for n in (5, 3, 4)]
        log.append(later[:1])
        log.append(later[1:])
        assert [socket.receive_json()["id"] for _ in later] == [e.id for e in later]


def test_one_stream_can_be_listened_to(house, served):
    with served.websocket_connect("/v1/events/live?stream=gate") as socket:
        house.event_log(LOCAL).append([event(1, "yard"), event(2)])
        assert socket.receive_json()["track_id"] == 2


def test_events_of_another_workspace_are_not_heard(house, served, local):
    local.access.create_workspace(name="other")
    theirs = LOCAL.model_copy(update={"workspace": "other"})
    with served.websocket_connect("/v1/events/live") as socket:
        house.event_log(theirs).append([event(1)])
        house.event_log(LOCAL).append([event(2)])
        assert socket.receive_json()["track_id"] == 2


def test_pages_of_other_sites_cannot_listen(served):
    with (
        pytest.raises(WebSocketDisconnect),
        served.websocket_connect("/v1/events/live", headers={"origin": "http://evil.example"}),
    ):
        pass


def test_the_page_runs_only_what_came_with_it(served):
    page = served.get("/")
    policy = dict(
        rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    for name in set(re.findall(r'(?:src|href)="(studio/[^"]+)"', page.text)):
        assert served.get(f"/{name}").status_code == 200, name


def test_no_file_of_the_page_names_another_server():
    for file in files("viseon").joinpath("studio").iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert re.findall(r"https?://[a-z]|[\"'(]//[a-z]", text) == [], file.name


def test_every_module_that_a_script_imports_is_there(served):
    names = {f.name for f in files("viseon").joinpath("studio").iterdir()}
    for name in sorted(n for n in names if n.endswith(".js")):
        script = served.get(f"/studio/{name}")
        assert script.headers["content-type"].startswith("text/javascript")
        for wanted in re.findall(r'from "\./([^"]+)"', script.text):
            assert wanted in names, f"{name} imports {wanted}"


def test_what_has_not_changed_is_not_sent_again(served):
    first = served.get("/studio/app.js")
    again = served.get("/studio/app.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/studio/nothing.js", "/studio/..%2fapp.py", "/studio/style"])
def test_only_files_of_the_page_are_served(served, path):
    assert served.get(path).status_code == 404
