"""Laws of matching the objects of two annotations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viseon.datasets.compare import class_list
from viseon.datasets.match import alone, match
from viseon.schema import Annotation, Object

NAMES = st.sampled_from(["bag", "cart", "person"])


@st.composite
def objects(draw):
    found = []
    for number in range(draw(st.integers(0, 6))):
        x, y = (draw(st.integers(0, 60)) for _ in range(2))
        w, h = (draw(st.integers(4, 40)) for _ in range(2))
        found.append(
            Object(id=f"{number}", class_name=draw(NAMES), box=(x, y, x + w, y + h))
        )  # fmt: skip
    return found


annotations = st.builds(
    lambda things, classes: Annotation(objects=tuple(things), classes=tuple(classes)),
    objects(),
    st.lists(NAMES, unique=True, max_size=2),
)


def kinds(old, new, **given):
    found = match(old, new, **({"moved_px": 2, "renames": {}} | given))
    return sorted((c.kind, c.old_class, c.new_class) for c in found.changes)


@given(annotations)
def test_nothing_differs_from_itself_whatever_its_ids(a):
    renumbered = [o.model_copy(update={"id": f"n{n}"}) for n, o in enumerate(reversed(a.objects))]
    other = a.model_copy(update={"objects": tuple(renumbered)})
    for found in (match(a, a, moved_px=0, renames={}), match(a, other, moved_px=0, renames={})):
        assert (found.changes, found.nudged) == ((), 0)


@given(annotations, annotations)
def test_every_object_is_accounted_for_once(old, new):
    found = match(old, new, moved_px=0, renames={})
    boxes = [c for c in found.changes if c.old_box or c.new_box]
    gone = sum(c.kind == "removed" for c in boxes)
    come = sum(c.kind == "added" for c in boxes)
    assert len(old.objects) - gone == len(new.objects) - come
    assert len([c for c in boxes if c.old_box]) <= len(old.objects)
    assert found.nudged == 0


@given(annotations, annotations)
def test_backwards_is_the_same_change_undone(old, new):
    swap = {"added": "removed", "removed": "added"}
    there, back = kinds(old, new), kinds(new, old)
    count = {k: sum(c[0] == k for c in there) for k in ("added", "removed", "reclassified")}
    assert {swap.get(k, k): n for k, n in count.items()} == {
        k: sum(c[0] == k for c in back) for k in count
    }


@given(annotations)
def test_a_file_that_comes_brings_everything_in_it(a):
    expected = len(a.objects) + len(a.classes)
    for added, kind in ((True, "added"), (False, "removed")):
        assert [c.kind for c in alone(a, added=added)] == [kind] * expected


def thing(id, name, x, y=0, size=20, **more):
    return Object(id=id, class_name=name, box=(x, y, x + size, y + size), **more)


def said(*things, classes=()):
    return Annotation(objects=things, classes=classes)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # the first of four lines is deleted, so all others get another number
        (
            said(thing("1", "a", 0), thing("2", "b", 50), thing("3", "a", 100)),
            said(thing("1", "b", 50), thing("2", "a", 100)),
            [("removed", "a", None)],
        ),
        # the same, and one of the others moved a little: overlap beats a number used again
        (
            said(thing("1", "a", 0), thing("2", "a", 50)),
            said(thing("1", "a", 54)),
            [("moved", "a", "a"), ("removed", "a", None)],
        ),
        # an id that is kept is followed anywhere
        (said(thing("x", "a", 0)), said(thing("x", "a", 200)), [("moved", "a", "a")]),
        (
            said(thing("x", "a", 0)),
            said(thing("x", "b", 200)),
            [("added", None, "b"), ("removed", "a", None)],
        ),
        (said(thing("x", "a", 0)), said(thing("y", "b", 1)), [("reclassified", "a", "b")]),
        # two in one place: each keeps its class
        (
            said(thing("1", "a", 0), thing("2", "b", 1)),
            said(thing("8", "b", 0), thing("9", "a", 1)),
            [],
        ),
        (said(thing("x", "a", 0)), said(thing("x", "a", 2)), []),
        (said(thing("x", "a", 0)), said(thing("x", "a", 2.5)), [("moved", "a", "a")]),
        (
            said(thing("x", "a", 0, attributes={"worn": True})),
            said(thing("x", "a", 0, attributes={"worn": False})),
            [("edited", "a", "a")],
        ),
        (said(classes=("a",)), said(classes=("b",)), [("reclassified", "a", "b")]),
        (said(classes=("a",)), said(classes=("a", "b")), [("added", None, "b")]),
        (said(thing("x", "old", 0)), said(thing("x", "new", 0)), [("renamed", "old", "new")]),
    ],
)
def test_what_became_of_an_object(old, new, expected):
    found = kinds(old, new, renames={"old": "new"})
    assert found == sorted(expected, key=lambda c: (c[0], c[1] or "", c[2] or ""))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (("a", "b"), ("a", "c"), {"renamed": (("b", "c"),)}),
        (("a",), ("a", "b"), {"added": ("b",)}),
        (("a", "b"), ("a",), {"removed": ("b",)}),
        (("a", "b"), ("b", "a"), {"reordered": True}),
        (("a", "b", "c"), ("b", "c"), {"removed": ("a",)}),
    ],
)
def test_what_became_of_the_list_of_classes(old, new, expected):
    found = class_list(old, new)
    plain = {"added": (), "removed": (), "renamed": (), "reordered": False} | expected
    assert found.model_dump() == plain
