"""The way of a prediction through the server, against a clock that only moves when told."""

import asyncio
import json
import threading
from types import SimpleNamespace

import pytest

from viseon.app import LOCAL
from viseon.deployments.gate import Gate
from viseon.deployments.room import Room
from viseon.rest import admission
from viseon.rest.admission import Admission
from viseon.schema import Busy, TooLarge

PATH = "/v1/deployments/door/predict"


class Server:
    """One deployment, `door`, that allows a second."""

    def __init__(self, clock):
        self.room = Room(1000)
        self.gate = Gate(clock=clock)
        self.gate.usual_ms = 1000

    def admit(self, key, ticket):
        assert key == "door"
        self.gate.enter(ticket.until(self.gate.usual_ms))
        ticket.gate = self.gate

    def leave(self, ticket, outcome, *, replaced=False):
        self.replaced = replaced
        if ticket.gate:
            ticket.gate.leave(outcome)


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def server(clock):
    return Server(lambda: clock[0])


@pytest.fixture
def ask(server, clock):
    """Sends a body in pieces through the door to an application; gives what was sent back."""

    def run(app, pieces=(b"x",), *, path=PATH, query=b"", gap_s=0.0, is_leaving=False):
        sent, left = [], list(pieces)
        leaving = threading.Event()
        if is_leaving:
            leaving.set()

        async def receive():
            clock[0] += gap_s
            body = left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(left)}

        async def send(message):
            sent.append(message)

        connection = {
            "type": "http", "method": "POST", "path": path, "query_string": query,
            "headers": [], "state": {"scope": LOCAL},
            "app": SimpleNamespace(state=SimpleNamespace(leaving=leaving)),
        }  # fmt: skip
        front = SimpleNamespace(model_server=server)
        asyncio.run(Admission(app, front, clock=lambda: clock[0])(connection, receive, send))
        start = sent[0]
        headers = {k.decode(): v.decode() for k, v in start["headers"]}
        return start["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]), left

    return run


def answering(clock, *, takes_s=0.0, status=200):
    """Reads the body, takes its time, answers."""

    async def app(connection, receive, send):
        while (await receive())["more_body"]:
            pass
        clock[0] += takes_s
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"seen"})

    return app


def test_an_answer_in_time_is_passed_on(ask, clock, server):
    status, _, body, _ = ask(answering(clock, takes_s=0.9))
    assert (status, body) == (200, b"seen")
    assert not server.replaced
    assert server.gate.inside == server.room.taken_bytes == 0


@pytest.mark.parametrize(("query", "takes_s"), [(b"", 1.1), (b"timeout_ms=300", 0.31)])
def test_an_answer_after_the_deadline_is_a_refusal_whatever_the_route_says(
    ask, clock, server, query, takes_s
):
    status, headers, body, _ = ask(answering(clock, takes_s=takes_s), query=query)
    assert status == 503
    assert int(headers["retry-after"]) >= 1
    assert "deadline is over" in json.loads(body)["message"]
    assert server.gate.caution > 1
    assert server.replaced


async def cancelled(connection, receive, send):
    """What becomes of a request that takes longer than the server stays."""
    asyncio.current_task().cancel()
    await asyncio.sleep(1)


def test_who_is_cut_off_because_the_server_leaves_is_told_so(ask, server):
    status, headers, body, _ = ask(cancelled, is_leaving=True)
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body)["message"] == "the server is leaving"
    assert server.gate.inside == server.room.taken_bytes == 0


def test_who_is_cut_off_for_another_reason_is_not_answered(ask):
    with pytest.raises(asyncio.CancelledError):
        ask(cancelled)


def test_time_spent_sending_the_body_counts(ask, clock):
    status, *_ = ask(answering(clock), [b"x"] * 4, gap_s=0.3)
    assert status == 503


def test_who_would_be_late_is_refused_before_the_body_is_read(ask, clock, server):
    for _ in range(20):
        server.gate.enter(clock[0] + 9)
        clock[0] += 0.4
        server.gate.leave("answered")
    server.gate.enter(clock[0] + 9)
    server.gate.enter(clock[0] + 9)

    async def never(connection, receive, send):
        raise AssertionError("it was let in")

    status, headers, body, left = ask(never, [b"1", b"2"])
    assert (status, left) == (503, [b"1", b"2"])
    assert "2 requests are being answered" in json.loads(body)["message"]
    assert headers["retry-after"]
    assert server.gate.inside == 2


def test_a_body_that_does_not_come_is_not_waited_for(ask, clock, server):
    async def app(connection, receive, send):
        clock[0] += 2
        with pytest.raises(Busy, match="did not come before the deadline"):
            await receive()
        await send({"type": "http.response.start", "status": 503, "headers": []})

    ask(app)


def test_bodies_take_room_and_give_it_back(ask, clock, server):
    with server.room.holding(600):

        async def app(connection, receive, send):
            await receive()
            assert server.room.taken_bytes == 900
            with pytest.raises(Busy, match="pictures of other requests"):
                await receive()
            await send({"type": "http.response.start", "status": 503, "headers": []})

        ask(app, [b"x" * 300, b"x" * 300])
        assert server.room.taken_bytes == 600


def test_too_large_a_body_is_refused_on_the_way(ask, clock, server, monkeypatch):
    monkeypatch.setattr(admission, "MAX_MB", 0)

    async def app(connection, receive, send):
        with pytest.raises(TooLarge):
            await receive()
        await send({"type": "http.response.start", "status": 413, "headers": []})

    ask(app)
    assert server.room.taken_bytes == 0


@pytest.mark.parametrize("query", [b"timeout_ms=x", b"timeout_ms=nan", b"timeout_ms=-1", b"a=1"])
def test_a_timeout_that_cannot_be_is_left_to_the_route(ask, clock, query):
    assert ask(answering(clock, status=422), query=query)[0] == 422


@pytest.mark.parametrize("path", ["/v1/deployments", "/v1/deployments/door/stats", "/v2", "/"])
def test_other_paths_have_no_ticket(ask, clock, path):
    assert ask(answering(clock, takes_s=99), path=path)[0] == 200
