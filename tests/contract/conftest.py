"""Notes which operations the contract suite calls, near and far (`tests/conftest.py` judges)."""

import logging
import os

import httpx
import pytest

from viseon import operation as mechanism
from viseon.adapters.blobs.encrypted import EncryptedBlobs
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.blobs.s3 import S3Access, S3Bucket
from viseon.client import connect


@pytest.fixture(autouse=True)
def recorded(request, monkeypatch):
    """Note every operation that is called from outside, and from which side."""
    if "platform" not in request.fixturenames:
        return
    side = request.node.callspec.params.get("platform", "local")
    perform = mechanism._perform

    def noted(op, service, args, kwargs):
        request.config.called.add((op.full_name, side))
        return perform(op, service, args, kwargs)

    monkeypatch.setattr(mechanism, "_perform", noted)


@pytest.fixture(scope="session")
def s3():
    """The address of an S3 server of our own with an empty bucket named `bucket`."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    httpx.put(f"{endpoint}/bucket").raise_for_status()
    yield endpoint
    server.stop()


@pytest.fixture
def s3_blobs(s3):
    """Makes views of the bucket: each call a new workspace unless one is named."""

    def make(workspace=None, location="s3://bucket/some/prefix", **access):
        given = {"endpoint": s3, "region": "us-east-1", "access_key": "a", "secret_key": "s"}
        bucket = S3Bucket(location, S3Access(**given | access))
        return bucket.blobs(workspace or f"w{os.urandom(6).hex()}")

    return make


@pytest.fixture
def make_store(request, tmp_path):
    """Makes an empty blob store of any kind, such as `encrypted s3`."""

    def make(kind):
        if kind == "memory":
            return MemoryBlobs()
        if kind == "files":
            return FileBlobs(tmp_path / "blobs")
        if kind == "s3":
            return request.getfixturevalue("s3_blobs")()
        if kind == "http":
            http = request.getfixturevalue("served")
            return connect("http://testserver", http=http).blobs
        return EncryptedBlobs(make(kind.removeprefix("encrypted ")), bytes(range(32)))

    return make
