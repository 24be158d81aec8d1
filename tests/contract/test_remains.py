"""Deleting on every database and every kind of store: the same goes, the same stays."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from viseon.adapters.blobs import s3 as s3_module
from viseon.adapters.blobs import stage
from viseon.adapters.sql import engine as engine_module
from viseon.adapters.sql import open_store, remains
from viseon.adapters.sql.tables import METADATA
from viseon.app import House
from viseon.datasets import Datasets, VersionBooks
from viseon.ports import Affected, CountedBlobs
from viseon.ports.blobs import RENEWED_S
from viseon.schema import (
    Annotation,
    Digest,
    Erasure,
    Event,
    Noun,
    Principal,
    Role,
    Row,
    Scope,
    canonical_json,
    digest_of,
)
from viseon.settings import Settings
from viseon.storage import Storage

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
OTHER = SCOPE.model_copy(update={"workspace": "other"})
NOW = datetime.now(UTC)


class Quiet:
    """A report nobody reads."""

    job = None
    cancelled = False

    def progress(self, done, stage=""):
        pass


def parts(store, blobs, tmp_path, scope=SCOPE):
    """Datasets and storage over a store, with operations' bodies called directly."""
    catalog = store.catalog(scope)
    now = lambda: datetime.now(UTC)  # noqa: E731
    return SimpleNamespace(
        catalog=catalog,
        blobs=blobs,
        datasets=Datasets(catalog, blobs, now),
        storage=Storage(catalog, blobs, now, VersionBooks(), tmp_path / "uploads"),
    )


def collect(place, **given):
    body = type(place.storage).collect.__wrapped__
    return body(place.storage, **{"grace_s": 0, **given}, report=Quiet())


def erase(place, *digests):
    body = type(place.storage).erase.__wrapped__
    return body(place.storage, digests=digests, reason="asked for", report=Quiet())


def add(place, dataset, *given):
    text = b"".join(
        canonical_json(r.model_dump(mode="json", exclude_defaults=True)) + b"\n" for r in given
    )
    place.datasets.add(dataset, rows=place.blobs.put(text))


@pytest.fixture(params=["memory", "files", "s3", "encrypted files", "encrypted s3"])
def blobs(request, make_store):
    return make_store(request.param)


@pytest.fixture
def place(store_url, make_store, tmp_path):
    """On each kind of database, with files."""
    store = open_store(store_url)
    yield parts(store, make_store("files"), tmp_path)
    store.close()


def test_every_table_was_thought_of():
    """A new table that names blobs or labels must be looked through, or said not to."""
    known = remains.LOOKED_THROUGH | remains.NAME_NOTHING
    assert set(METADATA.tables.values()) == known


def test_every_store_collects_alike(blobs, tmp_path):
    assert isinstance(blobs, CountedBlobs)
    store = open_store("sqlite://")
    place = parts(store, blobs, tmp_path)
    place.datasets.create(name="shop")
    add(place, "shop", Row(filename="a", digest=blobs.put(b"kept")))
    orphans = sorted(blobs.put(b"orphan %d" % n * 20) for n in range(5))
    time.sleep(1.1)  # S3 dates things by the second
    kept = collect(place, grace_s=3600)
    assert (kept.removed, kept.reasons) == (0, {"grace": 5, "samples": 1})
    said = collect(place, dry_run=True)
    assert sorted(said.examples) == orphans
    found = collect(place)
    assert (found.removed, found.kept) == (5, 1)
    assert found.removed_bytes == said.removed_bytes >= 5 * 160
    assert blobs.missing([*orphans, digest_of(b"kept")]) == orphans
    assert blobs.get(digest_of(b"kept")) == b"kept"
    store.close()


def test_every_store_erases_alike(blobs, tmp_path):
    store = open_store("sqlite://")
    place = parts(store, blobs, tmp_path)
    place.datasets.create(name="shop")
    mine = blobs.put(b"mine")
    add(place, "shop", Row(filename="a", digest=mine), Row(filename="b", digest=blobs.put(b"b")))
    place.datasets.commit("shop")
    erase(place, mine)
    assert blobs.missing([mine]) == [mine]
    assert place.datasets.verify("shop", 1).ok
    store.close()


def test_files_are_dated_anew_well_before_a_short_grace_ends():
    assert stage.RENEW_AFTER_S < RENEWED_S
    assert s3_module.RENEW_S < RENEWED_S


def test_an_object_that_is_stored_again_counts_as_new(s3_blobs, monkeypatch):
    blobs = s3_blobs("renewed")
    data = os.urandom(100_000)
    digest = blobs.put(data)
    before = blobs.stored_at(digest)
    time.sleep(1.1)
    assert digest in blobs
    assert blobs.stored_at(digest) == before
    monkeypatch.setattr(s3_module, "RENEW_S", 0.5)
    assert digest in blobs
    assert blobs.stored_at(digest) > before
    assert blobs.get(digest) == data
    assert [b.digest for b in blobs.stored()] == [digest]


class Novelty(Noun):
    """A kind of noun that the collection has never heard of."""

    proof: Digest


def test_a_noun_of_a_kind_unknown_to_the_collection_keeps_its_blob(place, store_url):
    digests = [place.blobs.put(b"%d" % n) for n in range(3)]
    with place.catalog.transaction() as records:
        records.put("x", Novelty(proof=digests[0]))
    event = Event(
        id="0" * 36, stream="s", config="c" * 64, kind="crossed", where="door", track_id=1,
        class_name="person", score=1, frame_index=1, time_s=0, at=NOW, x=0, y=0,
        model="a" * 64, snapshot=digests[1],
    )  # fmt: skip
    store = open_store(store_url)
    store.events(SCOPE).append([event])
    store.close()
    found = collect(place)
    assert found.examples == (digests[2],)
    assert found.reasons == {"Novelty": 1, "events": 1}


def test_a_collection_knows_one_workspace_only(store_url, tmp_path, make_store):
    store = open_store(store_url)
    blobs = make_store("memory")
    mine, theirs = parts(store, blobs, tmp_path), parts(store, blobs, tmp_path, OTHER)
    label = Annotation(classes=("a",))
    for place in (mine, theirs):
        place.datasets.create(name="shop", classes=("a",))
        digest = blobs.put(place.catalog._scope.workspace.encode())
        add(place, "shop", Row(filename="a", digest=digest, annotation=label))
        place.datasets.commit("shop")
    mine.datasets.delete("shop")
    collect(mine)
    assert theirs.datasets.annotation("shop", filename="a") == label
    assert theirs.datasets.samples("shop").items[0].digest == digest
    with theirs.catalog.read() as records:
        assert records.remains.used([digest]) == {digest}
        assert records.remains.erased() == set()
    with mine.catalog.read() as records:
        assert records.remains.used([digest]) == set()
    store.close()


def test_tombstones_stand_where_the_files_were(place):
    """Every way a row can lie: replaced, removed, committed twice, pending, put aside."""
    mine, b = place.blobs.put(b"mine"), place.blobs.put(b"b")
    label = Annotation(classes=("a",))
    place.datasets.create(name="shop", classes=("a",))
    add(
        place, "shop", Row(filename="x", digest=mine, annotation=label), Row(filename="b", digest=b)
    )
    place.datasets.commit("shop")  # 1: x
    add(place, "shop", Row(filename="x", digest=b))
    place.datasets.commit("shop")  # 2: x is something else
    add(place, "shop", Row(filename="y", digest=mine), Row(filename="z", digest=mine))
    place.datasets.commit("shop")  # 3: y, z
    place.datasets.remove("shop", filenames=("z",))
    add(place, "shop", Row(filename="w", digest=mine))  # pending
    with place.catalog.read() as records:
        assert records.remains.holders([mine]) == [Affected("shop", 1, 1), Affected("shop", 3, 2)]
    splits = {n: place.datasets.version("shop", n).splits for n in (1, 2, 3)}
    found = erase(place, mine)
    assert found.versions == ("shop@1", "shop@3")
    names = lambda n: [s.filename for s in place.datasets.samples("shop", version=n).items]  # noqa: E731
    stone = f"erased/{mine[:32]}"
    assert names(1) == ["b", stone]
    assert names(2) == ["b", "x"]
    assert names(3) == ["b", f"{stone}-2", f"{stone}-3", "x"]
    assert names(None) == ["b", "x"]
    for n in (1, 2, 3):
        checked = place.datasets.verify("shop", n)
        assert (checked.ok, checked.problem) == (True, "")
        assert place.datasets.version("shop", n).splits == splits[n]
    assert place.datasets.version("shop", 2).effective_fingerprint is None
    place.datasets.commit("shop")
    checked = place.datasets.verify("shop", 4)
    assert (checked.ok, checked.problem) == (True, "")


def test_a_tombstone_that_nobody_set_is_noticed(place):
    mine = place.blobs.put(b"mine")
    place.datasets.create(name="shop")
    add(place, "shop", Row(filename="x", digest=mine))
    place.datasets.commit("shop")
    with place.catalog.transaction() as records:
        records.remains.erase([mine])  # the rows alone
    checked = place.datasets.verify("shop", 1)
    assert not checked.ok
    assert checked.where == "manifest"


def test_an_erasure_takes_deleted_datasets_along(place):
    mine = place.blobs.put(b"mine")
    place.datasets.create(name="shop")
    add(place, "shop", Row(filename="x", digest=mine))
    place.datasets.commit("shop")
    place.datasets.delete("shop")
    erase(place, mine)
    place.datasets.restore("shop")
    assert place.datasets.verify("shop", 1).erased == 1
    assert place.datasets.samples("shop").items == ()


@pytest.fixture
def anywhere(store_url, tmp_path):
    """A whole house on each kind of database."""
    house = House(Settings(home=tmp_path / "home", database=store_url, jobs="inline"))
    yield house
    house.close()


def test_a_whole_house_deletes_on_either_database(anywhere, store_url):
    platform = anywhere.platform()
    digest = platform.blobs.put(b"mine")
    platform.datasets.create(name="shop")
    row = json.dumps({"filename": "a", "digest": digest})
    platform.datasets.add("shop", rows=platform.blobs.put(row.encode()))
    platform.datasets.commit("shop")
    orphan = platform.blobs.put(b"orphan")
    assert platform.storage.collect(grace_s=0).wait().result["examples"] == [orphan]
    erased = platform.storage.erase(digests=(digest,), reason="asked for").wait().result
    assert erased["done"]
    assert erased["scrubbed"] == store_url.startswith("sqlite")
    assert platform.datasets.verify("shop", 1).erased == 1
    later = datetime.now(UTC) + timedelta(days=1)
    assert platform.storage.erasures().items[0].at < later


SECRET = "a-name-that-must-be-forgotten"


@pytest.fixture
def journalled(tmp_path, make_store):
    """On SQLite, with another process (as good as) that has the database open."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    store, other = open_store(url), open_store(url)
    with other.catalog(SCOPE).read() as records:
        records.remains.deeds()
    yield parts(store, make_store("files"), tmp_path), other
    other.close()
    store.close()


def in_database(tmp_path):
    return SECRET.encode() in b"".join(p.read_bytes() for p in tmp_path.glob("catalog.db*"))


def test_the_journal_of_sqlite_forgets_too(journalled, tmp_path):
    place, _ = journalled
    mine = place.blobs.put(b"mine")
    place.datasets.create(name="shop")
    add(place, "shop", Row(filename=SECRET, digest=mine, metadata={"x": SECRET * 500}))
    place.datasets.commit("shop")
    assert in_database(tmp_path)
    assert erase(place, mine).scrubbed
    assert not in_database(tmp_path)


def test_a_reader_may_delay_the_forgetting_until_the_next_collection(
    journalled, tmp_path, monkeypatch
):
    place, other = journalled
    mine = place.blobs.put(b"mine")
    place.datasets.create(name="shop")
    add(place, "shop", Row(filename=SECRET, digest=mine))
    monkeypatch.setattr(engine_module, "SCRUB_TRIES", 1)
    with other.catalog(SCOPE).read() as records:
        records.remains.deeds()
        assert not erase(place, mine).scrubbed
        assert in_database(tmp_path)
    collect(place)
    assert not in_database(tmp_path)
    with place.catalog.read() as records:
        assert [e.scrubbed for e in records.find(Erasure)] == [True]
