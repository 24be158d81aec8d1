"""What only a bucket can get wrong: parts, prefixes, addresses for clients, words for errors."""

import http.server
import os
import socket
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from viseon.adapters.blobs import s3 as module
from viseon.adapters.blobs.s3 import PART, S3Access, S3Bucket
from viseon.app import House
from viseon.ports import DirectBlobs, RawBlobs
from viseon.schema import Failed, Invalid, NotFound, Unavailable, digest_of
from viseon.settings import Settings


def keys(s3):
    """Every object in the bucket, as a stranger would list them."""
    text = httpx.get(f"{s3}/bucket?list-type=2&max-keys=1000").text
    return [part.split("</Key>")[0] for part in text.split("<Key>")[1:]]


def open_uploads(s3):
    return httpx.get(f"{s3}/bucket?uploads").text.count("<UploadId>")


def test_large_files_go_in_parts_and_come_back_as_a_stream(s3_blobs, tmp_path):
    path = tmp_path / "video"
    path.write_bytes(os.urandom(PART + 12345))
    blobs = s3_blobs()
    digest = blobs.add(path)
    assert digest == digest_of(path.read_bytes())
    with blobs.open(digest) as file, path.open("rb") as plain:
        while chunk := plain.read(1 << 20):
            assert file.read(1 << 20) == chunk
        assert file.read() == b""


def test_a_file_that_changes_while_it_is_sent_is_not_stored(s3, s3_blobs, tmp_path, monkeypatch):
    path = tmp_path / "video"
    path.write_bytes(bytes(PART + 1))
    blobs = s3_blobs("changing")
    hashed = module.hashlib.file_digest

    def then_change(file, name):
        found = hashed(file, name)
        path.write_bytes(b"\1" * (PART + 1))
        return found

    monkeypatch.setattr(module.hashlib, "file_digest", then_change)
    before = open_uploads(s3)
    with pytest.raises(Failed, match="changed while it was read"):
        blobs.add(path)
    assert [k for k in keys(s3) if "changing" in k] == []
    assert open_uploads(s3) == before


def test_each_workspace_lies_under_its_own_prefix(s3, s3_blobs):
    north, south = s3_blobs("north"), s3_blobs("south")
    digest = north.put(b"northern")
    assert digest not in south
    assert f"some/prefix/north/{digest[:2]}/{digest[2:]}" in keys(s3)
    assert list(north.digests()) == [digest]
    assert list(south.digests()) == []


def test_a_bucket_needs_no_prefix(s3, s3_blobs):
    digest = s3_blobs("bare", location="s3://bucket").put(b"bare")
    assert f"bare/{digest[:2]}/{digest[2:]}" in keys(s3)


def test_a_damaged_object_is_never_handed_out(s3_blobs, tmp_path):
    blobs = s3_blobs()
    digest = blobs.put(b"a" * 5000)
    (tmp_path / "other").write_bytes(b"b" * 5000)
    blobs.keep(digest, tmp_path / "other")
    with pytest.raises(Failed, match="damaged"):
        blobs.get(digest)
    with blobs.open(digest) as file, pytest.raises(Failed, match="damaged"):
        file.read()


def test_a_stream_can_be_read_from_the_middle(s3_blobs):
    blobs = s3_blobs()
    data = os.urandom(3 << 20)
    with blobs.open(blobs.put(data)) as file:
        assert file.read(10) == data[:10]
        assert file.seek(2 << 20) == 2 << 20
        assert file.read(100) == data[2 << 20 : (2 << 20) + 100]
        assert file.seek(-5, os.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        file.seek(0)
        assert file.read() == data


def test_many_are_asked_for_at_once(s3_blobs):
    blobs = s3_blobs()
    here = [blobs.put(b"%d" % n) for n in range(0, 60, 2)]
    all_of_them = [digest_of(b"%d" % n) for n in range(60)]
    assert blobs.missing(all_of_them) == [d for d in all_of_them if d not in here]


def test_a_client_may_send_and_fetch_bytes_without_the_server(s3_blobs):
    blobs = s3_blobs()
    assert isinstance(blobs, DirectBlobs)
    assert isinstance(blobs, RawBlobs)
    data = os.urandom(70_000)
    digest = digest_of(data)
    address = blobs.presign_put(digest, len(data))
    assert httpx.put(address, content=data).status_code == 200
    assert digest not in blobs, "it must not count as stored before it was verified"
    blobs.accept(digest)
    assert digest in blobs
    assert httpx.get(blobs.presign_get(digest)).content == data
    assert list(blobs.digests()) == [digest]


def test_wrong_bytes_sent_to_an_address_are_not_accepted(s3, s3_blobs):
    blobs = s3_blobs("liar")
    digest = digest_of(b"promised")
    httpx.put(blobs.presign_put(digest, 8), content=b"something else")
    with pytest.raises(Failed, match="changed on its way"):
        blobs.accept(digest)
    assert digest not in blobs
    assert [k for k in keys(s3) if "/liar/" in k and "incoming" not in k] == []


def test_nothing_sent_is_nothing_accepted(s3_blobs):
    blobs = s3_blobs()
    with pytest.raises(NotFound):
        blobs.accept("a" * 64)
    with pytest.raises(NotFound):
        blobs.presign_get("a" * 64)
    with pytest.raises(Invalid, match="not a digest"):
        blobs.presign_put("../../secret", 1)


def test_what_is_too_large_for_one_request_gets_no_address(s3_blobs):
    assert s3_blobs().presign_put("a" * 64, 6 << 30) is None


def test_unfinished_uploads_are_swept_once_they_are_old(s3, s3_blobs, monkeypatch):
    blobs = s3_blobs("swept")
    stored = blobs.put(b"stored")
    httpx.put(blobs.presign_put("a" * 64, 1), content=b"x")
    assert blobs.sweep() == 0

    class Later(datetime):
        @classmethod
        def now(cls, _zone=None):
            return datetime.now(UTC) + timedelta(days=2)

    monkeypatch.setattr(module, "datetime", Later)
    assert blobs.sweep() == 1
    assert [k for k in keys(s3) if "/swept/" in k] == [
        f"some/prefix/swept/{stored[:2]}/{stored[2:]}"
    ]


def test_the_house_keeps_its_blobs_where_the_settings_say(s3, tmp_path):
    given = {
        "VISEON_HOME": str(tmp_path),
        "VISEON_BLOBS": "s3://bucket/house",
        "VISEON_S3_ENDPOINT": s3,
        "VISEON_S3_REGION": "us-east-1",
        "VISEON_S3_ACCESS_KEY": "a",
        "VISEON_S3_SECRET_KEY": "very-secret",
    }
    settings = Settings.read(given)
    assert "very-secret" not in repr(settings)
    assert Settings.read(settings.environment) == settings
    house = House(settings)
    digest = house.platform().blobs.put(b"kept")
    house.close()
    assert f"house/default/{digest[:2]}/{digest[2:]}" in keys(s3)
    assert not (tmp_path / "blobs").exists()


# --- errors ----------------------------------------------------------------------------------


def test_a_bucket_that_is_not_there_is_named(s3_blobs):
    blobs = s3_blobs(location="s3://nowhere")
    for act in (lambda: blobs.put(b"x"), lambda: blobs.get("a" * 64), lambda: blobs.open("a" * 64)):
        with pytest.raises(Unavailable, match="no bucket 'nowhere'.*VISEON_BLOBS"):
            act()


def test_a_server_that_does_not_answer_is_named(s3_blobs):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"127.0.0.1:{port} does not answer.*S3_ENDPOINT"):
        s3_blobs(endpoint=f"http://127.0.0.1:{port}").put(b"x")


@pytest.fixture
def refusing():
    """A server that answers everything with one status and body."""

    class Refusal(http.server.BaseHTTPRequestHandler):
        status, body = 403, b""

        def answer(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(self.status)
            self.send_header("content-length", str(len(self.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(self.body)

        do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Refusal, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "SignatureDoesNotMatch", "refused the credentials.*SignatureDoes.*S3_SECRET_KEY"),
        (401, "", "refused the credentials.*AWS_ACCESS_KEY_ID"),
        (301, "PermanentRedirect", "another region.*VISEON_S3_REGION"),
        (400, "AuthorizationHeaderMalformed", "another region.*VISEON_S3_REGION"),
        (400, "InvalidRequest", "answered InvalidRequest"),
    ],
)
def test_a_refusal_names_the_setting_and_never_a_secret(refusing, s3_blobs, status, code, words):
    handler, endpoint = refusing
    handler.status, handler.body = status, f"<Error><Code>{code}</Code></Error>".encode()
    blobs = s3_blobs(endpoint=endpoint, secret_key="very-secret")
    with pytest.raises(Unavailable, match=words) as caught:
        blobs.put(b"x")
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("location", ["bucket", "s3://", "gs://bucket"])
def test_an_address_that_is_no_bucket_is_refused(location):
    with pytest.raises(Invalid, match="s3://bucket/prefix"):
        S3Bucket(location, S3Access())
