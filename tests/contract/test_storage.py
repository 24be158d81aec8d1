"""Deleting: what nobody names goes, what models learned from stays, what is erased is gone."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from viseon.adapters.images.opencv import OpencvImages
from viseon.cli import build_cli
from viseon.datasets import pull
from viseon.runs.data import VersionData
from viseon.schema import (
    Annotation,
    Collected,
    Conflict,
    Erasure,
    Failed,
    Forbidden,
    Invalid,
    Job,
    JobState,
    Model,
    NotFound,
    Object,
    Principal,
    Role,
    Row,
    Scope,
    Signature,
    Version,
    canonical_json,
    digest_of,
)
from viseon.schema.model import InputSpec

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
MARK = b"a-face-that-must-be-forgotten"
SIGHT = "the-label-that-must-be-forgotten"


def rows(*given):
    return b"".join(
        canonical_json(r.model_dump(mode="json", exclude_defaults=True)) + b"\n" for r in given
    )


def put(platform, dataset, **files):
    """Add files by name (`__` for `.`), their content the bytes given."""
    given = [
        Row(filename=name.replace("__", "."), digest=platform.blobs.put(data))
        for name, data in files.items()
    ]
    return platform.datasets.add(dataset, rows=platform.blobs.put(rows(*given)))


def collect(platform, **given):
    given = {"grace_s": 0, **given}
    return Collected.model_validate(platform.storage.collect(**given).wait().result)


def erase(platform, **given):
    job = platform.storage.erase(**{"reason": "request 17", **given})
    return Erasure.model_validate(job.wait().result)


def learn(house, dataset, number=1, name="people"):
    """A model that says it learned from a version."""
    with house.store.catalog(SCOPE).transaction() as records:
        version = records.get(Version, f"{dataset}@{number:08d}")
        onnx = house.platform().blobs.put(f"weights of {name}".encode())
        model = Model(
            name=name,
            number=1,
            digest="d" * 64,
            onnx=onnx,
            size=3,
            signature=Signature(
                classes=("a",),
                input=InputSpec(name="x", width=8, height=8),
                outputs=("y",),
                decoder="yolox",
            ),
            version=version.fingerprint,
            dataset=version.ref,
            created=version.created,
        )
        records.put(f"{name}@00000001", model)
    return onnx


def everything_in(folder):
    return b"".join(p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file())


# --- collection ------------------------------------------------------------------------------


def test_what_nothing_names_is_collected_and_everything_else_stays(platform, house):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"first", b=b"second")
    platform.datasets.commit("shop")
    platform.datasets.remove("shop", filenames=("a",))
    put(platform, "shop", w=b"working area")
    onnx = learn(house, "shop")
    orphan = platform.blobs.put(b"nobody wants me")
    said = collect(platform, dry_run=True)
    assert said.examples == (orphan,)
    assert orphan in platform.blobs
    time.sleep(0.01)
    found = collect(platform)
    assert (found.removed, found.removed_bytes) == (1, len(b"nobody wants me"))
    assert found.examples == (orphan,)
    assert found.reasons == {"samples": 3, "Model": 1}
    assert orphan not in platform.blobs
    for kept in (b"first", b"second", b"working area"):
        assert digest_of(kept) in platform.blobs
    assert onnx in platform.blobs
    assert platform.datasets.verify("shop", 1).ok


def test_what_is_young_or_was_asked_for_again_stays(platform, house, tmp_path):
    young = platform.blobs.put(b"young")
    again = platform.blobs.put(b"asked for again")
    asked = platform.blobs.put(b"asked whether it is there")
    many = platform.blobs.put(b"one of many")
    old = platform.blobs.put(b"old")
    for digest in (again, asked, many, old):
        backdate(house, digest, 8)
    platform.blobs.put(b"asked for again")
    assert platform.blobs.missing([asked]) == []
    (tmp_path / "many").write_bytes(b"one of many")
    assert list(platform.blobs.add_many([tmp_path / "many"])) == [many]
    found = collect(platform, grace_s=7 * 86400)
    assert found.examples == (old,)
    assert found.reasons == {"grace": 4}
    assert platform.blobs.missing([young, again, asked, many, old]) == [old]


def backdate(house, digest, days):
    path = house.settings.home / "blobs" / "default" / digest[:2] / digest[2:]
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def test_labels_and_looks_that_no_sample_has_are_collected(platform):
    platform.datasets.create(name="shop", classes=("person",), near=26)
    label = Annotation(objects=(Object(id="1", class_name="person", box=(1, 1, 9, 9)),))
    noise = np.random.default_rng(7).integers(0, 255, (64, 64, 3), np.uint8)
    digest = platform.blobs.put(cv2.imencode(".png", noise)[1].tobytes())
    row = Row(filename="a.png", digest=digest, annotation=label)
    platform.datasets.add("shop", rows=platform.blobs.put(rows(row)))
    platform.datasets.remove("shop", filenames=("a.png",))
    said = collect(platform, dry_run=True)
    assert (said.labels, said.looks, said.removed) == (1, 1, 1)
    found = collect(platform)
    assert (found.labels, found.looks, found.removed) == (1, 1, 1)
    assert collect(platform).labels == 0


def test_a_collection_without_grace_waits_for_work_in_progress(platform, house):
    catalog = house.store.catalog(SCOPE)
    job = platform.storage.collect(grace_s=0)
    with catalog.transaction() as records:
        other = records.get(Job, job.id).model_copy(
            update={
                "id": "other",
                "state": JobState.RUNNING,
                "operation": "runs.start",
                "lease_until": datetime.now(UTC) + timedelta(hours=1),
                "pid": None,
            }
        )
        records.put("other", other)
    with pytest.raises(Failed, match="runs.start"):
        collect(platform, grace_s=0)
    assert collect(platform, grace_s=3600).removed == 0


# --- soft delete -----------------------------------------------------------------------------


def test_a_deleted_dataset_vanishes_and_comes_back_whole(platform):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"1")
    version = platform.datasets.commit("shop")
    platform.datasets.delete("shop")
    assert platform.datasets.find().items == ()
    with pytest.raises(NotFound, match="was deleted by local") as caught:
        platform.datasets.get("shop")
    assert caught.value.fix == "viseon restore shop"
    with pytest.raises(NotFound, match="was deleted"):
        put(platform, "shop", b=b"2")
    with pytest.raises(NotFound, match="was deleted"):
        platform.runs.start(dataset="shop@1")
    with pytest.raises(Conflict, match="still taken") as caught:
        platform.datasets.create(name="shop")
    assert "restore" in caught.value.fix
    assert [d.dataset.name for d in platform.storage.deleted().items] == ["shop"]
    assert platform.datasets.version("shop", 1) == version
    assert collect(platform, grace_s=7 * 86400).datasets == ()
    assert platform.datasets.restore("shop").head == 1
    assert platform.storage.deleted().items == ()
    assert platform.datasets.verify("shop", 1).ok
    with pytest.raises(Conflict, match="not deleted"):
        platform.datasets.restore("shop")


def test_a_deleted_dataset_goes_for_good_after_its_grace(platform):
    for name in ("shop", "shop-2"):
        platform.datasets.create(name=name)
        put(platform, name, a=b"shared", b=name.encode())
        platform.datasets.commit(name)
    platform.datasets.delete("shop")
    said = collect(platform, dry_run=True)
    assert (said.datasets, said.removed) == (("shop",), 1)
    assert platform.datasets.version("shop", 1).samples == 2
    found = collect(platform)
    assert (found.datasets, found.removed, found.examples) == (
        ("shop",), 1, (digest_of(b"shop"),),
    )  # fmt: skip
    with pytest.raises(NotFound, match="no dataset named 'shop'"):
        platform.datasets.version("shop", 1)
    assert platform.datasets.verify("shop-2", 1).ok
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"anew")
    assert platform.datasets.commit("shop").number == 1


def test_a_dataset_that_a_model_learned_from_is_kept_alive(platform, house):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"1")
    platform.datasets.commit("shop")
    learn(house, "shop")
    with pytest.raises(Conflict, match="people@1 learned from versions of 'shop'") as caught:
        platform.datasets.delete("shop")
    assert "force" in caught.value.fix
    platform.datasets.delete("shop", force=True)
    found = collect(platform)
    assert found.datasets == ("shop",)


def test_a_model_that_came_after_the_deletion_guards_too(platform, house):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"1")
    platform.datasets.commit("shop")
    platform.datasets.delete("shop")
    learn(house, "shop")
    with pytest.raises(Conflict, match="people@1 learned"):
        platform.storage.purge("shop")
    found = collect(platform)
    assert (found.datasets, found.guarded) == ((), {"shop": ("people@1",)})
    assert platform.datasets.restore("shop").head == 1


def test_a_deleted_dataset_can_be_purged_at_once(platform):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"1")
    with pytest.raises(NotFound, match="no deleted dataset"):
        platform.storage.purge("shop")
    platform.datasets.delete("shop")
    platform.storage.purge("shop")
    platform.datasets.create(name="shop")
    assert platform.datasets.samples("shop").items == ()


# --- erasure ---------------------------------------------------------------------------------


@pytest.fixture
def shop(platform):
    """Two versions with a marked picture and label; the second also has it under another name."""
    platform.datasets.create(name="shop", classes=("person", SIGHT))
    label = Annotation(classes=(SIGHT,))
    marked = platform.blobs.put(b"\x89PNG" + MARK + os.urandom(100))
    other = platform.blobs.put(b"harmless")
    given = [
        Row(
            filename="hans-mueller.png",
            digest=marked,
            annotation=label,
            metadata={"subject": "born-1961-in-ulm"},
        ),
        Row(filename="b.png", digest=other, annotation=Annotation(classes=("person",))),
    ]
    platform.datasets.add("shop", rows=platform.blobs.put(rows(*given)))
    platform.datasets.commit("shop")
    again = Row(filename="copy-of-hans-mueller.png", digest=marked, annotation=label)
    platform.datasets.add("shop", rows=platform.blobs.put(rows(again)))
    platform.datasets.commit("shop")
    for number in (1, 2):  # copies in the store
        platform.datasets.manifest("shop", number)
        platform.datasets.annotations("shop", number)
    return marked


def test_after_an_erasure_no_byte_of_it_is_on_the_disk(platform, house, shop):
    secrets = [MARK, b"born-1961-in-ulm", b"copy-of-hans", b"hans-mueller.png"]
    before = everything_in(house.settings.home)
    assert all(secret in before for secret in secrets)
    assert SIGHT.encode() in before
    found = erase(platform, digests=(shop,))
    assert found.versions == ("shop@1", "shop@2")
    assert (found.done, found.scrubbed) == (True, True)
    after = everything_in(house.settings.home)
    assert [secret for secret in secrets if secret in after] == []
    with pytest.raises(NotFound, match="was erased by local"):
        platform.blobs.get(shop)
    assert [s.filename for s in platform.datasets.samples("shop").items] == ["b.png"]


def test_old_versions_verify_with_tombstones(platform, shop, tmp_path):
    before = platform.datasets.version("shop", 2)
    erase(platform, digests=(shop,))
    version = platform.datasets.version("shop", 2)
    assert version.fingerprint == before.fingerprint
    assert version.erased == 2
    manifest = platform.blobs.get(platform.datasets.manifest("shop", 2))
    assert digest_of(manifest) == version.effective_fingerprint != before.fingerprint
    stones = [json.loads(line) for line in manifest.splitlines()[1:] if b'"erased"' in line]
    assert [s["filename"] for s in stones] == [f"erased/{shop[:32]}", f"erased/{shop[:32]}-2"]
    assert all(set(s) <= {"filename", "digest", "erased", "split"} for s in stones)
    for number in (1, 2):
        checked = platform.datasets.verify("shop", number)
        assert (checked.ok, checked.erased, checked.problem) == (True, number, "")
    pulled = pull(platform, "shop", 2, into=tmp_path / "out")
    assert pulled.erased == 2
    names = {p.name for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert names == {"b.png", "manifest.jsonl", "annotations.jsonl", "certificate.json"}


def test_trainings_leave_erased_samples_out(house, platform, shop):
    erase(platform, digests=(shop,))
    blobs = house._blobs("default")
    with house.store.catalog(SCOPE).read() as records:
        data = VersionData(records, records.get(Version, "shop@00000002"), blobs, OpencvImages())
    seen = [p.filename for split in ("train", "val", "test") for p in data.split(split)]
    assert seen == ["b.png"]


def test_a_version_after_an_erasure_is_whole_again(platform, shop):
    erase(platform, digests=(shop,))
    put(platform, "shop", c__png=b"another")
    version = platform.datasets.commit("shop")
    assert (version.number, version.samples, version.erased) == (3, 2, 0)
    checked = platform.datasets.verify("shop", 3)
    assert (checked.ok, checked.problem) == (True, "")
    platform.datasets.revert("shop", 2)
    assert [s.filename for s in platform.datasets.samples("shop").items] == ["b.png"]
    assert platform.datasets.fork("shop", 2, name="branch").samples == 1
    assert platform.datasets.verify("branch", 1).ok


def test_what_was_erased_does_not_come_back(platform, house, shop, tmp_path):
    data = platform.blobs.get(shop)
    (tmp_path / "again.png").write_bytes(data)
    erase(platform, digests=(shop,))
    with pytest.raises(Forbidden, match="was erased by local.*request 17"):
        platform.blobs.put(data)
    with pytest.raises(Forbidden, match="was erased"):
        platform.blobs.add(tmp_path / "again.png")
    with pytest.raises(Forbidden, match="was erased"):
        list(platform.blobs.add_many([tmp_path / "again.png"]))
    house._blobs("default").put(data)  # somebody brought it in by the back door
    envelope = platform.blobs.put(rows(Row(filename="x.png", digest=shop)))
    with pytest.raises(Forbidden, match="x.png: its bytes.*was erased"):
        platform.datasets.add("shop", rows=envelope)
    found = collect(platform, grace_s=7 * 86400)
    assert shop in found.examples
    assert MARK not in everything_in(house.settings.home)


def test_large_erased_files_are_refused_before_they_are_sent(platform, house, tmp_path):
    path = tmp_path / "video"
    path.write_bytes(MARK * 100_000)
    digest = platform.blobs.add(path)
    erase(platform, digests=(digest,))
    with pytest.raises(Forbidden, match="was erased"):
        platform.blobs.add(path)
    assert MARK not in everything_in(house.settings.home)


def test_models_that_learned_from_it_are_flagged(platform, house, shop):
    learn(house, "shop", 2)
    found = erase(platform, digests=(shop,))
    assert found.models == ("people@1",)
    assert platform.models.get("people").erased == 2
    assert platform.storage.erasures().items == (found,)


def test_a_file_is_found_by_its_name_and_erased_once(platform, shop):
    found = erase(platform, dataset="shop", filename="copy-of-hans-mueller.png")
    assert found.digests == (shop,)
    again = erase(platform, digests=(shop,))
    assert (again.versions, again.derived) == ((), ())
    assert platform.datasets.version("shop", 2).erased == 2
    with pytest.raises(Failed, match="never had a file"):
        erase(platform, dataset="shop", filename="nobody.png")
    with pytest.raises(Failed, match="is stored or in a dataset"):
        erase(platform, digests=("e" * 64,))
    with pytest.raises((Failed, Invalid), match="name digests"):
        erase(platform, reason="x")


def test_weights_of_a_model_are_not_erased(platform, house, shop):
    onnx = learn(house, "shop")
    with pytest.raises(Failed, match="bytes of model people@1"):
        erase(platform, digests=(onnx,))
    assert onnx in platform.blobs


def test_an_erasure_and_a_collection_need_an_admin(house):
    editor = house.platform(Scope(principal=Principal(name="bob", role=Role.EDITOR)))
    with pytest.raises(Forbidden, match="admin"):
        editor.storage.erase(digests=("a" * 64,), reason="x")
    with pytest.raises(Forbidden, match="admin"):
        editor.storage.collect()


def test_labels_that_others_share_stay(platform):
    platform.datasets.create(name="shop", classes=("person",))
    label = Annotation(classes=("person",))
    given = [Row(filename=n, digest=platform.blobs.put(n.encode()), annotation=label) for n in "ab"]
    platform.datasets.add("shop", rows=platform.blobs.put(rows(*given)))
    platform.datasets.commit("shop")
    erase(platform, digests=(digest_of(b"a"),))
    assert platform.datasets.annotation("shop", filename="b") == label
    assert platform.datasets.verify("shop", 1).ok


def test_what_recipes_made_of_it_goes_too(platform, house):
    platform.datasets.create(name="shop", classes=("person",))
    rng = np.random.default_rng(5)
    given = []
    for name in ("a.png", "b.png"):
        data = cv2.imencode(".png", rng.integers(0, 255, (32, 32, 3), np.uint8))[1].tobytes()
        given.append(Row(filename=name, digest=platform.blobs.put(data)))
    platform.datasets.add("shop", rows=platform.blobs.put(rows(*given)))
    platform.datasets.commit("shop")
    two = "recipe: two\nstages: [{kind: resize, width: 24, height: 24}, grayscale]\n"
    platform.recipes.start("shop", 1, document=two, into="small").wait()
    flipped = "recipe: mirror\nstages: [flip]\n"
    platform.recipes.start("small", 1, document=flipped, into="mirrored").wait()
    store = house._blobs("default")
    before = set(store.digests())
    found = erase(platform, digests=(given[0].digest,))
    assert found.versions == ("mirrored@1", "shop@1", "small@1")
    assert len(found.derived) == 3  # resized, then grey, then mirrored
    gone = before - set(store.digests())
    assert {given[0].digest, *found.derived} <= gone
    for name in ("shop", "small", "mirrored"):
        checked = platform.datasets.verify(name, 1)
        assert (checked.ok, checked.erased) == (True, 1)
        assert platform.datasets.samples(name).items[0].filename.startswith("b")
    again = platform.recipes.start("shop", 1, document=two, into="small").wait()
    assert again.state == "done"
    assert platform.datasets.verify("small", platform.datasets.get("small").head).ok
    kept = collect(platform)
    assert kept.results == 0


def test_what_other_files_give_as_well_stays(platform):
    """The black halves of two pictures are the same tile: it shows nothing of either."""
    platform.datasets.create(name="shop")
    rng = np.random.default_rng(6)
    given = []
    for name in ("a.png", "b.png"):
        pixels = np.zeros((32, 64, 3), np.uint8)
        pixels[:, :32] = rng.integers(0, 255, (32, 32, 3), np.uint8)
        data = cv2.imencode(".png", pixels)[1].tobytes()
        given.append(Row(filename=name, digest=platform.blobs.put(data)))
    platform.datasets.add("shop", rows=platform.blobs.put(rows(*given)))
    platform.datasets.commit("shop")
    tiles = "recipe: tiles\nstages: [{kind: tile, columns: 2, rows: 1, overlap: 0}]\n"
    platform.recipes.start("shop", 1, document=tiles, into="tiles").wait()
    before = {s.filename: s.digest for s in platform.datasets.samples("tiles").items}
    assert len(set(before.values())) == 3
    found = erase(platform, digests=(given[0].digest,))
    assert len(found.derived) == 1
    left = {s.filename: s.digest for s in platform.datasets.samples("tiles").items}
    assert set(left.values()) == set(before.values()) - set(found.derived)
    version = platform.datasets.commit("shop")
    again = platform.recipes.start("shop", version.number, document=tiles, into="tiles").wait()
    assert again.state == "done"
    assert len(platform.datasets.samples("tiles").items) == 2


def test_an_empty_file_is_not_taken_for_an_empty_list_of_labels(platform):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"", b=b"mine")
    platform.datasets.commit("shop")
    platform.datasets.annotations("shop", 1)  # no labels: nothing, as bytes
    erase(platform, digests=(digest_of(b"mine"),))
    assert platform.blobs.get(digest_of(b"")) == b""
    assert platform.datasets.verify("shop", 1).ok


def test_a_health_page_that_shows_it_goes_too(platform, house):
    platform.datasets.create(name="shop")
    picture = np.zeros((32, 32, 3), np.uint8)
    digest = platform.blobs.put(cv2.imencode(".png", picture)[1].tobytes())
    platform.datasets.add("shop", rows=platform.blobs.put(rows(Row(filename="a", digest=digest))))
    job = platform.curation.health("shop").wait()
    page = job.result["page"]
    assert page in platform.blobs
    found = erase(platform, digests=(digest,))
    assert page in found.copies
    assert page not in platform.blobs
    assert platform.jobs.get(job.id).result is None


def test_a_deed_of_erasing_is_on_record(platform, shop):
    erase(platform, digests=(shop,), reason="request 18")
    records = platform.access.audit(limit=50).items
    deeds = [r for r in records if r.operation == "storage.erase"]
    assert deeds
    assert deeds[0].arguments["reason"] == "request 18"


# --- command line ----------------------------------------------------------------------------


def test_the_commands_say_what_they_do(platform, shop):
    def run(*words, fails=False):
        result = CliRunner().invoke(build_cli(lambda: platform), list(words))
        assert (result.exit_code != 0) == fails, result.output
        return result

    orphan = platform.blobs.put(b"orphan")
    said = run("gc", "--dry-run", "--grace", "0").stdout
    assert said.startswith("would remove 2 files")  # and an export of labels
    assert f"  {orphan}\n" in said
    assert "kept 0 files" not in said
    assert "by grace" in run("gc", "--grace", "1h").stdout
    with pytest.raises(Invalid, match="soon"):
        CliRunner().invoke(
            build_cli(lambda: platform), ["gc", "--grace", "soon"], catch_exceptions=False
        )
    assert json.loads(run("gc", "--grace", "0", "--json").stdout)["dry_run"] is False
    run("delete", "shop")
    run("restore", "shop")
    assert run("erase", "shop", "hans-mueller.png", "--reason", "x", fails=True).exit_code == 1
    found = run("erase", "shop", "hans-mueller.png", "--reason", "x", "--yes")
    assert json.loads(found.stdout)["digests"] == [shop]
    assert "1 files erased from 2 versions" in found.stderr
    assert "shop@2 is whole: 3 samples, 2 of them erased" in run("verify", "shop@2").stdout


def test_a_damaged_version_makes_verify_fail(platform, house):
    platform.datasets.create(name="shop")
    put(platform, "shop", a=b"1")
    platform.datasets.commit("shop")
    house._blobs("default").delete(digest_of(b"1"))
    result = CliRunner().invoke(build_cli(lambda: platform), ["verify", "shop"])
    assert result.exit_code == 1
    assert "NOT whole" in result.stdout
    assert "a: no blob" in result.stdout
