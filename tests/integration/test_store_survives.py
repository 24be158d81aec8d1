"""A store opens after anything: two openers at once, a newer release, kill -9 at any moment."""

import io
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.sql import migrate, open_store
from viseon.datasets import Datasets
from viseon.datasets.manifest import samples_of
from viseon.datasets.query.ask import asked_for
from viseon.schema import (
    AuditRecord,
    Conflict,
    Dataset,
    Invalid,
    Principal,
    Role,
    Sample,
    Scope,
    Unavailable,
    canonical_json,
    digest_of,
)

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))

WORK = """
import io, json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.sql import open_store
from viseon.datasets import Datasets, import_folder, pull
from viseon.schema import Conflict, Principal, Role, Scope
url, home, name, rounds = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
scope = Scope(principal=Principal(name=name, role=Role.ADMIN))
print("ready", flush=True)
store = open_store(url)
blobs = FileBlobs(home / "blobs")
datasets = Datasets(store.catalog(scope), blobs, lambda: datetime.now(UTC))
platform = SimpleNamespace(blobs=blobs, datasets=datasets)
try:
    datasets.create(name="shop")
except Conflict:
    pass
for round in range(rounds):
    rows = []
    for n in range(20):
        digest = blobs.put(os.urandom(500))
        rows.append(json.dumps({"filename": f"{name}/{round}-{n}", "digest": digest}))
    datasets.add("shop", rows=blobs.put("\\n".join(rows).encode()))
    try:
        datasets.commit("shop", message=f"{name} {round}")
    except Conflict:
        pass
    if round % 5 == 4:
        pull(platform, "shop", into=home / "out" / f"{name}-{os.getpid()}-{round}")
print("done", flush=True)
"""


def worker(url, home, name, rounds):
    command = [sys.executable, "-c", WORK, url, str(home), name, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def platform(url, home):
    store = open_store(url)
    blobs = FileBlobs(home / "blobs")
    catalog = store.catalog(SCOPE)
    return SimpleNamespace(
        store=store, catalog=catalog, blobs=blobs, datasets=Datasets(catalog, blobs, lambda: None)
    )


def assert_whole(found):
    """Every version's manifest has its fingerprint, every byte is there, no audit link is missing."""
    with found.catalog.read() as records:
        head = records.get(Dataset, "shop").head
        chain = records.find(AuditRecord)
    parent = None
    for number in range(1, head + 1):
        version = found.datasets.version("shop", number)
        manifest = found.blobs.get(found.datasets.manifest("shop", number))
        assert digest_of(manifest) == version.fingerprint
        assert version.parent == parent
        parent = version.fingerprint
    if head:
        file = io.BytesIO(manifest)
        file.readline()
        samples = list(samples_of(file))
        assert len(samples) == version.samples
        assert found.blobs.missing(s.digest for s in samples) == []
    previous = "0" * 64
    for number, record in enumerate(chain, 1):
        assert (record.number, record.previous) == (number, previous)
        rest = canonical_json(record.model_dump(mode="json", exclude={"digest"}))
        assert record.digest == digest_of(rest)
        previous = record.digest
    return head


def test_two_processes_writing_at_once_lose_nothing(store_url, tmp_path):
    workers = [worker(store_url, tmp_path, name, 12) for name in ("ada", "bob")]
    for process in workers:
        out, _ = process.communicate(timeout=120)
        assert out.split() == ["ready", "done"]
        assert process.returncode == 0
    found = platform(store_url, tmp_path)
    head = assert_whole(found)
    assert 12 <= head <= 24
    with found.catalog.read() as records:
        names = {s.filename for s in records.samples.rows("shop", version=head)}
    assert names == {f"{w}/{r}-{n}" for w in ("ada", "bob") for r in range(12) for n in range(20)}
    found.store.close()


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_the_store_is_whole(store_url, tmp_path, seed):
    rng = random.Random(seed)
    head = 0
    for attempt in range(5):
        process = worker(store_url, tmp_path, f"w{attempt}", 1000)
        process.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.9))  # the moment of death is the point
        process.kill()
        process.communicate()
    found = platform(store_url, tmp_path)
    with found.catalog.transaction() as records:
        if records.seek(Dataset, "shop") is None:
            pytest.skip("every process died before it had created anything")
    after = assert_whole(found)
    assert after >= head
    rows = "".join(
        json.dumps({"filename": f"last-{n}", "digest": found.blobs.put(b"%d" % n)}) + "\n"
        for n in range(3)
    )
    found.datasets.add("shop", rows=found.blobs.put(rows.encode()))
    assert found.datasets.diff("shop", old=after).added >= 3
    found.store.close()


def test_many_openers_at_once_migrate_once(store_url):
    code = f"from viseon.adapters.sql import open_store; open_store({store_url!r}).close()"
    openers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [p.wait(60) for p in openers] == [0, 0, 0, 0]
    open_store(store_url).close()


def test_the_newest_migration_is_the_one_the_code_expects():
    config = Config()
    config.set_main_option("script_location", "viseon.adapters.sql:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_rows_from_before_the_hints_are_found(store_url):
    store = open_store(store_url)
    rows = [
        Sample(
            filename=f"{n:04d}.jpg",
            digest=digest_of(b"%d" % n),
            metadata={"lux": n} if n != 777 else {"note": "odd", "kinds": []},
        )
        for n in range(1500)
    ]
    with store.catalog(SCOPE).transaction() as records:
        records.put("shop", Dataset(name="shop", created=datetime(2030, 1, 1, tzinfo=UTC)))
        records.samples.add("shop", rows)
        records.samples.freeze("shop", 1)
        records.samples.describe("shop", {"0001.jpg": {"note": "new"}})
    store.close()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as db:
        for table in ("hint", "batch"):
            db.execute(text(f"delete from {table}"))  # noqa: S608 (ours)
        db.execute(text("update alembic_version set version_num = '0004'"))
    engine.dispose()
    store = open_store(store_url)
    wanted = {
        ("note is not missing", None): ["0001.jpg", "0777.jpg"],
        ('note == "odd"', 1): ["0777.jpg"],
        ("lux is missing", None): ["0001.jpg", "0777.jpg"],
        ("not lux >= 0", 1): ["0777.jpg"],
        ("kinds is not missing", 1): ["0777.jpg"],
    }
    with store.catalog(SCOPE).read() as records:
        for (where, version), names in wanted.items():
            asked = asked_for(records, "shop", where=where)
            found = records.samples.page("shop", version=version, where=asked)
            assert [s.filename for s in found] == names, where
    store.close()


def test_a_store_of_a_newer_release_is_refused_and_left_alone(store_url):
    open_store(store_url).close()
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as db:
        db.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="newer release") as caught:
        open_store(store_url)
    assert "upgrade viseon" in caught.value.fix
    with engine.begin() as db:
        assert db.scalar(text("select version_num from alembic_version")) == "9999"
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("what", Invalid),
        ("mysql://localhost/x", Invalid),
        ("sqlite:////proc/nope/catalog.db", Unavailable),
        ("postgresql://postgres@127.0.0.1:1/test", Unavailable),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(url, error):
    with pytest.raises(error) as caught:
        open_store(url)
    assert caught.value.fix


def test_a_file_that_is_no_database_is_explained(tmp_path):
    (tmp_path / "catalog.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        open_store(f"sqlite:///{tmp_path / 'catalog.db'}")


def test_a_lost_connection_is_explained_and_found_again(postgres_url, postgres_server):
    name = postgres_url[-16:]
    store = open_store(f"{postgres_url}&application_name={name}")
    catalog = store.catalog(SCOPE)

    def cut_off_while_reading():
        with catalog.read() as records:
            records.find(Dataset)
            postgres_server(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                f" where application_name = '{name}'"
            )
            records.find(Dataset)

    with pytest.raises(Unavailable, match="does not answer"):
        cut_off_while_reading()
    with catalog.read() as records:
        assert records.find(Dataset) == []
    store.close()
