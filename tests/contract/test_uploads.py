"""Large bytes from far away: they go on where the connection broke, or past the server."""

import os
import socket
import threading

import httpx
import pytest
import uvicorn

from viseon.app import House
from viseon.client import connect
from viseon.client import uploads as client
from viseon.client.http_blobs import LARGE
from viseon.rest import create_app
from viseon.rest import uploads as server
from viseon.schema import Conflict, Failed, NotFound, Role, TooLarge, Unavailable, digest_of
from viseon.settings import Settings

MB = 1 << 20


class Wire(httpx.HTTPTransport):
    """A network that can break in the middle of a request, and remembers what it carried."""

    def __init__(self):
        super().__init__()
        self.break_after, self.breaks, self.sent, self.paths = None, 0, 0, []

    def handle_request(self, request):
        self.paths.append(f"{request.method} {request.url.path}")
        if request.method == "PATCH":
            request.stream = self._counted(request.stream)
        return super().handle_request(request)

    def _counted(self, stream):
        wire = self

        class Counted(httpx.SyncByteStream):
            def __iter__(self):
                for piece in stream:
                    if wire.break_after is not None and wire.sent >= wire.break_after:
                        wire.break_after = None
                        wire.breaks += 1
                        raise httpx.WriteError("cut")
                    wire.sent += len(piece)
                    yield piece

        return Counted()


@pytest.fixture
def listening():
    """Starts real servers; gives their addresses."""
    running = []

    def start(house):
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(house), log_level="critical", ws="none")
        running.append((uvicorn.Server(config), listener))
        thread = threading.Thread(target=running[-1][0].run, kwargs={"sockets": [listener]})
        thread.start()
        running[-1] += (thread,)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for program, listener, thread in running:
        program.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def far(house, listening):
    """A platform across a network that may break, and that network."""
    wire = Wire()
    with httpx.Client(base_url=listening(house), transport=wire) as http:
        yield connect("", http=http), wire


def test_a_large_file_arrives_whole(far, tmp_path):
    platform, _ = far
    (tmp_path / "video").write_bytes(os.urandom(20 * MB + 5))
    digest = platform.blobs.add(tmp_path / "video")
    assert platform.blobs.get(digest) == (tmp_path / "video").read_bytes()


@pytest.mark.parametrize("after_mb", [0, 3, 9, 17])
def test_a_broken_connection_goes_on_where_it_stopped(far, house, tmp_path, after_mb):
    platform, wire = far
    size = 20 * MB
    (tmp_path / "video").write_bytes(os.urandom(size))
    wire.break_after = after_mb * MB
    digest = platform.blobs.add(tmp_path / "video")
    assert wire.breaks == 1
    assert wire.sent <= size + 2 * MB, "what had arrived must not be sent again"
    assert digest in house.platform().blobs
    assert not any((house.settings.home / "uploads").rglob("*/*"))


def test_an_upload_goes_on_after_client_and_server_were_gone(house, listening, tmp_path):
    data = os.urandom(20 * MB)
    path = tmp_path / "video"
    path.write_bytes(data)
    with httpx.Client(base_url=listening(house)) as http:
        sent = {"offset": 0, "size": len(data)}
        http.patch(f"/v1/blobs/uploads/{digest_of(data)}", params=sent, content=data[: 12 * MB])
    again = House(house.settings)
    wire = Wire()
    with httpx.Client(base_url=listening(again), transport=wire) as http:
        assert connect("", http=http).blobs.add(path) == digest_of(data)
    assert wire.sent == 8 * MB
    again.close()


def test_sending_what_is_there_sends_nothing(far, tmp_path):
    platform, wire = far
    (tmp_path / "video").write_bytes(os.urandom(3 * MB))
    platform.blobs.add(tmp_path / "video")
    wire.sent = 0
    platform.blobs.add(tmp_path / "video")
    assert wire.sent == 0


def test_many_files_are_sent_once_each(far, tmp_path):
    platform, wire = far
    paths = []
    for n in range(30):
        paths.append(tmp_path / str(n))
        paths[-1].write_bytes(b"%d" % (n % 10) * (200 if n % 10 else 2 * MB))
    stored = platform.blobs.put(b"3" * 200)
    wire.paths.clear()
    digests = list(platform.blobs.add_many(paths))
    assert digests == [digest_of(p.read_bytes()) for p in paths]
    assert digests[3] == stored
    assert wire.paths.count("POST /v1/blobs") == 8
    assert wire.paths.count("POST /v1/blobs/missing") == 1
    assert platform.blobs.missing(digests) == []


def test_a_server_that_stays_away_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "TRIES", 2)
    (tmp_path / "video").write_bytes(bytes(2 * MB))
    with pytest.raises(Unavailable, match="goes on where it stopped"):
        connect("http://127.0.0.1:9").blobs.add(tmp_path / "video")


def patch(http, digest, offset, size, content=b""):
    return http.patch(
        f"/v1/blobs/uploads/{digest}", params={"offset": offset, "size": size}, content=content
    )


def test_bytes_must_follow_those_that_came_before(served):
    digest = digest_of(b"abcdef")
    assert patch(served, digest, 0, 6, b"abc").json() == {"stored": False, "offset": 3, "url": None}
    wrong = patch(served, digest, 2, 6, b"cdef")
    assert (wrong.status_code, wrong.json()["code"]) == (409, "conflict")
    assert "stands at 3, not at 2" in wrong.json()["message"]
    assert patch(served, digest, 3, 6, b"def").json()["stored"] is True
    assert served.get(f"/v1/blobs/{digest}").content == b"abcdef"


def test_an_upload_with_other_bytes_than_promised_is_refused_and_leaves_nothing(served, local):
    digest = digest_of(b"abc")
    answer = patch(served, digest, 0, 3, b"xyz")
    assert answer.status_code == 500
    assert "changed on its way" in answer.json()["message"]
    assert digest not in local.blobs
    assert digest_of(b"xyz") not in local.blobs
    assert patch(served, digest, 0, 3, b"abc").json()["stored"] is True


def test_more_bytes_than_announced_are_refused(served):
    answer = patch(served, "a" * 64, 0, 3, b"abcd")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_what_is_larger_than_the_server_takes_is_refused_before_it_is_sent(served):
    answer = served.post("/v1/blobs/uploads", json={"digest": "a" * 64, "size": 5 << 30})
    assert answer.status_code == TooLarge.status


def test_two_connections_cannot_write_the_same_upload(tmp_path):
    with (
        server._part(tmp_path / "part", 0),
        pytest.raises(Conflict, match="another connection"),
        server._part(tmp_path / "part", 0),
    ):
        pass


def test_uploads_nobody_went_on_with_are_forgotten(served, house):
    digest = digest_of(b"abc")
    patch(served, digest, 0, 3, b"a")
    (part,) = (house.settings.home / "uploads").rglob(digest)
    old = part.stat().st_mtime - server.STALE_S - 1
    os.utime(part, (old, old))
    begun = served.post("/v1/blobs/uploads", json={"digest": digest, "size": 3}).json()
    assert begun["offset"] == 0
    assert not part.exists()


def test_only_those_who_may_add_may_upload(local, served):
    token = local.access.create_token(name="v", role=Role.VIEWER)
    served.headers["Authorization"] = f"Bearer {token.secret}"
    sent = {"digest": "a" * 64, "size": 3}
    assert served.post("/v1/blobs/uploads", json=sent).status_code == 403
    assert patch(served, "a" * 64, 0, 3, b"abc").status_code == 403
    assert served.post(f"/v1/blobs/uploads/{'a' * 64}/accept").status_code == 403


def test_a_folder_has_no_address_for_clients(served):
    sent = {"digest": "a" * 64, "size": 3}
    assert served.post("/v1/blobs/uploads", json=sent).json()["url"] is None
    assert served.post(f"/v1/blobs/uploads/{'a' * 64}/accept").status_code == NotFound.status


# --- past the server -------------------------------------------------------------------------


@pytest.fixture
def on_s3(s3, tmp_path):
    house = House(
        Settings(
            home=tmp_path / "home",
            jobs="inline",
            blobs=f"s3://bucket/h{os.urandom(4).hex()}",
            s3_endpoint=s3,
            s3_region="us-east-1",
            s3_access_key="a",
            s3_secret_key="s",
        )
    )
    yield house
    house.close()


def test_bytes_pass_the_server_when_the_store_can_be_reached(on_s3, listening, tmp_path):
    wire = Wire()
    (tmp_path / "video").write_bytes(os.urandom(3 * MB))
    with httpx.Client(base_url=listening(on_s3), transport=wire) as http:
        blobs = connect("", http=http).blobs
        digest = blobs.add(tmp_path / "video")
        assert blobs.get(digest) == (tmp_path / "video").read_bytes()
    assert wire.sent == 0
    assert f"POST /v1/blobs/uploads/{digest}/accept" in wire.paths
    assert digest in on_s3.platform().blobs
    assert not (on_s3.settings.home / "blobs").exists()


def test_bytes_go_through_the_server_when_the_store_cannot_be_reached(
    on_s3, listening, tmp_path, monkeypatch
):
    wire = Wire()
    data = os.urandom(LARGE + 1)
    (tmp_path / "video").write_bytes(data)
    unreachable = "http://127.0.0.1:9/bucket/x"
    store = type(on_s3.platform().blobs)
    monkeypatch.setattr(store, "presign_put", lambda *_: unreachable)
    monkeypatch.setattr(store, "presign_get", lambda *_: unreachable)
    with httpx.Client(base_url=listening(on_s3), transport=wire) as http:
        blobs = connect("", http=http).blobs
        digest = blobs.add(tmp_path / "video")
        assert wire.sent == len(data)
        assert blobs.get(digest) == data
        fresh = connect("", http=http).blobs
        assert fresh.get(digest) == data


def test_an_address_is_given_only_to_those_who_ask(on_s3, listening):
    digest = on_s3.platform().blobs.put(b"picture")
    with httpx.Client(base_url=listening(on_s3)) as http:
        assert http.get(f"/v1/blobs/{digest}").content == b"picture"
        answer = http.get(f"/v1/blobs/{digest}", params={"direct": "true"})
        assert answer.status_code == 307
        assert httpx.get(answer.headers["location"]).content == b"picture"


def test_a_store_that_hands_out_wrong_bytes_is_noticed_by_the_client(on_s3, listening, tmp_path):
    blobs = on_s3._blobs("default")
    digest = blobs.put(b"picture")
    (tmp_path / "other").write_bytes(b"forgery")
    blobs.keep(digest, tmp_path / "other")
    with httpx.Client(base_url=listening(on_s3)) as http, pytest.raises(Failed, match="changed"):
        connect("", http=http).blobs.get(digest)
