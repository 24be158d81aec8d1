"""What every catalog promises, on each database."""

from datetime import UTC, datetime

import pytest

from viseon.adapters.sql import open_store
from viseon.operation import Call
from viseon.schema import (
    AuditRecord,
    Dataset,
    NotFound,
    Principal,
    Role,
    Scope,
    Task,
    Workspace,
    canonical_json,
    digest_of,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def scope(workspace="default", name="ada"):
    return Scope(principal=Principal(name=name, role=Role.ADMIN), workspace=workspace)


def dataset(name, **more):
    return Dataset(name=name, created=NOON, **more)


@pytest.fixture
def catalog(store):
    return store.catalog(scope())


def put(catalog, *nouns):
    with catalog.transaction() as records:
        for noun in nouns:
            records.put(noun.name, noun)


def test_what_goes_in_comes_out(catalog):
    gate = dataset("gate", classes=("person", "Ünïcode", 'quo"te'))
    put(catalog, gate)
    with catalog.read() as records:
        assert records.get(Dataset, "gate") == gate
        assert records.seek(Dataset, "gone") is None
        with pytest.raises(NotFound, match="no dataset named 'gone'"):
            records.get(Dataset, "gone")


def test_kinds_do_not_mix(catalog):
    put(catalog, dataset("a"))
    with catalog.read() as records:
        assert records.seek(Workspace, "a") is None
        assert records.find(Workspace) == []


def test_find_is_in_codepoint_order_and_pages(catalog):
    names = ["a-1", "a-10", "a-2", "a", "b", "z9"]
    put(catalog, *[dataset(n) for n in names])
    with catalog.read() as records:
        assert [d.name for d in records.find(Dataset)] == sorted(names)
        assert [d.name for d in records.find(Dataset, prefix="a-")] == ["a-1", "a-10", "a-2"]
        assert [d.name for d in records.find(Dataset, after="a-10", limit=2)] == ["a-2", "b"]
        backwards = records.find(Dataset, after="b", limit=2, newest_first=True)
        assert [d.name for d in backwards] == ["a-2", "a-10"]


def test_find_compares_string_fields(catalog):
    put(catalog, dataset("a", task=Task.POSE), dataset("b"), dataset("c", task=Task.POSE))
    with catalog.read() as records:
        assert [d.name for d in records.find(Dataset, where={"task": "pose"})] == ["a", "c"]
        assert records.find(Dataset, where={"task": "pose", "name": "b"}) == []
        assert records.find(Dataset, where={"name": "' or 1=1 --"}) == []


def test_put_replaces_and_remove_forgets(catalog):
    put(catalog, dataset("a"))
    put(catalog, dataset("a", head=7))
    with catalog.transaction() as records:
        assert records.get(Dataset, "a").head == 7
        records.remove(Dataset, "a")
        records.remove(Dataset, "a")
        assert records.seek(Dataset, "a") is None


def test_a_failed_transaction_leaves_nothing(catalog):
    def half():
        with catalog.transaction() as records:
            records.put("a", dataset("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with catalog.read() as records:
        assert records.find(Dataset) == []
        assert records.find(AuditRecord) == []


def test_reading_cannot_write(catalog):
    with catalog.read() as records, pytest.raises(RuntimeError, match="transaction"):
        records.put("a", dataset("a"))
    with catalog.read() as records, pytest.raises(RuntimeError, match="transaction"):
        records.samples.add("a", [])


def test_a_reader_sees_one_moment_while_a_writer_goes_on(catalog):
    put(catalog, dataset("a"))
    with catalog.read() as before:
        assert before.get(Dataset, "a").head == 0
        put(catalog, dataset("a", head=1))
        assert before.get(Dataset, "a").head == 0
    with catalog.read() as after:
        assert after.get(Dataset, "a").head == 1


def test_workspaces_are_walls(store):
    put(store.catalog(scope("one")), dataset("a"))
    with store.catalog(scope("two")).read() as records:
        assert records.find(Dataset) == []
        assert records.find(AuditRecord) == []
        assert records.seek(Dataset, "a") is None


def test_every_write_leaves_one_link_of_the_audit_chain(store_url):
    call = Call("datasets.create", {"name": "a", "task": "detect"})
    store = open_store(store_url, now=lambda: NOON, call=lambda: call)
    catalog = store.catalog(scope(name="grace"))
    put(catalog, dataset("a"))
    with catalog.transaction():
        pass  # nothing written, nothing to record
    put(catalog, dataset("b"), dataset("c"))
    with catalog.read() as records:
        first, second = records.find(AuditRecord)
    store.close()
    assert (first.number, second.number) == (1, 2)
    assert first.previous == "0" * 64
    assert second.previous == first.digest
    assert first.operation == "datasets.create"
    assert first.arguments == call.arguments
    assert first.principal == "grace"
    for record in (first, second):
        rest = record.model_dump(mode="json", exclude={"digest"})
        assert record.digest == digest_of(canonical_json(rest))


def test_a_write_outside_any_operation_is_recorded_without_one(catalog):
    put(catalog, dataset("a"))
    with catalog.read() as records:
        assert records.find(AuditRecord)[0].operation == ""


def test_nobody_can_forge_or_remove_an_audit_record(catalog):
    put(catalog, dataset("a"))
    with catalog.transaction() as records:
        record = records.find(AuditRecord)[0]
        with pytest.raises(RuntimeError, match="audit"):
            records.put("x", record)
        with pytest.raises(RuntimeError, match="audit"):
            records.remove(AuditRecord, "0000000000000001")
