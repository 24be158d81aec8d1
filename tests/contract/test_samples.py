"""What the bulk rows promise, on each database."""

import pytest

from viseon.schema import (
    Added,
    Annotation,
    NotFound,
    Object,
    Principal,
    Role,
    Sample,
    Scope,
    digest_of,
)

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))


def row(name, content="", **more):
    return Sample(filename=name, digest=digest_of((content or name).encode()), **more)


@pytest.fixture
def samples(store):
    """The rows, in a transaction that is still open."""
    with store.catalog(SCOPE).transaction() as records:
        yield records.samples


def kinds(samples, old, new):
    return {c.filename: c.kind for c in samples.changes("shop", old, new)}


def freeze(samples, version):
    samples.freeze("shop", version)


def test_the_working_area_becomes_a_version_and_moves_on(samples):
    samples.add("shop", [row("a"), row("b")])
    freeze(samples, 1)
    samples.add("shop", [row("c")])
    samples.remove("shop", ["a", "nobody"])
    assert [s.filename for s in samples.page("shop", version=1)] == ["a", "b"]
    assert [s.filename for s in samples.page("shop")] == ["b", "c"]
    freeze(samples, 2)
    assert [s.filename for s in samples.rows("shop", version=2)] == ["b", "c"]
    assert [s.filename for s in samples.rows("shop", version=1)] == ["a", "b"]


def test_filenames_sort_by_codepoint(samples):
    names = [
        "é.jpg",
        "z.jpg",
        "Z.jpg",
        "a/b.jpg",
        "a-b.jpg",
        "日本.jpg",
        "\U0001f600.jpg",
        "\uffee",
    ]
    samples.add("shop", [row(n) for n in names])
    assert [s.filename for s in samples.rows("shop")] == sorted(names)
    assert [s.filename for s in samples.page("shop", after="Z.jpg", limit=2)] == [
        "a-b.jpg",
        "a/b.jpg",
    ]


def test_adding_says_what_it_came_to(samples):
    assert samples.add("shop", [row("a"), row("b")]) == Added(added=2)
    freeze(samples, 1)
    again = [row("a"), row("b", "other"), row("c")]
    assert samples.add("shop", again) == Added(added=1, replaced=1, unchanged=1)


def test_each_kind_of_change_is_told_apart(samples):
    label = Annotation(objects=(Object(id="1", class_name="x", box=(0, 0, 1, 1)),))
    samples.annotate([label])
    samples.add("shop", [row(n, split="train") for n in "abcdef"])
    freeze(samples, 1)
    samples.remove("shop", ["a"])
    samples.add(
        "shop",
        [
            row("b", "other bytes"),
            row("c", annotation=label.digest),
            row("d", split="val"),
            row("e", metadata={"camera_id": "cam-1"}),
            row("g"),
        ],
    )
    expected = {
        "a": "removed",
        "b": "modified",
        "c": "relabelled",
        "d": "moved",
        "e": "described",
        "g": "added",
    }
    assert kinds(samples, 1, None) == expected
    freeze(samples, 2)
    assert kinds(samples, 1, 2) == expected
    assert kinds(samples, 2, 1) == expected | {"a": "added", "g": "removed"}
    change = next(c for c in samples.changes("shop", 2, 1) if c.filename == "d")
    assert (change.old_split, change.new_split) == ("val", "train")


def test_going_back_before_a_commit_leaves_no_trace(samples):
    samples.add("shop", [row("a", split="val", metadata={"x": 1}), row("b")])
    freeze(samples, 1)
    samples.remove("shop", ["a"])
    samples.add("shop", [row("a", "changed")])
    samples.remove("shop", ["a"])
    samples.add("shop", [row("a", metadata={"x": 1})])
    samples.add("shop", [row("new")])
    samples.remove("shop", ["new"])
    assert kinds(samples, 1, None) == {}


def test_a_change_that_was_undone_two_versions_later_is_no_change(samples):
    samples.add("shop", [row("a")])
    freeze(samples, 1)
    samples.add("shop", [row("a", "other")])
    freeze(samples, 2)
    samples.add("shop", [row("a")])
    freeze(samples, 3)
    assert kinds(samples, 1, 3) == {}
    assert kinds(samples, 1, 2) == {"a": "modified"}


def test_changes_page_by_filename(samples):
    samples.add("shop", [row(f"{n:03d}") for n in range(10)])
    freeze(samples, 1)
    samples.add("shop", [row(f"{n:03d}", "other") for n in range(10)])
    first = list(samples.changes("shop", 1, None, limit=4))
    rest = list(samples.changes("shop", 1, None, after=first[-1].filename))
    assert [c.filename for c in first + rest] == [f"{n:03d}" for n in range(10)]


def test_what_a_replacement_leaves_open_is_kept_while_the_bytes_are_the_same(samples):
    label = Annotation()
    samples.annotate([label])
    full = row("a", split="val", annotation=label.digest, width=3, metadata={"x": 1})
    samples.add("shop", [full])
    assert samples.add("shop", [row("a")]) == Added(unchanged=1)
    samples.add("shop", [row("a", metadata={"y": 2})])
    assert samples.get("shop", "a").metadata == {"x": 1, "y": 2}
    samples.add("shop", [row("a", "other bytes")])
    after = samples.get("shop", "a")
    assert (after.split, after.annotation, after.width, after.metadata) == ("val", None, 0, {})


def test_held_rows_stay_out_of_the_version_and_stay_pending(samples):
    samples.add("shop", [row("a"), row("b")])
    freeze(samples, 1)
    samples.add("shop", [row("b", "other"), row("c"), row("d")])
    samples.hold("shop", ["b", "c"])
    assert kinds(samples, 1, 2) == {"d": "added"}
    freeze(samples, 2)
    assert kinds(samples, 1, 2) == {"d": "added"}
    assert samples.get("shop", "b", version=2) == row("b")
    assert [s.filename for s in samples.pending("shop")] == ["b", "c"]
    freeze(samples, 3)
    assert kinds(samples, 2, 3) == {"b": "modified", "c": "added"}


def test_bytes_remember_their_split_even_after_removal(samples):
    samples.add("shop", [row("a", split="test"), row("b", split="train"), row("c")])
    freeze(samples, 1)
    samples.remove("shop", ["a"])
    freeze(samples, 2)
    digests = [row(n).digest for n in "abcd"]
    assert samples.homes("shop", digests) == {digests[0]: "test", digests[1]: "train"}


def test_counts_by_split(samples):
    samples.add("shop", [row("a", split="val"), row("b", split="train"), row("c", split="train")])
    assert samples.count("shop") == {"train": 2, "val": 1}
    samples.assign("shop", {"a": "test"})
    assert samples.count("shop") == {"test": 1, "train": 2}


def test_manifest_lines_are_the_canonical_json_of_the_rows(samples):
    rows = [row("b"), row("a", split="val", metadata={"z": [1.5, None], "a": "ü"})]
    samples.add("shop", rows)
    text = b"".join(samples.lines("shop")).decode()
    assert text == "".join(r.line + "\n" for r in sorted(rows, key=lambda r: r.filename))


def test_annotations_are_found_by_digest(samples):
    label = Annotation(objects=(Object(id="1", class_name="x", box=(0, 0, 1, 1)),))
    samples.annotate([label, Annotation()])
    samples.annotate([label])
    assert samples.annotations([label.digest]) == {label.digest: label}
    with pytest.raises(NotFound, match="no annotation ffff"):
        samples.annotations([label.digest, "f" * 64])


def test_datasets_and_workspaces_do_not_see_each_other(store):
    with store.catalog(SCOPE).transaction() as records:
        records.samples.add("one", [row("a")])
    with store.catalog(SCOPE.model_copy(update={"workspace": "other"})).transaction() as records:
        assert records.samples.page("one") == []
        records.samples.add("one", [row("b")])
    with store.catalog(SCOPE).read() as records:
        assert [s.filename for s in records.samples.rows("one")] == ["a"]
        assert list(records.samples.rows("two")) == []


def test_many_rows_cross_the_size_of_a_chunk(samples):
    names = [f"{n:05d}" for n in range(2500)]
    assert samples.add("shop", (row(n) for n in names)).added == 2500
    freeze(samples, 1)
    assert samples.remove("shop", names[::2]) == 1250
    assert sum(1 for _ in samples.changes("shop", 1, None)) == 1250
    assert [s.filename for s in samples.rows("shop")] == names[1::2]
