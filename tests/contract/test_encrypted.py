"""Encryption at rest: nothing readable is stored, and nothing altered is handed out."""

import base64
import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.blobs.encrypted import CHUNK, HEADER, TAG, EncryptedBlobs, read_key
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.app import House
from viseon.ports import DirectBlobs
from viseon.schema import Failed, Invalid, digest_of
from viseon.settings import Settings

KEY = bytes(range(32))


def sealed(inner, digest):
    with inner.raw(digest) as file:
        return file.read()


def altered(inner, digest, data):
    inner._data[digest] = data


@settings(deadline=None, max_examples=40)
@given(
    size=st.one_of(st.integers(0, 300), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])),
    seed=st.integers(0, 2**32),
)
def test_what_is_sealed_opens_and_grows_by_a_header_and_tags(size, seed):
    data = (seed.to_bytes(5, "big") * (size // 5 + 1))[:size]
    inner = MemoryBlobs()
    blobs = EncryptedBlobs(inner, KEY)
    digest = blobs.put(data)
    assert digest == digest_of(data)
    assert blobs.get(digest) == data
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed(inner, digest)) == HEADER + size + chunks * TAG


def test_no_plain_byte_reaches_the_store(tmp_path):
    blobs = EncryptedBlobs(FileBlobs(tmp_path), KEY)
    secret = os.urandom(16)
    blobs.put(secret * 20_000)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()


def test_equal_bytes_are_sealed_differently():
    """So nobody can tell from two stores whether they hold the same."""
    one, two = MemoryBlobs(), MemoryBlobs()
    digest = EncryptedBlobs(one, KEY).put(b"same")
    EncryptedBlobs(two, KEY).put(b"same")
    assert sealed(one, digest) != sealed(two, digest)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_altered_byte_is_noticed(data):
    inner = MemoryBlobs()
    blobs = EncryptedBlobs(inner, KEY)
    digest = blobs.put(b"x" * 100)
    whole = bytearray(sealed(inner, digest))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    altered(inner, digest, bytes(whole))
    with pytest.raises(Failed):
        blobs.get(digest)


def test_chunks_cannot_be_cut_off_swapped_or_taken_from_another_blob():
    inner = MemoryBlobs()
    blobs = EncryptedBlobs(inner, KEY)
    digest, other = blobs.put(b"a" * 3 * CHUNK), blobs.put(b"b" * 3 * CHUNK)
    whole = sealed(inner, digest)
    step = CHUNK + TAG
    edges = [HEADER + n * step for n in range(4)]
    first, second, third = (whole[a:b] for a, b in pairwise(edges))
    head = whole[:HEADER]
    for forged in (
        head + first + second,
        head + first,
        head,
        head + second + first + third,
        whole + third,
        sealed(inner, other),
        head + sealed(inner, other)[HEADER:],
        whole[:-1],
        whole[:10],
    ):
        altered(inner, digest, forged)
        with pytest.raises(Failed):
            blobs.get(digest)


def test_a_stream_can_be_read_from_the_middle():
    blobs = EncryptedBlobs(MemoryBlobs(), KEY)
    data = os.urandom(2 * CHUNK + 77)
    with blobs.open(blobs.put(data)) as file:
        for at in (0, 5, CHUNK - 1, CHUNK, 2 * CHUNK + 70, len(data), 3):
            assert file.seek(at) == at
            assert file.read(100) == data[at : at + 100]


def test_another_key_is_named_as_the_reason():
    inner = MemoryBlobs()
    digest = EncryptedBlobs(inner, KEY).put(b"x")
    with pytest.raises(Failed, match=r"another key.*VISEON_ENCRYPTION_KEY"):
        EncryptedBlobs(inner, bytes(32)).get(digest)


def test_what_was_stored_before_encryption_stays_readable():
    inner = MemoryBlobs()
    digest = inner.put(b"from before")
    blobs = EncryptedBlobs(inner, KEY)
    assert blobs.get(digest) == b"from before"
    assert blobs.put(b"from before") == digest


def test_clients_get_no_address_of_sealed_bytes(s3_blobs):
    assert not isinstance(EncryptedBlobs(s3_blobs(), KEY), DirectBlobs)


@pytest.mark.parametrize(
    "written", [KEY, KEY.hex().encode() + b"\n", KEY.hex().upper().encode(), base64.b64encode(KEY)]
)
def test_a_key_may_be_raw_hexadecimal_or_base64(tmp_path, written):
    path = tmp_path / "key"
    path.write_bytes(written)
    assert read_key(path) == KEY


@pytest.mark.parametrize("written", [b"", b"short", b"z" * 64, base64.b64encode(KEY[:16])])
def test_what_is_no_key_is_refused_with_the_way_to_make_one(tmp_path, written):
    path = tmp_path / "key"
    path.write_bytes(written)
    with pytest.raises(Invalid, match="256 bits.*openssl rand"):
        read_key(path)


def test_a_key_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match="encryption_key: cannot read"):
        House(Settings(home=tmp_path, encryption_key=tmp_path / "none"))


def test_a_house_with_a_key_stores_nothing_readable(tmp_path):
    (tmp_path / "key").write_text(KEY.hex())
    house = House(Settings(home=tmp_path / "home", encryption_key=tmp_path / "key"))
    digest = house.platform().blobs.put(b"a picture of somebody" * 100)
    assert house.platform().blobs.get(digest) == b"a picture of somebody" * 100
    house.close()
    stored = b"".join(p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file())
    assert b"a picture of somebody" not in stored
